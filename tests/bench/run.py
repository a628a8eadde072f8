#!/usr/bin/env python3
"""Measures our servers and the Java servers in one run, in turn (ours, Java, ours, Java, …), and prints medians and the median
of the ratios of the pairs. CPU is user plus system time of the server process, from /proc.

Usage: run.py --bin DIR --zookeeper JARS --kafka JARS [--pairs N] [--quick] [--only TITLE]
"""
import argparse
import os
import pathlib
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from free_port import free_port  # noqa: E402

READERS = 2
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def knows_itself(port):
    """A Java broker listens before it is part of its cluster, and can make no topics by then. Asks for Metadata 1 of no topics."""
    request = struct.pack(">hhihi", 3, 1, 1, -1, 0)
    with socket.create_connection(("127.0.0.1", port), 1) as connection:
        connection.settimeout(1)
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = connection.recv(12, socket.MSG_WAITALL)
        return len(answer) == 12 and struct.unpack(">iii", answer)[2] > 0


def serves_sessions(port):
    """A Java coordinator listens before it has a tree, and closes whoever comes by then."""
    with socket.create_connection(("127.0.0.1", port), 1) as connection:
        connection.sendall(b"srvr")
        return b"Mode:" in b"".join(iter(lambda: connection.recv(4096), b""))


