#!/usr/bin/env python3
"""kazoo's own test suite, which starts a ZooKeeper server by itself with `java … QuorumPeerMain zoo.cfg`, on millrace-coordinator: a
program called java, first in PATH, passes the configuration and the -D options on.

Usage: coordinator_kazoo_suite.py BINARY. Needs kazoo with its tests, pytest and mock for /usr/bin/python3 (Debian: python3-kazoo,
python3-pytest, python3-mock); exit 77 (skipped) without them.
"""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from free_port import free_port  # noqa: E402

SKIPPED = 77
SECONDS = 240
PYTHON = "/usr/bin/python3"
PORTS = 4  # that the suite gives to a server: clients, two for an ensemble, admin

# One process for each line, at the same time; the suite mostly waits.
GROUPS = [
    ["client"],
    ["lock", "connection", "queue", "lease"],
    ["watchers", "counter", "election", "party", "barrier"],
    ["partitioner", "interrupt", "threading_handler", "exceptions", "paths", "retry", "security", "hosts"],
]
# What a single Java server of 3.9.5 does not pass either: an ensemble is needed.
NEEDS_AN_ENSEMBLE = ["test_update_host_list", "test_request_queuing_session_recovered", "TestReconfig", "TestReadOnlyMode"]

JAVA = """#!{python}
import os, sys
options = [word[2:] for word in sys.argv[1:] if word.startswith(("-Dzookeeper.", "-Dreadonlymode."))]
log = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.dup2(log, 1)
os.dup2(log, 2)
os.execv({binary!r}, [{binary!r}, sys.argv[-1]] + [word for option in options for word in ("-D", option)])
"""


def free_ports():
    """The first of PORTS ports in a row that are free."""
    while True:
        port = free_port()
        try:
            for following in range(port + 1, port + PORTS):
                with socket.socket() as other:
                    other.bind(("127.0.0.1", following))
            return port
        except OSError:
            continue


def run_group(modules, folder, port):
    """(exit code, output) of the tests of these modules, all against one server."""
    environment = dict(os.environ, PATH=f"{folder}/bin:{os.environ['PATH']}", ZOOKEEPER_CLASSPATH="none", ZOOKEEPER_VERSION="3.9.5",
                       ZOOKEEPER_CLUSTER_SIZE="1", ZOOKEEPER_PORT_OFFSET=str(port))
    command = [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", "-k",
               " and ".join(f"not {name}" for name in NEEDS_AN_ENSEMBLE), "--pyargs", *[f"kazoo.tests.test_{name}" for name in modules]]
    try:
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder,
                              timeout=SECONDS)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as error:
        return 1, f"{(error.stdout or b'').decode()}\nstill running after {SECONDS} seconds"


def run(binary, folder):
    (folder / "bin").mkdir()
    shim = folder / "bin" / "java"
    shim.write_text(JAVA.format(python=PYTHON, binary=binary, log=str(folder / "server.log")))
    shim.chmod(0o755)
    failures = 0
    ports = [free_ports() for _ in GROUPS]
    with ThreadPoolExecutor(len(GROUPS)) as pool:
        for modules, (code, output) in zip(GROUPS, pool.map(lambda pair: run_group(pair[0], folder, pair[1]), zip(GROUPS, ports))):
            summary = re.findall(r"^\d+ (?:passed|failed).*$", output, re.MULTILINE)
            good = code == 0 and summary
            failures += not good
            print(f"{'ok' if good else 'FAILED'}: kazoo's own tests of {', '.join(modules)}: {' '.join(summary)}", flush=True)
            if not good:
                print(output[-6000:])
    if failures:
        print((folder / "server.log").read_text(errors="replace")[-4000:])
    return failures


def main():
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    there = subprocess.run([PYTHON, "-c", "import pytest, mock, kazoo.tests.test_client"], capture_output=True)
    if there.returncode:
        print("skipped: python3-kazoo, python3-pytest and python3-mock are not all installed")
        return SKIPPED
    folder = pathlib.Path(tempfile.mkdtemp(prefix="coordinator-kazoo-suite-"))
    try:
        return 1 if run(os.path.abspath(sys.argv[1]), folder) else 0
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
