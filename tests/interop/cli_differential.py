#!/usr/bin/env python3
"""Types the same lines into Java's tools and into ours, against our servers, and compares output and exit code.

Usage: cli_differential.py BIN_DIRECTORY. Exit 77 (skipped) without a JDK or Maven. Names that begin with "@" are those of one
side: each side has topics and nodes of its own. Java's log lines and stack traces are not compared: every line that ours prints
on standard error must stand somewhere in Java's.
"""
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from kafka_servers import Checks, kafka_jars, pair  # noqa: E402
from zk_servers import SKIPPED, free_port, java_jars  # noqa: E402

BIN = pathlib.Path(sys.argv[1]).resolve()
SECONDS = 60
CLASSES = {"kafka-topics.sh": "org.apache.kafka.tools.TopicCommand", "kafka-console-producer.sh": "kafka.tools.ConsoleProducer",
           "kafka-console-consumer.sh": "org.apache.kafka.tools.consumer.ConsoleConsumer",
           "zkCli.sh": "org.apache.zookeeper.ZooKeeperMain"}
LOG4J = "log4j.rootLogger=ERROR, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n" \
        "log4j.appender.out.target=System.err\nlog4j.appender.out.layout=org.apache.log4j.PatternLayout\n" \
        "log4j.appender.out.layout.ConversionPattern=%m%n\n"
LOGBACK = '<configuration><root level="OFF"/></configuration>'


class JavaTools:
    """Main methods in one JVM, which costs one start of a JVM instead of one for each line."""

    def __init__(self, jars, *options):
        words = ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", *options, "-cp", jars, HERE / "cli_java_tools.java"]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, name, words, stdin):
        strings = [text.encode() for text in (CLASSES[name], stdin, *words)]
        self.process.stdin.write(struct.pack(">i", len(strings)) +
                                 b"".join(struct.pack(">i", len(text)) + text for text in strings))
        self.process.stdin.flush()
        code = self.number()
        return code, self.text(), self.text()

    def number(self):
        return struct.unpack(">i", self.process.stdout.read(4))[0]

    def text(self):
        return self.process.stdout.read(self.number()).decode()

    def close(self):
        self.process.stdin.close()
        self.process.wait(SECONDS)


def run_ours(name, words, stdin):
    done = subprocess.run([BIN / name, *words], input=stdin.encode(), capture_output=True, timeout=SECONDS)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


# What differs between two runs of the same tool.
CHANGING = [(r"TopicId: \S{22}", "TopicId: ID"), (r"CreateTime:\d+", "CreateTime:T"), (r"(.Zxid = 0x)[0-9a-f]+", r"\1N"),
            (r"(.time = ).*", r"\1T"), (r"ephemeralOwner = 0x[0-9a-f]{2,}", "ephemeralOwner = SESSION"),
            # Session events come when they come, on a thread of their own in Java's shell.
            (r"\nWATCHER::\n", ""), (r"\nWatchedEvent state:\S+ type:\S+ path:\S+ zxid: -?\d+\n", ""),
            (r"Connecting to .*\n", ""),
            # Java's tool shows the Optional that holds the name.
            (r"Optional\[(\S+)\]", r"\1")]


def steady(text, prefix):
    text = text.replace(prefix, "@")
    for pattern, replacement in CHANGING:
        text = re.sub(pattern, replacement, text)
    return text


def topic_blocks(text):
    """Java describes topics in no order."""
    return sorted(re.split(r"(?m)^(?=Topic: )", text))


class Comparison:
    def __init__(self, checks, tool, java, server_words):
        self.checks = checks
        self.tool = tool
        self.java = java
        self.server_words = server_words

    def same(self, *words, stdin="", code=None, out=None):
        """code: what ours gives where Java's tool gives something else; out: turns an output into what is compared."""
        sides = []
        for run, prefix in ((self.java.run, "jv-"), (run_ours, "mr-")):
            given = [*self.server_words, *(word.replace("@", prefix) for word in words)]
            exit_code, stdout, stderr = run(self.tool, given, stdin)
            shown = steady(stdout, prefix)
            sides.append((exit_code, out(shown) if out else shown, steady(stderr, prefix)))
        java, ours = sides
        title = " ".join([self.tool, *words]) + (f" <<< {stdin[:40]!r}" if stdin else "")
        self.checks.equal(f"exit code of {title}", ours[0], java[0] if code is None else code)
        self.checks.equal(f"output of {title}", ours[1], java[1])
        unheard = [line for line in ours[2].splitlines()
                   if line and not line.startswith("Try '") and line not in java[2] and code is None]
        self.checks.check(f"errors of {title}", not unheard, f"{unheard} of ours, not in {java[2][:600]!r}")
        return ours