def wait_until(is_ready, port, process, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if is_ready(port):
                return
        except OSError:
            pass
        if process.poll() is not None:
            raise RuntimeError(f"a server ended with {process.returncode}")
        time.sleep(0.002)
    raise RuntimeError("a server did not start in time")


def output_of(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr}")
    return done.stdout.split()


class Server:
    """One server process with a data directory of its own."""

    def __init__(self, folder, command, port, is_ready):
        self.log = open(folder / "log", "wb")
        self.began = time.monotonic()
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd=folder)
        self.port = port
        wait_until(is_ready, port, self.process)
        self.start_seconds = time.monotonic() - self.began

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Bench:
    def __init__(self, arguments):
        self.bin = pathlib.Path(arguments.bin)
        self.tests = self.bin.parent / "tests"
        self.jars = {"zookeeper": arguments.zookeeper, "kafka": arguments.kafka}
        self.pairs = arguments.pairs
        self.only = arguments.only
        self.seconds = 3 if arguments.quick else 8
        self.scale = 1 if arguments.quick else 4
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-bench-"))

    def fresh(self, name):
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def coordinator(self, ours, name="zk"):
        folder, port = self.fresh(name), free_port()
        (folder / "zoo.cfg").write_text(
            f"dataDir={folder}/data\nclientPort={port}\ntickTime=2000\nadmin.enableServer=false\nmaxClientCnxns=0\n")
        if ours:
            command = [self.bin / "millrace-coordinator", "zoo.cfg"]
        else:
            (folder / "logback.xml").write_text("<configuration><root level=\"OFF\"/></configuration>")
            command = ["java", "-Xmx1g", f"-Dlogback.configurationFile={folder}/logback.xml", "-cp",
                       self.jars["zookeeper"] + "/*", "org.apache.zookeeper.server.quorum.QuorumPeerMain", "zoo.cfg"]
        return Server(folder, command, port, serves_sessions)

    def broker(self, ours, flush, coordinator):
        folder, port = self.fresh("kafka"), free_port()
        chroot = f"/{'ours' if ours else 'java'}-{flush}-{port}"
        (folder / "server.properties").write_text(
            f"broker.id=0\nlisteners=PLAINTEXT://127.0.0.1:{port}\nlog.dirs={folder}/data\n"
            f"zookeeper.connect=127.0.0.1:{coordinator.port}{chroot}\noffsets.topic.replication.factor=1\n"
            "group.initial.rebalance.delay.ms=0\nnum.partitions=1\n" +
            (f"millrace.flush.before.ack={str(flush).lower()}\nmillrace.admin.listener=\n" if ours else
             ("log.flush.interval.messages=1\n" if flush else "")))
        if ours:
            command = [self.bin / "millrace-broker", "server.properties"]
        else:
            (folder / "log4j.properties").write_text("log4j.rootLogger=OFF\n")
            command = ["java", "-Xms512m", "-Xmx1g", "-XX:+UseG1GC", f"-Dlog4j.configuration=file:{folder}/log4j.properties",
                       "-cp", self.jars["kafka"] + "/*", "kafka.Kafka", "server.properties"]
        return Server(folder, command, port, knows_itself)

    def run_coordinator(self, ours, operation):
        server = self.coordinator(ours)
        try:
            load = [self.tests / "zk_bench", f"127.0.0.1:{server.port}", operation, "32", "16", str(self.seconds), "100"]
            if not ours:  # the JIT needs a warm server
                output_of([*load[:5], str(max(self.seconds, 8)), "100"])
            before, began = cpu_seconds(server.pid), time.monotonic()
            out = output_of(load)
            spent = (cpu_seconds(server.pid) - before) / (time.monotonic() - began)
            return {"per second": float(out[0]), "cpu us/op": spent * 1e6 / float(out[0]), "p99 us": float(out[2])}
        finally:
            server.stop()

    def run_broker(self, ours, flush, size):
        coordinator = self.coordinator(True, "zk-for-kafka")
        server = self.broker(ours, flush, coordinator)
        try:
            total = self.scale * (50_000_000 if size < 1000 else 250_000_000)
            if flush:  # a Java broker takes its time
                total //= 4
            count = total // size
            at = f"127.0.0.1:{server.port}"
            if not ours:
                self.load("produce", at, "warm", count // 2, size)
                self.load("consume", at, "warm", count // 2, size)
            before = cpu_seconds(server.pid)
            produced = self.load("produce", at, "bench", count, size)
            middle = cpu_seconds(server.pid)
            consumed = self.read(at, "bench", count, size)
            after = cpu_seconds(server.pid)
            return {"in msg/s": produced, "in cpu s/GB": (middle - before) / total * 1e9, "out msg/s": consumed,
                    "out cpu s/GB": (after - middle) / (READERS * total) * 1e9}
        finally:
            server.stop()
            coordinator.stop()

    def load(self, what, at, topic, count, size):
        return float(output_of(self.client(what, at, topic, count, size))[0])

    def read(self, at, topic, count, size):
        """Two readers at a time: one alone leaves cores idle and measures the client. Messages per second of both."""
        readers = [subprocess.Popen(self.client("consume", at, topic, count, size), stdout=subprocess.PIPE, text=True)
                   for _ in range(READERS)]
        outputs = [reader.communicate()[0] for reader in readers]
        if any(reader.returncode != 0 for reader in readers):
            raise RuntimeError("a reader failed")
        return sum(float(output.split()[0]) for output in outputs)

    def client(self, what, at, topic, count, size):
        return [self.tests / "kafka_bench", what, at, topic, str(count), str(size)]

    def run_idle(self, start):
        server, extra = start()
        try:
            time.sleep(3)
            before = cpu_seconds(server.pid)
            time.sleep(5)
            return {"start ms": server.start_seconds * 1000, "idle RSS MiB": rss_mib(server.pid),
                    "idle cpu %": (cpu_seconds(server.pid) - before) / 5 * 100}
        finally:
            server.stop()
            for other in extra:
                other.stop()

    def idle_broker(self, ours):
        coordinator = self.coordinator(True, "zk-for-kafka")
        return self.broker(ours, True, coordinator), [coordinator]

    def operator(self):
        """In local mode: API server, process runtime and operator in one, looking after nothing yet."""
        folder = self.fresh("operator")
        address = folder / "api-server.url"
        command = [self.bin / "millrace-operator", "--local", folder]

        def serves_resources(_):
            url = address.read_text().strip()
            return urllib.request.urlopen(f"{url}/apis/millrace.dev/v1alpha1/kafkatopics", timeout=1).status == 200

        return Server(folder, command, 0, serves_resources)

    def compare(self, title, measure):
        if self.only not in title:
            return
        pairs = [(measure(True), measure(False)) for _ in range(self.pairs)]
        for key in pairs[0][0]:
            ours = statistics.median(p[0][key] for p in pairs)
            java = statistics.median(p[1][key] for p in pairs)
            ratios = [p[0][key] / p[1][key] for p in pairs if p[1][key] > 0]
            ratio = f"{statistics.median(ratios):8.3f}" if ratios else "       -"
            print(f"{title:34} {key:14} {ours:14.2f} {java:14.2f} {ratio}", flush=True)

    def alone(self, title, measure):
        """What has no counterpart among the Java servers."""
        if self.only not in title:
            return
        figures = [measure() for _ in range(self.pairs)]
        for key in figures[0]:
            ours = statistics.median(figure[key] for figure in figures)
            print(f"{title:34} {key:14} {ours:14.2f} {'-':>14} {'-':>8}", flush=True)

    def run(self):
        print(f"{'':34} {'':14} {'ours':>14} {'Java':>14} {'ratio':>8}", flush=True)
        for operation in ("get", "set", "create"):
            self.compare(f"coordinator {operation} 32x16 100 B", lambda ours, o=operation: self.run_coordinator(ours, o))
        for size in (100, 1024):
            for flush in (False, True):
                name = f"broker {size} B {'flush' if flush else 'page cache'}"
                self.compare(name, lambda ours, f=flush, s=size: self.run_broker(ours, f, s))
        self.compare("coordinator idle", lambda ours: self.run_idle(lambda: (self.coordinator(ours), [])))
        self.compare("broker idle", lambda ours: self.run_idle(lambda: self.idle_broker(ours)))
        self.alone("operator idle", lambda: self.run_idle(lambda: (self.operator(), [])))
        shutil.rmtree(self.folder)


def main():
    arguments = argparse.ArgumentParser()
    for name in ("--bin", "--zookeeper", "--kafka"):
        arguments.add_argument(name, required=True)
    arguments.add_argument("--pairs", type=int, default=5)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--only", default="", help="rows whose title holds this")
    Bench(arguments.parse_args()).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
