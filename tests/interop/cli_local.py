#!/usr/bin/env python3
"""`millrace up | status | down`: first and later lives of a directory, a killed operator, taken ports, Ctrl-C at any moment.

Usage: cli_local.py BIN_DIRECTORY.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

from cli_runs import BIN, PATIENCE, Terminal, run, until

LONG = 150  # seconds; a shared machine may be slow to start four servers


def processes_of(folder):
    """Pids of the servers and operators that work in the folder."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if f"{folder}/" in words or words.endswith(f"{folder}\0") or f"{folder}\0" in words:
                found.append((int(entry.name), words.split("\0")[0].rsplit("/", 1)[-1]))
    return found


class Local(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="cli-local-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.addCleanup(self.end_all)

    def end_all(self):
        run("millrace", "down", "--dir", self.folder, timeout=LONG)
        for pid, _ in processes_of(self.folder):
            os.kill(pid, signal.SIGKILL)

    def up(self):
        """A cluster that stays, as a child; returns when it is ready."""
        cluster = subprocess.Popen([BIN / "millrace", "up", "--dir", self.folder], stdout=subprocess.PIPE, text=True)
        self.addCleanup(cluster.stdout.close)
        self.addCleanup(cluster.kill)
        for line in cluster.stdout:
            if "It runs until Ctrl-C" in line:
                return cluster
        raise AssertionError("it ended before it was ready")

    def test_the_demo_ends_by_itself_without_a_terminal(self):
        for life in ("first", "second"):
            shown = run("millrace", "up", "--demo", "--dir", self.folder, timeout=LONG)
            self.assertEqual(shown.returncode, 0, f"{life} life: {shown.stdout}{shown.stderr}")
            self.assertTrue(shown.stdout.startswith(f"Everything this run writes lies in {self.folder}\n"))
            for title in ("CoordinatorEnsemble zoo", "KafkaCluster demo", "BrokerPool brokers", "KafkaTopic demo"):
                self.assertRegex(shown.stdout, rf"  {title} +ready after \d+\.\d s\n")
            self.assertIn("lines came back, all as they were sent.", shown.stdout)
            for command in (r"kcat -b \S+:9092 -L", r"kafka-topics.sh --bootstrap-server \S+:9092 --describe",
                            r"zkCli.sh -server \S+:2181 ls /brokers/ids", r"kubectl --server http://127.0.0.1:\d+ get millrace"):
                self.assertRegex(shown.stdout, command)
            self.assertIn("Stopped in order.", shown.stdout)
            self.assertEqual(processes_of(self.folder), [])

    def test_status_and_down(self):
        self.assertEqual(run("millrace", "status", "--dir", self.folder).returncode, 1)
        self.assertEqual(run("millrace", "down", "--dir", self.folder).returncode, 0)
        cluster = self.up()
        told = run("millrace", "status", "--dir", self.folder)
        self.assertEqual(told.returncode, 0, told.stdout)
        self.assertRegex(told.stdout, r"KafkaCluster demo +True +\S+:\d+")
        status = json.loads(run("millrace", "status", "--dir", self.folder, "--output", "json").stdout)
        self.assertEqual({(entry["kind"], entry["ready"]) for entry in status["resources"]},
                         {(kind, True) for kind in ("CoordinatorEnsemble", "KafkaCluster", "BrokerPool", "KafkaTopic")})
        second = run("millrace", "up", "--dir", self.folder)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"a cluster runs in {self.folder} already", second.stderr)
        self.assertEqual(run("millrace", "down", "--dir", self.folder, timeout=LONG).returncode, 0)
        self.assertEqual(cluster.wait(PATIENCE), 0)
        gone = run("millrace", "status", "--dir", self.folder)
        self.assertEqual((gone.returncode, gone.stdout), (1, f"Nothing runs in {self.folder}.\n"))
        self.assertEqual(json.loads(run("millrace", "status", "--dir", self.folder, "--output=json").stdout)["resources"], [])

    def test_a_killed_operator(self):
        cluster = self.up()
        before = {pid for pid, name in processes_of(self.folder) if name in ("millrace-broker", "millrace-coordinator")}
        self.assertEqual(len(before), 4)
        status = json.loads(run("millrace", "status", "--dir", self.folder, "--output", "json").stdout)
        os.kill(status["operator"], signal.SIGKILL)
        self.assertEqual(cluster.wait(PATIENCE), 1)
        told = run("millrace", "status", "--dir", self.folder)
        self.assertEqual(told.returncode, 1)
        self.assertIn("has died; its servers still run", told.stdout)
        # The next life goes on with the same servers.
        shown = run("millrace", "up", "--demo", "--dir", self.folder, timeout=LONG)
        self.assertEqual(shown.returncode, 0, shown.stdout + shown.stderr)
        self.assertIn("Stopped in order.", shown.stdout)
        self.assertEqual(processes_of(self.folder), [])

    def test_down_ends_what_a_killed_operator_left(self):
        cluster = self.up()
        status = json.loads(run("millrace", "status", "--dir", self.folder, "--output", "json").stdout)
        os.kill(status["operator"], signal.SIGKILL)
        cluster.wait(PATIENCE)
        ended = run("millrace", "down", "--dir", self.folder, timeout=LONG)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        self.assertEqual(processes_of(self.folder), [])
        told = run("millrace", "status", "--dir", self.folder)
        self.assertEqual(told.stdout, f"Nothing runs in {self.folder}; the operator there has died.\n")

    def test_a_taken_port(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            shown = run("millrace", "up", "--demo", "--dir", self.folder, "--port", str(port))
        self.assertEqual(shown.returncode, 1)
        self.assertIn("the operator ended with exit code 3", shown.stderr)
        self.assertIn(str(port), shown.stderr)

    def test_a_port_that_the_brokers_need(self):
        # In a network namespace of its own, where the port can be taken on every address.
        alone = ["unshare", "--net", "sh", "-c"]
        if shutil.which("unshare") is None or subprocess.run([*alone, "ip link set lo up"], capture_output=True).returncode != 0:
            self.skipTest("network namespaces are not allowed here")
        take = "import socket, sys; s = socket.create_server(('0.0.0.0', 9092)); print(flush=True); sys.stdin.read()"
        script = f"""ip link set lo up; mkfifo {self.folder}/end {self.folder}/taken
            {sys.executable} -c "{take}" <{self.folder}/end >{self.folder}/taken & exec 3>{self.folder}/end
            read -r line <{self.folder}/taken
            {BIN}/millrace up --demo --dir {self.folder} --timeout 8; echo "code $?" """
        shown = subprocess.run([*alone, script], capture_output=True, text=True, timeout=LONG)
        self.assertIn("code 1", shown.stdout)
        self.assertRegex(shown.stdout, r"after \d+ s: BrokerPool brokers is not ready: .*9092: Address already in use")
        self.assertRegex(shown.stderr, "BrokerPool brokers is not ready: .*9092: Address already in use")

    def test_terminated_it_stops_the_servers(self):
        cluster = self.up()
        cluster.terminate()
        self.assertEqual(cluster.wait(LONG), 0)
        self.assertEqual(processes_of(self.folder), [])

    def test_ctrl_c_at_any_moment(self):
        moments = ["Everything this run writes", "CoordinatorEnsemble zoo", "Sending", "Reading them back"]
        for moment in moments:
            terminal = Terminal("millrace", "up", "--demo", "--dir", self.folder)
            terminal.expect(moment, LONG)
            terminal.type("\x03")
            code = terminal.end()
            if "It runs until" not in terminal.shown:
                self.assertEqual(code, 130, terminal.shown)
                self.assertIn("Interrupted", terminal.shown)
            self.assertRegex(terminal.shown, "Stopped in order|The operator")
            until(lambda: processes_of(self.folder) == [], f"everything has ended after {moment}")
        # What was cut off does no harm to the next run, which stays until it is told to end.
        terminal = Terminal("millrace", "up", "--demo", "--dir", self.folder)
        terminal.expect("It runs until Ctrl-C", LONG)
        self.assertIn("all as they were sent", terminal.shown)
        terminal.type("\x03")
        self.assertEqual(terminal.end(), 0)
        self.assertIn("Stopped in order.", terminal.shown)

    def test_wrong_usage(self):
        self.assertEqual(run("millrace", "up", "/does/not/exist.yaml", "--dir", self.folder).returncode, 2)
        self.assertEqual(run("millrace", "up", "--port", "70000").returncode, 2)
        self.assertEqual(run("millrace", "status", "--output", "xml").returncode, 2)
        for command in ("up", "status", "down"):
            self.assertTrue(re.search("Usage: millrace " + command, run("millrace", command, "-h").stdout))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=1)