def compare_topics(same):
    same("--create", "--topic", "@a")
    same("--create", "--topic", "@a")
    same("--create", "--topic", "@a", "--if-not-exists")
    same("--create", "--topic", "@b.c_d", "--partitions", "2", "--replication-factor", "1", "--config", "retention.ms=1000",
         "--config", "cleanup.policy=compact")
    same("--create", "--topic", "@b_c.d")
    same("--create", "--topic", "@wide", "--replication-factor", "3")
    same("--create", "--topic", "@x", "--replication-factor", "0")
    same("--create", "--topic", "@x", "--partitions", "0")
    same("--create", "--topic", "@x", "--partitions", "-1")
    same("--create", "--topic", "@x", "--partitions", "abc")
    same("--create", "--topic", "@bad topic")
    same("--create", "--topic", ".")
    same("--create", "--topic", "@" + "y" * 250)
    same("--create", "--topic", "@x", "--config", "foo=bar")
    same("--create", "--topic", "@x", "--config", "retention.ms=bar")
    same("--create", "--topic", "@x", "--config", "retention.ms")
    same("--create", "--topic", "@three", "--replica-assignment", "0,0,0")
    same("--create", "--topic", "@x", "--replica-assignment", "0:0")
    same("--create", "--topic", "@x", "--replica-assignment", "0:x")
    same("--create", "--topic", "@x", "--replica-assignment", "0:2,0")
    same("--create", "--topic", "@x", "--replica-assignment", "0", "--partitions", "2")
    same("--create", "--topic", "@x", "--if-exists")
    same("--create")
    same("--create", "--topic")
    same("--create", "--list")
    same()
    same("--list", "--topic", "@.*")
    same("--list", "--topic", "@a,@b.c_d")
    same("--list", "--topic", "@nope")
    same("--list", "--topic", "[")
    # On standard error or on standard output, as the option goes.
    same("--list", "--topic", "a", "--topic", "b", out=lambda text: "")
    same("--list", "--partitions", "3")
    same("--list", "--command-config", "/does/not/exist", code=1)
    same("--describe", "--topic", "@.*", out=topic_blocks)
    same("--describe", "--topic", "@nope")
    same("--describe", "--topic", "@nope", "--if-exists")
    same("--describe", "--topic", "@.*", "--topics-with-overrides", out=topic_blocks)
    same("--describe", "--topic", "@.*", "--at-min-isr-partitions", "--unavailable-partitions",
         out=lambda text: sorted(text.splitlines()))
    same("--describe", "--topic", "@.*", "--under-replicated-partitions")
    same("--describe", "--topics-with-overrides", "--unavailable-partitions")
    same("--alter", "--topic", "@a", "--partitions", "3")
    same("--alter", "--topic", "@a", "--partitions", "3")
    same("--alter", "--topic", "@a", "--partitions", "2")
    same("--alter", "--topic", "@a", "--partitions", "0")
    same("--alter", "--topic", "@a", "--partitions", "5", "--replica-assignment", "0,0,0,0,0")
    same("--describe", "--topic", "@a")
    same("--alter", "--topic", "@a")
    same("--alter", "--topic", "@a", "--config", "retention.ms=5")
    same("--alter", "--topic", "@nope", "--partitions", "3")
    same("--alter", "--topic", "@nope", "--partitions", "3", "--if-exists")
    same("--delete", "--topic", "@three")
    same("--delete", "--topic", "@three")
    same("--delete", "--topic", "@three", "--if-exists")
    same("--delete", "--topic", "@(a|b.*)")
    # What is not there ends with 2, where Java's tool has 1 for that too.
    same("--lisst", code=2)
    same("--delete-config", "x", "--alter", "--topic", "@a", "--partitions", "3", code=2)


