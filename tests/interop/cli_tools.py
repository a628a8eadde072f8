#!/usr/bin/env python3
"""Runs every command of `millrace` as a user types it, against our own coordinator and broker.

Usage: cli_tools.py BIN_DIRECTORY. Expected texts and exit codes are those of the tools of Kafka 3.9 and ZooKeeper 3.9.
"""
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import unittest

from cli_runs import BIN, PATIENCE, Terminal, run, until
from zk_servers import free_port

START_MILLIS = 20
NAMES = ("kafka-topics.sh", "kafka-console-producer.sh", "kafka-console-consumer.sh", "kafka-server-start.sh",
         "kafka-server-stop.sh", "zookeeper-server-start.sh", "zookeeper-server-stop.sh", "zkServer.sh", "zkCli.sh", "millrace")


class Servers:
    """One coordinator and one broker, started and stopped with the scripts."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cli-tools-"))
        self.zk_port, self.port = free_port(), free_port()
        self.zk, self.kafka = f"127.0.0.1:{self.zk_port}", f"127.0.0.1:{self.port}"
        self.env = dict(os.environ, LOG_DIR=str(self.folder / "logs"), ZOO_LOG_DIR=str(self.folder / "logs"), TZ="UTC")
        (self.folder / "zoo.cfg").write_text(
            f"tickTime=2000\ndataDir={self.folder}/zk\nclientPort={self.zk_port}\nclientPortAddress=127.0.0.1\n"
            "admin.enableServer=false\n")
        (self.folder / "server.properties").write_text(
            f"broker.id=1\nlisteners=PLAINTEXT://{self.kafka}\nlog.dirs={self.folder}/kafka\n"
            f"zookeeper.connect={self.zk}\noffsets.topic.replication.factor=1\ngroup.initial.rebalance.delay.ms=0\n"
            "millrace.admin.listener=\n")
        self.broker = None

    def zk_server(self, action):
        return run("zkServer.sh", action, str(self.folder / "zoo.cfg"), env=self.env)

    def start(self):
        started = self.zk_server("start")
        assert started.returncode == 0, started
        with (self.folder / "broker.log").open("wb") as log:
            self.broker = subprocess.Popen([BIN / "kafka-server-start.sh", self.folder / "server.properties"],
                                           stdout=subprocess.DEVNULL, stderr=log)
        until(self.serves, "the broker serves")

    def serves(self):
        if self.broker.poll() is not None:
            raise RuntimeError(f"the broker ended: {(self.folder / 'broker.log').read_text()[-2000:]}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.broker is not None:
            self.broker.terminate()
            self.broker.wait(PATIENCE)
        self.zk_server("stop")
        shutil.rmtree(self.folder, ignore_errors=True)


SERVERS = Servers()


def setUpModule():
    unittest.addModuleCleanup(SERVERS.stop)
    SERVERS.start()


def topics(*words):
    return run("kafka-topics.sh", "--bootstrap-server", SERVERS.kafka, *words)


def produce(topic, lines, *words):
    return run("kafka-console-producer.sh", "--bootstrap-server", SERVERS.kafka, "--topic", topic, *words, stdin=lines)


def consume(topic, *words):
    return run("kafka-console-consumer.sh", "--bootstrap-server", SERVERS.kafka, "--topic", topic, *words)


class Binary(unittest.TestCase):
    def test_every_tool_starts_at_once(self):
        for name in NAMES:
            times = []
            for _ in range(11):
                began = time.perf_counter()
                subprocess.run([BIN / name, "--help"], stdout=subprocess.DEVNULL, check=True)
                times.append((time.perf_counter() - began) * 1000)
            print(f"{name} --help: median {statistics.median(times):.1f} ms")
            self.assertLess(statistics.median(times), START_MILLIS, name)

    def test_a_command_may_be_the_first_word(self):
        listed = run("millrace", "topics", "--bootstrap-server", SERVERS.kafka, "--list")
        self.assertEqual(listed.returncode, 0)

    def test_an_unknown_command_is_told_with_the_nearest(self):
        wrong = run("millrace", "kafka-topic")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("did you mean kafka-topics?", wrong.stderr)

    def test_every_command_explains_itself(self):
        for name in NAMES:
            helped = run(name, "--help")
            self.assertEqual((helped.returncode, helped.stderr), (0, ""), name)
            self.assertIn("Usage:", helped.stdout)


class Topics(unittest.TestCase):
    def test_create_list_describe_alter_delete(self):
        made = topics("--create", "--topic", "life", "--partitions", "2", "--replication-factor", "1", "--config",
                      "retention.ms=1000", "--config", "cleanup.policy=compact")
        self.assertEqual((made.returncode, made.stdout), (0, "Created topic life.\n"))
        self.assertIn("life\n", topics("--list").stdout)
        lines = topics("--describe", "--topic", "life").stdout.splitlines()
        self.assertRegex(lines[0], r"^Topic: life\tTopicId: [\w-]{22}\tPartitionCount: 2\tReplicationFactor: 1\t"
                                   r"Configs: cleanup.policy=compact,retention.ms=1000$")
        self.assertEqual(lines[2], "\tTopic: life\tPartition: 1\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: N/A\tLastKnownElr: N/A")
        self.assertEqual(topics("--alter", "--topic", "life", "--partitions", "4").returncode, 0)
        self.assertIn("PartitionCount: 4", topics("--describe", "--topic", "life").stdout)
        self.assertEqual(topics("--delete", "--topic", "life").returncode, 0)
        until(lambda: "life" not in topics("--list").stdout, "the topic is gone")

    def test_an_existing_topic(self):
        topics("--create", "--topic", "twice")
        again = topics("--create", "--topic", "twice")
        self.assertEqual(again.returncode, 1)
        self.assertEqual(again.stdout, "Error while executing topic command : Topic 'twice' already exists.\n")
        self.assertEqual(topics("--create", "--topic", "twice", "--if-not-exists").returncode, 0)

    def test_too_few_brokers(self):
        refused = topics("--create", "--topic", "wide", "--replication-factor", "3")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("Replication factor: 3 larger than available brokers: 1", refused.stdout)

    def test_a_missing_topic(self):
        for action in (["--describe"], ["--delete"], ["--alter", "--partitions", "3"]):
            missing = topics(*action, "--topic", "nope")
            self.assertEqual(missing.returncode, 1)
            self.assertEqual(missing.stdout, "Error while executing topic command : Topic 'nope' does not exist as expected\n")
        self.assertEqual(topics("--delete", "--topic", "nope", "--if-exists").returncode, 0)

    def test_internal_topics_are_left_out_on_demand(self):
        topics("--create", "--topic", "plain")
        consume("plain", "--group", "g-internal", "--timeout-ms", "100")
        self.assertIn("__consumer_offsets", topics("--list").stdout)
        self.assertNotIn("__consumer_offsets", topics("--list", "--exclude-internal").stdout)

    def test_wrong_usage(self):
        self.assertEqual(topics("--lisst").returncode, 2)
        self.assertIn("lisst is not a recognized option; did you mean --list?", topics("--lisst").stderr)
        self.assertEqual(topics().returncode, 1)
        self.assertEqual(topics("--create", "--list").returncode, 1)
        self.assertEqual(topics("--create", "--topic", "x", "--partitions", "abc").returncode, 1)
        self.assertEqual(topics("--list", "stray").returncode, 2)
        later = run("kafka-topics.sh", "--zookeeper", SERVERS.zk, "--list")
        self.assertEqual(later.returncode, 2)
        self.assertIn("later release", later.stderr)

    def test_dashes_of_a_text_editor(self):
        self.assertEqual(topics("\u2013list").returncode, 0)
        self.assertEqual(topics("\u2014list").returncode, 0)

    def test_client_properties(self):
        file = SERVERS.folder / "client.properties"
        file.write_text("request.timeout.ms=5000\nclient.id=me\n")
        self.assertEqual(topics("--list", "--command-config", str(file)).returncode, 0)
        file.write_text("reqest.timeout.ms=5000\n")
        self.assertEqual(topics("--list", "--command-config", str(file)).returncode, 2)

    def test_a_broker_that_is_not_there(self):
        file = SERVERS.folder / "hasty.properties"
        file.write_text("default.api.timeout.ms=500\n")
        gone = run("kafka-topics.sh", "--bootstrap-server", f"127.0.0.1:{free_port()}", "--list", "--command-config", str(file))
        self.assertEqual(gone.returncode, 1)
        self.assertIn("Error while executing topic command : ", gone.stdout)


class Messages(unittest.TestCase):
    def test_lines_come_back_in_order(self):
        topics("--create", "--topic", "lines")
        lines = "".join(f"line {i}\n" for i in range(20000))
        self.assertEqual(produce("lines", lines).returncode, 0)
        back = consume("lines", "--from-beginning", "--max-messages", "20000")
        self.assertEqual(back.returncode, 0)
        self.assertEqual(back.stdout, lines)
        self.assertEqual(back.stderr, "Processed a total of 20000 messages\n")

    def test_keys_choose_partitions_and_are_printed(self):
        topics("--create", "--topic", "keys", "--partitions", "3")
        made = produce("keys", "k1:v1\nk2:v2\nk3:v3\n", "--property", "parse.key=true", "--property", "key.separator=:")
        self.assertEqual(made.returncode, 0)
        printed = consume("keys", "--from-beginning", "--max-messages", "3", "--property", "print.key=true", "--property",
                          "print.partition=true", "--property", "print.offset=true", "--property", "print.timestamp=true")
        # The partitions that the Java producer gives these keys.
        found = sorted(re.sub(r"CreateTime:\d{13}", "T", line) for line in printed.stdout.splitlines())
        self.assertEqual(found, ["T\tPartition:0\tOffset:0\tk2\tv2", "T\tPartition:1\tOffset:0\tk3\tv3",
                                 "T\tPartition:2\tOffset:0\tk1\tv1"])

    def test_a_line_without_key(self):
        topics("--create", "--topic", "keyless")
        wrong = produce("keyless", "a:1\nb\n", "--property", "parse.key=true", "--property", "key.separator=:")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("No key separator found on line number 2: 'b'", wrong.stderr)

    def test_codecs_and_acknowledgements(self):
        topics("--create", "--topic", "codecs")
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            self.assertEqual(produce("codecs", codec + "\n", "--compression-codec", codec).returncode, 0)
        for acks in ("0", "1", "all"):
            self.assertEqual(produce("codecs", acks + "\n", "--request-required-acks", acks).returncode, 0)
        self.assertEqual(produce("codecs", "once\n", "--producer-property", "enable.idempotence=true").returncode, 0)
        back = consume("codecs", "--from-beginning", "--max-messages", "9", "--isolation-level", "read_committed")
        self.assertEqual(back.stdout.split(), ["none", "gzip", "snappy", "lz4", "zstd", "0", "1", "all", "once"])

    def test_a_message_that_is_too_large(self):
        topics("--create", "--topic", "large")
        lost = produce("large", "x" * 2_000_000 + "\nsmall\n")
        self.assertEqual(lost.returncode, 1)
        self.assertIn("max.request.size", lost.stderr)
        self.assertEqual(consume("large", "--from-beginning", "--max-messages", "1").stdout, "small\n")

    def test_an_illegal_topic(self):
        self.assertEqual(produce("bad topic", "x\n").returncode, 1)

    def test_one_partition_from_an_offset(self):
        topics("--create", "--topic", "offsets")
        produce("offsets", "a\nb\nc\n")
        self.assertEqual(consume("offsets", "--partition", "0", "--offset", "1", "--timeout-ms", "500").stdout, "b\nc\n")
        self.assertEqual(consume("offsets", "--partition", "0", "--offset", "earliest", "--max-messages", "1").stdout, "a\n")
        self.assertEqual(consume("offsets", "--offset", "1").returncode, 1)
        self.assertEqual(consume("offsets", "--partition", "9", "--offset", "0").returncode, 1)

    def test_wrong_usage(self):
        self.assertEqual(consume("x", "--bogus").returncode, 2)
        self.assertEqual(produce("x", "", "--bogus").returncode, 2)
        self.assertEqual(produce("x", "", "--compression-codec", "foo").returncode, 1)
        self.assertEqual(produce("x", "", "--producer-property", "security.protocol=SSL").returncode, 2)
        self.assertEqual(run("kafka-console-consumer.sh", "--bootstrap-server", SERVERS.kafka).returncode, 1)
        self.assertEqual(run("kafka-console-producer.sh", "--topic", "x").returncode, 1)

    def test_a_consumer_that_stays_sees_lines_as_they_are_typed(self):
        topics("--create", "--topic", "typed")
        reader = Terminal("kafka-console-consumer.sh", "--bootstrap-server", SERVERS.kafka, "--topic", "typed",
                          "--from-beginning")
        writer = Terminal("kafka-console-producer.sh", "--broker-list", SERVERS.kafka, "--topic", "typed")
        writer.expect(">")
        writer.type("hello\n")
        reader.expect("hello\r\n")
        writer.type("again\n")
        reader.expect("again\r\n")
        writer.type("\x04")
        self.assertEqual(writer.end(), 0)
        reader.type("\x03")
        reader.expect("Processed a total of 2 messages")
        # As a JVM that INT has ended.
        self.assertEqual(reader.end(), 130)

    def test_an_interrupted_producer_sends_what_it_has(self):
        topics("--create", "--topic", "cut")
        writer = Terminal("kafka-console-producer.sh", "--bootstrap-server", SERVERS.kafka, "--topic", "cut", "--timeout",
                          "60000")
        writer.expect(">")
        writer.type("kept\n")
        writer.expect(">kept\r\n>")
        writer.type("\x03")
        self.assertEqual(writer.end(), 130)
        self.assertEqual(consume("cut", "--from-beginning", "--max-messages", "1").stdout, "kept\n")

    def test_both_names_of_the_brokers(self):
        topics("--create", "--topic", "names")
        both = run("kafka-console-producer.sh", "--broker-list", "127.0.0.1:1", "--bootstrap-server", SERVERS.kafka, "--topic",
                   "names", stdin="x\n")
        self.assertEqual(both.returncode, 0)
        wide = SERVERS.kafka.replace(":", "\uff1a")
        self.assertEqual(run("kafka-topics.sh", "--bootstrap-server", wide, "--list").returncode, 0)


class Groups(unittest.TestCase):
    def test_a_group_goes_on_where_it_stopped(self):
        topics("--create", "--topic", "goes-on")
        produce("goes-on", "".join(f"{i}\n" for i in range(10)))
        group = ("--group", "goes-on", "--from-beginning", "--max-messages")
        self.assertEqual(consume("goes-on", *group, "4").stdout.split(), list("0123"))
        self.assertEqual(consume("goes-on", *group, "6").stdout.split(), list("456789"))

    def test_two_members_share_the_partitions_and_the_rest_takes_over(self):
        topics("--create", "--topic", "shared", "--partitions", "4")
        lines = "".join(f"key{i}:{i}\n" for i in range(200))
        words = [BIN / "kafka-console-consumer.sh", "--bootstrap-server", SERVERS.kafka, "--topic", "shared", "--group",
                 "shared", "--from-beginning", "--property", "print.partition=true", "--consumer-property",
                 "heartbeat.interval.ms=100"]
        outputs = [SERVERS.folder / "member1", SERVERS.folder / "member2"]
        members = []
        for out in outputs:
            with out.open("wb") as file:
                members.append(subprocess.Popen(words, stdout=file, stderr=subprocess.DEVNULL))
        sent = 0

        def owners():
            """Partitions by member among the lines of one more round."""
            nonlocal sent
            before = [out.read_text().count("\n") for out in outputs]
            produce("shared", lines, "--property", "parse.key=true", "--property", "key.separator=:")
            sent += 200
            until(lambda: sum(out.read_text().count("\n") for out in outputs) >= sent, "all lines are read")
            return [{line.split("\t")[0] for line in out.read_text().splitlines()[count:]}
                    for out, count in zip(outputs, before)]

        try:
            until(lambda: sorted(map(len, owners())) == [2, 2], "both members read two partitions")
            members[0].send_signal(signal.SIGTERM)
            self.assertEqual(members[0].wait(PATIENCE), 143)
            until(lambda: len(owners()[1]) == 4, "the other member reads all")
        finally:
            for member in members:
                member.terminate()
                member.wait(PATIENCE)
        # Members that leave in order commit first: no line is read twice.
        self.assertEqual(sum(out.read_text().count("\n") for out in outputs), sent)


class Shell(unittest.TestCase):
    def one(self, *words):
        return run("zkCli.sh", "-server", SERVERS.zk, *words, env=SERVERS.env)

    def test_one_command(self):
        made = self.one("create", "/one", "hello")
        self.assertEqual((made.returncode, made.stderr), (0, "Created /one\n"))
        got = self.one("get", "/one")
        self.assertTrue(got.stdout.endswith("\nhello\n"))
        self.assertTrue(got.stdout.startswith(
            f"Connecting to {SERVERS.zk}\n\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null zxid: -1\n"))
        missing = self.one("get", "/nope")
        self.assertEqual((missing.returncode, missing.stderr), (1, "Node does not exist: /nope\n"))
        self.assertEqual(self.one("foo").returncode, 127)

    def test_nodes_without_data_are_null(self):
        self.one("create", "/null")
        self.assertTrue(self.one("get", "/null").stdout.endswith("\nnull\n"))
        self.one("create", "/empty", "")
        self.assertTrue(self.one("get", "/empty").stdout.endswith("\n\n"))

    def test_no_server(self):
        began = time.monotonic()
        gone = run("zkCli.sh", "-server", f"127.0.0.1:{free_port()}", "get", "/a")
        self.assertEqual(gone.returncode, 1)
        self.assertIn("KeeperErrorCode = ConnectionLoss", gone.stderr)
        self.assertLess(time.monotonic() - began, 5)

    def test_wrong_usage(self):
        self.assertEqual(self.one("get", "-v", "/a").returncode, 2)
        self.assertEqual(self.one("get").returncode, 1)
        self.assertEqual(self.one("setquota", "-n", "5", "/a").returncode, 2)
        self.assertEqual(run("zkCli.sh", "-bogus").returncode, 2)

    def test_a_dash_of_a_text_editor(self):
        self.assertEqual(run("zkCli.sh", "\u2013server", SERVERS.zk, "ls", "/").returncode, 0)

    def test_a_script_of_commands(self):
        script = ("create /s one\ncreate -s /s/n- x\ncreate -e /s/e y\ncreate /s two\nls /s\nget -w /s\nset /s three\n"
                  "set -v 9 /s four\ndelete /s\ndeleteall /s\nls /s\ngetAcl /\nquit\n")
        done = run("zkCli.sh", "-server", SERVERS.zk, stdin=script, env=SERVERS.env)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr.splitlines(), [
            "Created /s", "Created /s/n-0000000000", "Created /s/e", "Node already exists: /s", "version No is not valid : /s",
            "Node not empty: /s", "Node does not exist: /s"])
        self.assertIn("[e, n-0000000000]\none\n", done.stdout)
        self.assertRegex(done.stdout, r"WatchedEvent state:SyncConnected type:NodeDataChanged path:/s zxid: \d+\n")
        self.assertIn("'world,'anyone\n: cdrwa\n", done.stdout)

    def test_a_stat(self):
        self.one("create", "/stat", "12345")
        lines = self.one("stat", "/stat").stdout.splitlines()[-11:]
        self.assertRegex(lines[0], r"^cZxid = 0x[0-9a-f]+$")
        self.assertRegex(lines[1], r"^ctime = [A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d UTC \d{4}$")
        self.assertEqual(lines[5:], ["cversion = 0", "dataVersion = 0", "aclVersion = 0", "ephemeralOwner = 0x0",
                                     "dataLength = 5", "numChildren = 0"])

    def test_a_chroot(self):
        self.one("create", "/root")
        self.assertEqual(run("zkCli.sh", "-server", SERVERS.zk + "/root", "create", "/below", "x").returncode, 0)
        self.assertTrue(self.one("ls", "/root").stdout.endswith("[below]\n"))

    def test_the_prompt(self):
        shell = Terminal("zkCli.sh", "-server", SERVERS.zk)
        shell.expect(f"[zk: {SERVERS.zk}(CONNECTED) 0] ")
        shell.type("ls /zookeeper\n")
        shell.expect("[config, quota]")
        shell.expect("(CONNECTED) 1] ")
        shell.type("quit\n")
        self.assertEqual(shell.end(), 0)


class Scripts(unittest.TestCase):
    def test_a_coordinator_starts_tells_and_stops(self):
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder) / "zoo.cfg"
            config.write_text(f"tickTime=2000\ndataDir={folder}/data\nclientPort={free_port()}\n"
                              "clientPortAddress=127.0.0.1\nadmin.enableServer=false\n")

            def zk_server(action):
                return run("zkServer.sh", action, str(config), env=SERVERS.env)

            down = zk_server("status")
            self.assertEqual(down.returncode, 1)
            self.assertIn("Error contacting service. It is probably not running.", down.stdout)
            started = zk_server("start")
            self.assertEqual((started.returncode, started.stdout), (0, "Starting zookeeper ... STARTED\n"))
            try:
                self.assertEqual(started.stderr, f"ZooKeeper JMX enabled by default\nUsing config: {config}\n")
                self.assertIn("already running as process", zk_server("start").stdout)
                self.assertTrue(zk_server("status").stdout.endswith("Mode: standalone\n"))
                before = (pathlib.Path(folder) / "data/zookeeper_server.pid").read_text()
                self.assertEqual(zk_server("restart").returncode, 0)
                self.assertNotEqual((pathlib.Path(folder) / "data/zookeeper_server.pid").read_text(), before)
            finally:
                stopped = zk_server("stop")
            self.assertEqual((stopped.returncode, stopped.stdout), (0, "Stopping zookeeper ... STOPPED\n"))
            self.assertIn("no zookeeper to stop", zk_server("stop").stdout)

    def test_a_configuration_by_its_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "zoo.cfg").write_text(f"dataDir={folder}/data\nclientPort={free_port()}\n")
            by_option = run("zkServer.sh", "--config", folder, "status")
            by_variable = run("zkServer.sh", "status", env=dict(SERVERS.env, ZOOCFGDIR=folder))
            for told in (by_option, by_variable):
                self.assertIn(f"Using config: {folder}/zoo.cfg\n", told.stderr)
                self.assertEqual(told.returncode, 1)
            self.assertIn(f'millrace-coordinator" "{folder}/zoo.cfg" >', run("zkServer.sh", "--config", folder, "print-cmd").stdout)
            self.assertEqual(run("zkServer.sh", "begin").returncode, 2)

    def test_a_configuration_with_a_comment_behind_a_value(self):
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder) / "zoo.cfg"
            config.write_text(f"dataDir={folder}/data\nclientPort={free_port()}\ntickTime=2000 # as in the article\n")
            told = run("zkServer.sh", "start", str(config), env=SERVERS.env)
            self.assertEqual(told.returncode, 1)
            self.assertTrue(told.stdout.startswith("Starting zookeeper ... FAILED TO START\n"), told.stdout)
            self.assertIn("zoo.cfg:3", told.stdout)
            self.assertFalse((pathlib.Path(folder) / "data/zookeeper_server.pid").exists())

    def test_the_stop_scripts_end_the_servers_of_this_user(self):
        # In a process namespace of its own: other servers of this user must live on.
        alone = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
        if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True).returncode != 0:
            self.skipTest("process namespaces are not allowed here")
        with tempfile.TemporaryDirectory() as folder:
            zk_port, port = free_port(), free_port()
            (pathlib.Path(folder) / "zookeeper.properties").write_text(
                f"dataDir={folder}/zk\nclientPort={zk_port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n")
            (pathlib.Path(folder) / "server.properties").write_text(
                f"broker.id=1\nlisteners=PLAINTEXT://127.0.0.1:{port}\nlog.dirs={folder}/kafka\n"
                f"zookeeper.connect=127.0.0.1:{zk_port}\n"
                "millrace.admin.listener=\n")
            script = f"""
                cd {folder}; export LOG_DIR={folder}/logs; bin={BIN}
                $bin/kafka-server-stop.sh; echo "stop $?"
                $bin/zookeeper-server-start.sh -daemon zookeeper.properties; echo "start $?"
                $bin/kafka-server-start.sh -daemon server.properties --override num.partitions=2; echo "start $?"
                until $bin/kafka-topics.sh --bootstrap-server 127.0.0.1:{port} --list >list; do :; done
                ps -ef | grep kafka | grep -cv grep
                $bin/kafka-server-stop.sh; echo "stop $?"
                while $bin/kafka-server-stop.sh >message; do :; done; cat message
                $bin/zookeeper-server-stop.sh; echo "stop $?"
                ls logs"""
            done = subprocess.run([*alone, "sh", "-c", script], capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual(done.stdout.splitlines(), [
                "No kafka server to stop", "stop 1", "start 0", "start 0", "1", "stop 0", "No kafka server to stop", "stop 0",
                "kafkaServer.out", "zookeeper.out"], done.stderr)

    def test_usage_of_the_start_scripts(self):
        without = run("kafka-server-start.sh")
        self.assertEqual(without.returncode, 1)
        self.assertEqual(without.stdout,
                         "USAGE: kafka-server-start.sh [-daemon] server.properties [--override property=value]*\n")
        self.assertEqual(run("zookeeper-server-start.sh").returncode, 1)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=1)
