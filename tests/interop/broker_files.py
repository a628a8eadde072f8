#!/usr/bin/env python3
"""The log directory changes hands between millrace-broker and Apache Kafka 3.9, stopped or killed, and nothing is lost on the way.

Usage: broker_files.py BROKER COORDINATOR. Java's producers write with every codec, with and without idempotence, to whichever broker
has the directory; after each change of hands Java's consumer must see every record in order, and Java's DumpLogSegments must read
every segment that we wrote without complaint. Exit 77 (skipped) without a JDK or Maven.
"""
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from kafka_servers import SKIPPED, Broker, Checks, JavaBroker, Server, java_command, kafka_jars  # noqa: E402

SETTINGS = ("zookeeper.session.timeout.ms=2000", "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1", "log.index.interval.bytes=200", "offsets.topic.num.partitions=1")
TOPIC = "files"
GROUP = "readers"
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


class Exchange:
    def __init__(self, broker, jars, folder, zookeeper):
        self.jars = jars
        self.checks = Checks("broker_files")
        self.check = self.checks.check
        self.sent = []
        self.committed_offset = -1
        quiet = folder / "log4j.properties"
        quiet.write_text("log4j.rootLogger=WARN, err\nlog4j.appender.err=org.apache.log4j.ConsoleAppender\n"
                         "log4j.appender.err.target=System.err\nlog4j.appender.err.layout=org.apache.log4j.SimpleLayout\n")
        self.logging = f"-Dlog4j.configuration=file:{quiet}"
        self.ours = Broker([broker], folder / "broker", zookeeper, 1, SETTINGS)
        self.java = JavaBroker(jars, self.ours, self.logging)
        self.data = self.ours.data
        self.address = self.ours.address

    def tool(self, main_class, *arguments, text=None):
        command = java_command(self.jars, main_class, self.logging)
        return subprocess.run([*command, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=60)

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
        indexes = [log.with_suffix(suffix) for log in logs for suffix in (".index", ".timeindex")]
        read = self.tool("kafka.tools.DumpLogSegments", "--verify-index-only", "--files", ",".join(map(str, indexes)))
        bad = [word for word in ("Mismatches", "Invalid", "non-consecutive", "out of order") if word in read.stdout]
        self.check(f"{name}: {len(indexes)} indexes fit", read.returncode == 0 and not bad,
                   read.stdout[-400:] + read.stderr[-400:])

    def commit(self, name):
        """A group reads everything and commits."""
        done = self.tool("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", self.address, "--topic",
                         TOPIC, "--group", GROUP, "--from-beginning", "--timeout-ms", 15000,
                         "--max-messages", len(self.sent))
        self.check(name, len(done.stdout.splitlines()) == len(self.sent), done.stderr[-800:])

    def committed(self, name):
        shown = self.tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--bootstrap-server", self.address,
                          "--describe", "--group", GROUP)
        fields = [line.split() for line in shown.stdout.splitlines() if TOPIC in line]
        self.check(name, len(fields) == 1 and fields[0][3] == str(self.committed_offset), shown.stdout + shown.stderr[-400:])

    def dump_state(self):
        """What brokers keep about producers and groups."""
        snapshots = sorted((self.data / f"{TOPIC}-0").glob("*.snapshot"))
        read = self.tool("kafka.tools.DumpLogSegments", "--files", ",".join(map(str, snapshots)))
        self.check("DumpLogSegments reads the producers' snapshots", len(snapshots) > 1 and read.returncode == 0
                   and "producerId: " in read.stdout, read.stdout[-400:] + read.stderr[-400:])
        logs = sorted((self.data / "__consumer_offsets-0").glob("*.log"))
        read = self.tool("kafka.tools.DumpLogSegments", "--offsets-decoder", "--files", ",".join(map(str, logs)))
        wanted = (f'"group":"{GROUP}","topic":"{TOPIC}","partition":0', f'"offset":{self.committed_offset}', '"protocolType":"consumer"')
        self.check("DumpLogSegments decodes offsets and groups", read.returncode == 0
                   and all(part in read.stdout for part in wanted), read.stdout[-800:] + read.stderr[-400:])

    def run(self):
        self.java.start()
        self.create_topic()
        self.produce("java")
        self.check("Java's broker ends in order", self.java.stop() in (0, 143))

        self.ours.start()
        self.consume("we serve what Java's broker wrote")
        self.produce("ours")
        self.consume("we serve what both wrote")
        self.commit("a group commits with us")
        self.committed_offset = len(self.sent)
        self.check("our broker ends in order", self.ours.stop() == 0, self.ours.log_text())
        self.check("the clean shutdown marker is there", (self.data / ".kafka_cleanshutdown").exists())
        self.dump("after an orderly end")
        self.dump_state()

        self.java.start()
        self.consume("Java's broker serves what both wrote")
        self.committed("Java's broker knows what the group committed")
        self.produce("java-again")
        self.java.stop(signal.SIGKILL)

        self.ours.start()
        self.consume("we recover what Java's broker wrote before it was killed")
        self.committed("we know it too")
        self.produce("ours-again")
        self.ours.stop(signal.SIGKILL)
        self.dump("after we were killed")

        self.java.start()
        self.consume("Java's broker recovers what we acknowledged before we were killed")
        self.java.stop()
        return self.checks.exit_code()

    def close(self):
        self.ours.stop(signal.SIGKILL)
        self.java.stop(signal.SIGKILL)


def main():
    jars = kafka_jars()
    if jars is None:
        print("skipped: Java's broker cannot be had here")
        return SKIPPED
    folder = pathlib.Path(tempfile.mkdtemp(prefix="broker-files-"))
    coordinator = Server([sys.argv[2]], folder / "coordinator", folder / "coordinator-data", ["tickTime=500"])
    exchange = None
    try:
        coordinator.start()
        exchange = Exchange(sys.argv[1], jars, folder, coordinator.address)
        return exchange.run()
    finally:
        if exchange is not None:
            exchange.close()
        coordinator.kill()
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