def compare_producers(same):
    same("--topic", "@m", stdin="one\ntwo\n\nno newline")
    same("--topic", "@m", stdin="a\r\nb\n")
    same("--topic", "@m", "--property", "parse.key=true", "--property", "key.separator=:", stdin="k:v\nk2:\n:v3\n")
    same("--topic", "@m", "--property", "parse.key=true", "--property", "key.separator=:", stdin="k:v\nbad\n")
    same("--topic", "@m", "--property", "parse.key=true", "--property", "ignore.error=true", stdin="k\tv\nbad\n")
    same("--topic", "@m", "--property", "parse.key=true", "--property", "parse.headers=true", stdin="h1:v1,h2:v2\tk\tv\n")
    same("--topic", "@m", "--property", "parse.headers=true", stdin="none\n")
    same("--topic", "@m", "--property", "parse.headers=true", stdin="h1\tv\n")
    same("--topic", "@m", "--property", "parse.headers=true", "--property", "parse.key=true", "--property",
         "null.marker=NULL", stdin="NULL\tNULL\tNULL\nh:NULL\tk\tv\n")
    same("--topic", "@m", "--property", "parse.headers=true", "--property", "headers.delimiter=|", "--property",
         "headers.separator=;", "--property", "headers.key.separator==", stdin="h=v;h2=w|val\n")
    same("--topic", "@m", "--compression-codec", stdin="zipped\n")
    same("--topic", "@m", "--compression-codec", "zstd", "--batch-size", "10", "--sync", stdin="x\ny\n")
    same("--topic", "@m", "--request-required-acks", "1", "--message-send-max-retries", "1", "--max-block-ms", "9000",
         "--line-reader", "kafka.tools.ConsoleProducer$LineMessageReader", stdin="last\n")
    same("--topic", "@m", "--request-required-acks", "7", stdin="x\n", code=1)
    same("--topic", "@m", "--compression-codec", "foo", stdin="x\n", code=1)
    same("--topic", "@m", "--batch-size", "x", stdin="x\n", code=1)
    same("--topic", "@m", "--producer.config", "/does/not/exist", stdin="x\n", code=1)
    same("--topic", "@m", "--line-reader", "x.Y", stdin="x\n", code=2)
    same("--topic", "@m", "--bogus", stdin="x\n", code=2)
    same()


PROPERTIES = [word for name in ("key", "timestamp", "partition", "offset", "headers")
              for word in ("--property", f"print.{name}=true")]


def compare_consumers(same):
    everything = same("--topic", "@m", "--partition", "0", "--offset", "earliest", "--max-messages", "20", *PROPERTIES)
    assert everything[1].endswith("last\n"), everything
    same("--topic", "@m", "--from-beginning", "--max-messages", "2")
    same("--topic", "@m", "--partition", "0", "--offset", "15", "--max-messages", "2", "--property", "print.key=true",
         "--property", "print.headers=true", "--property", "headers.separator=|", "--property", "key.separator=~", "--property",
         "line.separator=;", "--property", "null.literal=<nil>")
    same("--topic", "@m", "--from-beginning", "--max-messages", "1", "--property", "print.value=false")
    same("--include", "@[m]", "--from-beginning", "--max-messages", "1")
    same("--whitelist", "@m", "--from-beginning", "--max-messages", "1", "--formatter",
         "kafka.tools.DefaultMessageFormatter")
    same("--topic", "@m", "--group", "@group", "--from-beginning", "--max-messages", "3")
    same("--topic", "@m", "--group", "@group", "--max-messages", "2", "--isolation-level", "read_committed")
    same("--topic", "@m", "--max-messages", "0")
    same("--topic", "@m", "--from-beginning", "--max-messages", "1", "--value-deserializer",
         "org.apache.kafka.common.serialization.LongDeserializer", code=1)
    for words in (["--offset", "1"], ["--partition", "0", "--offset", "-5"], ["--partition", "0", "--offset", "foo"],
                  ["--partition", "0", "--offset", "1", "--from-beginning"], ["--partition", "0", "--group", "g"],
                  ["--include", "x"], ["--topic", "again"],
                  ["--from-beginning", "--consumer-property", "auto.offset.reset=latest"]):
        same("--topic", "@m", *words)
    same("--include", "@m", "--partition", "0")
    same()
    for words in (["--isolation-level", "banana"], ["--consumer-property", "auto.offset.reset=banana"],
                  ["--max-messages", "x"], ["--timeout-ms", "x"], ["--partition", "x"],
                  ["--consumer-property", "group.id=a", "--group", "b"]):
        same("--topic", "@m", *words, code=1)
    same("--topic", "@m", "--bogus", code=2)
    same("--topic", "@m", "--formatter", "x.Y", code=2)


