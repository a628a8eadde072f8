#!/usr/bin/env python3
"""What a user sees when the local mode cannot start or cannot run what it should, and how soon and how small it is otherwise.

Usage: operator_start.py OPERATOR.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from operator_cluster import Cluster, Operator, wait_until

READY_MILLIS = 100
RESIDENT_KIB = 16 * 1024


def ended(binary, *arguments):
    return subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, timeout=30)


def check_port(binary, folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = ended(binary, "--local", folder / "a", "--port", port)
        assert done.returncode == 3 and f"127.0.0.1:{port}" in done.stderr and "in use" in done.stderr, done
        done = ended(binary, "--local", folder / "a", "--admin", f"127.0.0.1:{port}")
        assert done.returncode == 3 and f"127.0.0.1:{port}" in done.stderr and "in use" in done.stderr, done


def check_directory(binary, operator, folder):
    done = ended(binary, "--local", operator.directory)
    told = f"{operator.directory} is in use by the operator with pid {operator.process.pid}"
    assert done.returncode == 3 and told in done.stderr, done
    file = folder / "file"
    file.write_text("")
    done = ended(binary, "--local", file / "x")
    assert done.returncode in (3, 4) and str(file) in done.stderr, done


def check_manifest(binary, folder):
    done = ended(binary, "--local", folder / "b", "--apply", folder / "nothing.yaml")
    assert done.returncode == 2 and "nothing.yaml" in done.stderr, done
    odd = folder / "odd.yaml"
    odd.write_text("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n")
    done = ended(binary, "--local", folder / "b", "--apply", odd)
    assert done.returncode == 2 and "Deployment" in done.stderr, done
    odd.write_text("apiVersion: millrace.dev/v1alpha1\nkind: KafkaTopic\nmetadata: {name: x}\nspec: {partitions: 0}\n")
    done = ended(binary, "--local", folder / "b", "--apply", odd)
    assert done.returncode == 2 and "spec.partitions" in done.stderr, done


def check_size(operator):
    """Idle, from the start of the process to the API server's answer, and what it occupies."""
    began = time.monotonic()
    operator.spawn()
    while not operator.listens():
        time.sleep(0.002)
    told = (operator.directory / "api-server.url").read_text().strip()
    host, port = told.removeprefix("http://").split(":")

    def ready():
        with socket.create_connection((host, int(port)), 1) as api:
            api.sendall(b"GET /apis/millrace.dev/v1alpha1/kafkaclusters HTTP/1.0\r\n\r\n")
            return b" 200 " in api.recv(64)

    while not ready():
        time.sleep(0.002)
    millis = (time.monotonic() - began) * 1000
    status = pathlib.Path(f"/proc/{operator.process.pid}/status").read_text()
    resident = int(status.split("VmRSS:")[1].split()[0])
    print(f"ready after {millis:.0f} ms, {resident} KiB resident", flush=True)
    assert resident < RESIDENT_KIB, f"{resident} KiB resident"
    return millis


def check_missing_programs(binary, folder):
    """An operator without its brokers beside it: the pods say what is missing."""
    alone = folder / "alone"
    alone.mkdir()
    shutil.copy(binary, alone / "millrace-operator")
    operator = Operator(alone / "millrace-operator", folder / "bare")
    cluster = Cluster(operator)
    try:
        operator.start()
        wait_until("the kinds are served", lambda: cluster.kubectl("get", "cens", check=False).returncode == 0)
        cluster.apply({"kind": "CoordinatorEnsemble", "metadata": {"name": "zoo"}, "spec": {}})
        told = wait_until("the ensemble says what is missing", lambda: next(
            (c for c in (cluster.get("cens", "zoo") or {}).get("status", {}).get("conditions", [])
             if "millrace-coordinator" in c["message"] and "zoo-coordinator-1" in c["message"]), None))
        assert told["reason"] == "RunContainerError", told
        described = cluster.kubectl("describe", "pod", "zoo-coordinator-1").stdout
        assert "cannot start millrace-coordinator" in described, described
        log = operator.directory.with_suffix(".log").read_text()
        assert "settings are not checked" in log, log
    finally:
        operator.process.send_signal(signal.SIGTERM)
        assert operator.process.wait(timeout=20) == 0
        operator.kill_all()


def main(binary):
    if shutil.which("kubectl") is None:
        print("skipped: kubectl is not installed")
        return 77
    folder = pathlib.Path(tempfile.mkdtemp(prefix="operator-start-"))
    operator = Operator(binary, folder / "cluster")
    try:
        millis = check_size(operator)
        check_port(binary, folder)
        check_directory(binary, operator, folder)
        check_manifest(binary, folder)
        assert operator.terminate() == 0
        # A machine that is busy with other things may be late once.
        for attempt in range(4):
            if millis < READY_MILLIS:
                break
            again = Operator(binary, folder / f"again-{attempt}")
            millis = check_size(again)
            assert again.terminate() == 0
        assert millis < READY_MILLIS, f"ready after {millis:.0f} ms"
        check_missing_programs(binary, folder)
    finally:
        operator.kill_all()
        shutil.rmtree(folder, ignore_errors=True)
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
