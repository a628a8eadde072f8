#!/usr/bin/env python3
"""The log directory changes hands between millrace-broker and Apache Kafka 3.9, stopped or killed, and nothing is lost on the way.

Usage: broker_files.py BROKER COORDINATOR. Java's producers write with every codec, with and without idempotence, to whichever broker
has the directory; after each change of hands Java's consumer must see every record in order, and Java's DumpLogSegments must read
every segment that we wrote without complaint. Exit 77 (skipped) without a JDK or Maven.
"""
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from zk_servers import SKIPPED, SUPPORT, Server, free_port, java_command  # noqa: E402

START_SECONDS = 60  # a killed broker's session must pass before its id is free
TOPIC = "files"
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


class Broker:
    def __init__(self, command, folder, data, port, zookeeper):
        self.command = command
        self.folder = folder
        self.port = port
        self.process = None
        folder.mkdir(parents=True)
        self.config = folder / "server.properties"
        self.config.write_text("\n".join([
            "broker.id=1", f"listeners=PLAINTEXT://127.0.0.1:{port}", f"log.dirs={data}",
            f"zookeeper.connect={zookeeper}", "zookeeper.session.timeout.ms=4000",
            "offsets.topic.replication.factor=1", "offsets.topic.num.partitions=1",
            "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
            "group.initial.rebalance.delay.ms=0", "log.index.interval.bytes=200"]) + "\n")

    def start(self):
        deadline = time.monotonic() + START_SECONDS
        while not self.serves():
            if self.process is None or self.process.poll() is not None:
                with open(self.folder / "log", "ab") as log:
                    self.process = subprocess.Popen([*self.command, str(self.config)], stdout=log, stderr=log,
                                                    cwd=self.folder)
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.command[0]} does not serve:\n{self.log_text()}")
            time.sleep(0.1)

    def serves(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    def stop(self, how=signal.SIGTERM):
        code = 0
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            code = self.process.wait(START_SECONDS)
        self.process = None
        return code

    def log_text(self):
        return (self.folder / "log").read_text(errors="replace")[-4000:]


class Exchange:
    def __init__(self, broker, jars, folder, zookeeper):
        self.jars = jars
        self.data = folder / "data"
        self.port = free_port()
        self.failures = 0
        self.sent = []
        quiet = folder / "log4j.properties"
        quiet.write_text("log4j.rootLogger=WARN, err\nlog4j.appender.err=org.apache.log4j.ConsoleAppender\n"
                         "log4j.appender.err.target=System.err\nlog4j.appender.err.layout=org.apache.log4j.SimpleLayout\n")
        self.logging = f"-Dlog4j.configuration=file:{quiet}"
        self.ours = Broker([str(pathlib.Path(broker).resolve())], folder / "ours", self.data, self.port, zookeeper)
        self.java = Broker(java_command(jars, "kafka.Kafka", self.logging), folder / "java", self.data, self.port, zookeeper)

    def check(self, name, holds, detail=""):
        print(f"{'ok' if holds else 'FAILED'}: {name}{'' if holds else ': ' + detail}", flush=True)
        self.failures += not holds

    def tool(self, main_class, *arguments, text=None):
        command = java_command(self.jars, main_class, self.logging)
        return subprocess.run([*command, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=60)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def create_topic(self):
        done = self.tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.address, "--create", "--topic",
                         TOPIC, "--partitions", 1, "--replication-factor", 1, "--config", "segment.bytes=2000")
        self.check("the topic is created", done.returncode == 0, done.stdout + done.stderr)

    def produce(self, who):
        for number, codec in enumerate(CODECS):
            lines = [f"{who} {codec} {i} {'x' * 40}" for i in range(12)]
            done = self.tool("kafka.tools.ConsoleProducer", "--bootstrap-server", self.address, "--topic", TOPIC,
                             "--compression-codec", codec, "--batch-size", 300, "--producer-property", "acks=all",
                             "--producer-property", f"enable.idempotence={'false' if number == 0 else 'true'}",
                             text="\n".join(lines) + "\n")
            self.check(f"records are written to {who} with codec {codec}",
                       done.returncode == 0 and "ERROR" not in done.stderr, done.stderr[-800:])
            self.sent += lines

    def consume(self, name):
        done = self.tool("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", self.address, "--topic",
                         TOPIC, "--partition", 0, "--offset", "earliest", "--timeout-ms", 15000,
                         "--max-messages", len(self.sent), "--consumer-property", "enable.auto.commit=false")
        got = done.stdout.splitlines()
        self.check(name, got == self.sent, f"{len(got)} of {len(self.sent)} records\n{done.stderr[-800:]}")

    def dump(self, name):
        logs = sorted((self.data / f"{TOPIC}-0").glob("*.log"))
        self.check(f"{name}: there are several segments", len(logs) > 2, str(logs))
        read = self.tool("kafka.tools.DumpLogSegments", "--deep-iteration", "--files", ",".join(map(str, logs)))
        records = read.stdout.count("| offset:")
        self.check(f"{name}: DumpLogSegments reads every record", read.returncode == 0 and records == len(self.sent)
                   and "isvalid: false" not in read.stdout, f"{records} of {len(self.sent)}\n{read.stderr[-800:]}")
        # The active segment's index is written when the segment is closed; its entries so far must fit all the same.
        for log in logs:
            for suffix in (".index", ".timeindex"):
                index = log.with_suffix(suffix)
                read = self.tool("kafka.tools.DumpLogSegments", "--verify-index-only", "--files", index)
                bad = [word for word in ("Mismatches", "Invalid", "non-consecutive", "out of order") if word in read.stdout]
                self.check(f"{name}: {index.name} fits", read.returncode == 0 and not bad,
                           read.stdout[-400:] + read.stderr[-400:])

    def run(self):
        self.java.start()
        self.create_topic()
        self.produce("java")
        self.check("Java's broker ends in order", self.java.stop() in (0, 143))

        self.ours.start()
        self.consume("we serve what Java's broker wrote")
        self.produce("ours")
        self.consume("we serve what both wrote")
        self.check("our broker ends in order", self.ours.stop() == 0, self.ours.log_text())
        self.check("the clean shutdown marker is there", (self.data / ".kafka_cleanshutdown").exists())
        self.dump("after an orderly end")

        self.java.start()
        self.consume("Java's broker serves what both wrote")
        self.produce("java-again")
        self.java.stop(signal.SIGKILL)

        self.ours.start()
        self.consume("we recover what Java's broker wrote before it was killed")
        self.produce("ours-again")
        self.ours.stop(signal.SIGKILL)
        self.dump("after we were killed")

        self.java.start()
        self.consume("Java's broker recovers what we acknowledged before we were killed")
        self.java.stop()
        return self.failures

    def close(self):
        self.ours.stop(signal.SIGKILL)
        self.java.stop(signal.SIGKILL)


def main():
    found = subprocess.run([SUPPORT / "java_artifacts.sh", "kafka"], stdout=subprocess.PIPE, text=True)
    if found.returncode == SKIPPED:
        print("skipped: Java's broker cannot be had here")
        return SKIPPED
    found.check_returncode()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="broker-files-"))
    coordinator = Server([sys.argv[2]], folder / "coordinator", folder / "coordinator-data").start()
    exchange = Exchange(sys.argv[1], found.stdout.strip() + "/*", folder, coordinator.address)
    try:
        return 1 if exchange.run() else 0
    finally:
        exchange.close()
        coordinator.kill()
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