def compare_shells(same):
    for line in ("create /@a hello", "create /@a x", "create /@a/b", "get /@a/b", "get -s /@a", "get /@nope", "get /@a/",
                 "get @a", "get -b /@a", "get -x /@a", "get -x -s /@a", "get /@a watch", "create /@nope/y 1",
                 "create -s /@a/seq- v", "create -c /@a/cont", "create -c -e /@a/q", "create -t 5 -e /@a/q",
                 "create -t x /@a/q", "create -t -5 /@a/q", "create", "create /@a/acl d world:anyone:cdrwa",
                 "create /@a/acl2 d bogus", "create -e /@eph v", "set /@a new", "set -s /@a newer", "set -v 99 /@a x",
                 "set /@nope x", "set /@a y -v 2", "set -b /@a aGVsbG8=", "get /@a", "ls /@a", "ls -s /@a", "ls -R /@a",
                 "ls /@nope", "ls -R /@nope", "ls", "stat /@a", "stat /@nope", "stat", "getAcl /@a", "getAcl -s /@a",
                 "getAcl /@nope", "setAcl -s /@a world:anyone:cdrwa", "setAcl -v 99 /@a world:anyone:cdrwa", "setAcl /@a bogus",
                 "setAcl /@nope world:anyone:r", "setAcl -R /@a world:anyone:cdrwa", "setAcl", "sync /@a", "sync",
                 "getAllChildrenNumber /@a", "getAllChildrenNumber /@nope", "getEphemerals /@x", "whoami", "addauth digest u:p",
                 "addauth", "delete /@nope", "delete -v 99 /@a/acl", "delete /@a/acl 0", "delete", "delete /@a", "deleteall /@nope",
                 "deleteall", "deleteall /@a", "printwatches", "redo 7"):
        same(*line.split(" "))
    # Their lists of commands are not the same.
    for line in ("foo", "help", "GET /@a"):
        same(*line.split(" "), code=127)
    same("addWatch", "/", code=2)


def main():
    jars = {"kafka": kafka_jars(), "zookeeper": java_jars()}
    if None in jars.values():
        print("skipped: Java's tools cannot be had on this machine")
        return SKIPPED
    checks = Checks("cli_differential")
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "log4j.properties").write_text(LOG4J)
        (pathlib.Path(folder) / "logback.xml").write_text(LOGBACK)
        kafka = JavaTools(jars["kafka"], f"-Dlog4j.configuration=file:{folder}/log4j.properties")
        shell = JavaTools(jars["zookeeper"], f"-Dlogback.configurationFile={folder}/logback.xml")
        with pair(BIN / "millrace-coordinator", BIN / "millrace-broker", "cli-differential") as (_, zookeeper, broker):
            bootstrap = ["--bootstrap-server", broker.address]
            compare_topics(Comparison(checks, "kafka-topics.sh", kafka, bootstrap).same)
            compare_producers(Comparison(checks, "kafka-console-producer.sh", kafka, bootstrap).same)
            compare_consumers(Comparison(checks, "kafka-console-consumer.sh", kafka, bootstrap).same)
            for tool in ("kafka-topics.sh", "kafka-console-producer.sh", "kafka-console-consumer.sh"):
                alone = Comparison(checks, tool, kafka, []).same
                alone("--topic", "x", *(["--list"] if tool == "kafka-topics.sh" else []))
                alone("--bootstrap-server", "nocolon", "--topic", "x", *(["--list"] if tool == "kafka-topics.sh" else []), code=1)
            compare_shells(Comparison(checks, "zkCli.sh", shell, ["-server", zookeeper.address]).same)
            nowhere = ["-server", f"127.0.0.1:{free_port()}"]
            Comparison(checks, "zkCli.sh", shell, nowhere).same("get", "/a", code=1)
        kafka.close()
        shell.close()
    return checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())
