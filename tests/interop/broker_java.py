#!/usr/bin/env python3
"""Drives millrace-broker with the command-line tools of Apache Kafka 3.9.

Usage: broker_java.py BROKER COORDINATOR. Prints one line per check. Exit 77 (skipped) without a JDK or Maven.
"""
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from kafka_servers import SKIPPED, Checks, java_command, kafka_jars, pair  # noqa: E402

TOOLS = "org.apache.kafka.tools."
TOPICS = TOOLS + "TopicCommand"
GROUPS = TOOLS + "consumer.group.ConsumerGroupCommand"
CONFIGS = "kafka.admin.ConfigCommand"
PRODUCER = "kafka.tools.ConsoleProducer"
CONSUMER = TOOLS + "consumer.ConsoleConsumer"
LOGGING = ("log4j.rootLogger=WARN, err\nlog4j.appender.err=org.apache.log4j.ConsoleAppender\n"
           "log4j.appender.err.target=System.err\nlog4j.appender.err.layout=org.apache.log4j.SimpleLayout\n")


class Java:
    def __init__(self, jars, folder, broker, checks):
        (folder / "log4j.properties").write_text(LOGGING)
        self.jars = jars
        self.logging = f"-Dlog4j.configuration=file:{folder}/log4j.properties"
        self.broker = broker
        self.checks = checks

    def start(self, main_class, arguments, stdin=None):
        command = java_command(self.jars, main_class, self.logging)
        return subprocess.run([*command, "--bootstrap-server", self.broker.address, *map(str, arguments)], input=stdin,
                              capture_output=True, text=True, timeout=60)

    def fail(self, main_class, *arguments):
        """What the tool said; its exit code must not be 0."""
        done = self.start(main_class, arguments)
        if done.returncode == 0:
            raise RuntimeError(f"{main_class} {' '.join(map(str, arguments))} ended with 0:\n{done.stdout[-800:]}")
        return done.stdout + done.stderr

    def run(self, main_class, *arguments, stdin=None):
        """All that the tool printed; its exit code must be 0 and nothing may be logged as an error."""
        done = self.start(main_class, arguments, stdin)
        if done.returncode != 0 or re.search(r"^(ERROR|FATAL|Error)", done.stderr, re.MULTILINE):
            raise RuntimeError(f"{main_class} {' '.join(map(str, arguments))} ended with {done.returncode}:\n"
                               f"{done.stdout[-800:]}{done.stderr[-1500:]}")
        return done.stdout

    def table(self, main_class, *arguments):
        """Rows of a table as dictionaries by the heading."""
        rows = [line.split() for line in self.run(main_class, *arguments).splitlines() if line.strip()]
        return [dict(zip(rows[0], row)) for row in rows[1:]]


def check_topics(java):
    check = java.checks
    created = java.run(TOPICS, "--create", "--topic", "made", "--partitions", 3, "--replication-factor", 1,
                       "--config", "retention.ms=7200000", "--config", "segment.bytes=1000000")
    check.check("TopicCommand creates a topic", "Created topic made." in created, created)
    shown = java.run(TOPICS, "--describe", "--topic", "made")
    check.check("and describes it", "PartitionCount: 3" in shown and "retention.ms=7200000" in shown
                and shown.count("Leader: 0") == 3, shown)
    java.run(TOPICS, "--alter", "--topic", "made", "--partitions", 5)
    shown = java.run(TOPICS, "--describe", "--topic", "made")
    check.check("and adds partitions", "PartitionCount: 5" in shown and shown.count("Leader: 0") == 5, shown)
    java.run(TOPICS, "--create", "--topic", "doomed")
    check.equal("and lists topics", java.run(TOPICS, "--list").split(), ["doomed", "made"])
    java.run(TOPICS, "--delete", "--topic", "doomed")
    check.equal("and deletes one", java.run(TOPICS, "--list").split(), ["made"])


def check_configs(java):
    check = java.checks
    about = ("--entity-type", "topics", "--entity-name", "made")
    java.run(CONFIGS, *about, "--alter", "--add-config", "max.message.bytes=200000,cleanup.policy=[compact,delete]",
             "--delete-config", "retention.ms")
    shown = java.run(CONFIGS, *about, "--describe")
    check.check("ConfigCommand sets and takes away settings of a topic",
                "max.message.bytes=200000" in shown and "cleanup.policy=compact,delete" in shown
                and "retention.ms=" not in shown, shown)
    java.run(CONFIGS, *about, "--alter", "--delete-config", "cleanup.policy")
    shown = java.run(CONFIGS, "--entity-type", "brokers", "--entity-name", 0, "--describe", "--all")
    check.check("and shows the settings of a broker", "zookeeper.session.timeout.ms=2000" in shown, shown[-600:])


def check_broker_configs(java):
    """Settings at run time, in the coordinators' nodes and in force."""
    check = java.checks
    everyone = ("--entity-type", "brokers", "--entity-default")
    one = ("--entity-type", "brokers", "--entity-name", 0)
    java.run(CONFIGS, *everyone, "--alter", "--add-config", "log.retention.ms=200000,log.segment.bytes=2000000")
    java.run(CONFIGS, *one, "--alter", "--add-config", "log.retention.ms=100000")
    shown = java.run(CONFIGS, *everyone, "--describe").splitlines()
    check.equal("ConfigCommand sets what counts for all brokers", [line.strip() for line in shown[1:]],
                [f"{key}={value} sensitive=false synonyms={{DYNAMIC_DEFAULT_BROKER_CONFIG:{key}={value}}}"
                 for key, value in (("log.retention.ms", 200000), ("log.segment.bytes", 2000000))])
    shown = java.run(CONFIGS, *one, "--describe").splitlines()
    check.equal("and for one", [line.strip() for line in shown[1:]],
                ["log.retention.ms=100000 sensitive=false synonyms={DYNAMIC_BROKER_CONFIG:log.retention.ms=100000, "
                 "DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.ms=200000, STATIC_BROKER_CONFIG:log.retention.ms=-1, "
                 "DEFAULT_CONFIG:log.retention.hours=168}"])
    java.run(TOPICS, "--create", "--topic", "ruled")
    shown = java.run(CONFIGS, "--entity-type", "topics", "--entity-name", "ruled", "--describe", "--all")
    check.check("topics follow",
                "segment.bytes=2000000 sensitive=false synonyms={DYNAMIC_DEFAULT_BROKER_CONFIG:log.segment.bytes=2000000, "
                "DEFAULT_CONFIG:log.segment.bytes=1073741824}" in shown and "retention.ms=100000 sensitive=false "
                "synonyms={DYNAMIC_BROKER_CONFIG:log.retention.ms=100000, DYNAMIC_DEFAULT_BROKER_CONFIG:"
                "log.retention.ms=200000, STATIC_BROKER_CONFIG:log.retention.ms=-1, DEFAULT_CONFIG:log.retention.hours=168}" in shown, shown)
    for setting, why in (("broker.id=3", "Cannot update these configs dynamically: Set(broker.id)"),
                         ("listeners=PLAINTEXT://:1", "Cannot update these configs at default cluster level, broker id must "
                                                      "be specified: Set(listeners)"),
                         ("log.retention.ms=abc", "log.retention.ms")):
        said = java.fail(CONFIGS, *everyone, "--alter", "--add-config", setting)
        check.check(f"and refuses {setting}", "InvalidRequestException" in said and why in said, said)
    java.run(CONFIGS, *one, "--alter", "--delete-config", "log.retention.ms")
    java.run(CONFIGS, *everyone, "--alter", "--delete-config", "log.retention.ms,log.segment.bytes")
    check.equal("and takes settings away", java.run(CONFIGS, *one, "--describe").splitlines()[1:], [])


def check_records(java):
    check = java.checks
    lines = [f"key{number}\tvalue {number}" for number in range(200)]
    java.run(PRODUCER, "--topic", "made", "--property", "parse.key=true", "--compression-codec", "zstd",
             stdin="\n".join(lines) + "\n")
    found = java.run(CONSUMER, "--topic", "made", "--from-beginning", "--max-messages", 200, "--group", "readers",
                     "--property", "print.key=true", "--timeout-ms", 15000).splitlines()
    check.equal("the console consumer reads what the console producer wrote", sorted(found), sorted(lines))
    offsets = java.run(TOOLS + "GetOffsetShell", "--topic", "made").split()
    check.equal("GetOffsetShell shows the ends", sum(int(line.split(":")[2]) for line in offsets), 200)
    offsets = java.run(TOOLS + "GetOffsetShell", "--topic", "made", "--time", -2).split()
    check.equal("and the beginnings", {line.split(":")[2] for line in offsets}, {"0"})


def check_groups(java):
    check = java.checks
    check.equal("ConsumerGroupCommand lists groups", java.run(GROUPS, "--list").split(), ["readers"])
    for which in (("--group", "readers"), ("--all-groups",)):
        rows = java.table(GROUPS, "--describe", *which)
        check.check(f"and describes the offsets of {which[-1]}",
                    len(rows) == 5 and all(row["LAG"] == "0" for row in rows)
                    and sum(int(row["CURRENT-OFFSET"]) for row in rows) == 200, str(rows))
    state = java.table(GROUPS, "--describe", "--state", "--group", "readers")
    check.check("and the state", "Empty" in str(state), str(state))
    java.run(GROUPS, "--reset-offsets", "--to-earliest", "--topic", "made", "--group", "readers", "--execute")
    rows = java.table(GROUPS, "--describe", "--group", "readers")
    check.equal("and sets offsets back", {row["CURRENT-OFFSET"] for row in rows}, {"0"})
    again = java.run(CONSUMER, "--topic", "made", "--max-messages", 200, "--group", "readers",
                     "--timeout-ms", 15000).splitlines()
    check.equal("a member starts from there", len(again), 200)
    java.run(GROUPS, "--delete-offsets", "--group", "readers", "--topic", "made")
    java.run(GROUPS, "--delete", "--group", "readers")
    check.equal("and deletes a group", java.run(GROUPS, "--list").split(), [])


def check_cluster(java):
    check = java.checks
    shown = java.run(TOOLS + "LogDirsCommand", "--describe", "--topic-list", "made")
    found = json.loads(shown.splitlines()[-1])["brokers"][0]["logDirs"]
    check.equal("LogDirsCommand shows the partitions of a topic", sorted(part["partition"] for part in found[0]["partitions"]),
                [f"made-{number}" for number in range(5)])
    shown = java.run(TOOLS + "LeaderElectionCommand", "--election-type", "preferred", "--topic", "made", "--partition", 0)
    check.check("LeaderElectionCommand finds nothing to elect", "already elected" in shown, shown)
    shown = java.run(TOOLS + "TransactionsCommand", "describe-producers", "--topic", "made", "--partition", 0)
    check.check("TransactionsCommand shows the producers of a partition", "ProducerId" in shown, shown)


def check_load(java):
    check = java.checks
    command = java_command(java.jars, TOOLS + "ProducerPerformance", java.logging)
    done = subprocess.run([*command, "--topic", "perf", "--num-records", "20000", "--record-size", "200", "--throughput",
                           "-1", "--producer-props", f"bootstrap.servers={java.broker.address}", "acks=all"],
                          capture_output=True, text=True, timeout=60)
    check.check("ProducerPerformance sends 20,000 records", "20000 records sent" in done.stdout,
                done.stdout + done.stderr[-500:])
    sent = java.run(TOOLS + "VerifiableProducer", "--topic", "verified", "--max-messages", 1000, "--acks", -1)
    events = [json.loads(line) for line in sent.splitlines()]
    check.equal("VerifiableProducer has 1,000 acknowledged",
                sum(event["name"] == "producer_send_success" for event in events), 1000)
    read = java.run(TOOLS + "VerifiableConsumer", "--topic", "verified", "--max-messages", 1000, "--group-id", "verifiers",
                    "--reset-policy", "earliest")
    events = [json.loads(line) for line in read.splitlines()]
    check.equal("VerifiableConsumer reads them",
                sum(event["count"] for event in events if event["name"] == "records_consumed"), 1000)
    check.check("and commits", any(event["name"] == "offsets_committed" and event["success"] for event in events),
                read[-600:])


def main():
    jars = kafka_jars()
    if jars is None:
        print("skipped: Kafka's tools cannot be had here")
        return SKIPPED
    checks = Checks("broker_java")
    with pair(sys.argv[2], sys.argv[1], "broker-java") as (folder, _, broker):
        java = Java(jars, folder, broker, checks)
        for part in (check_topics, check_configs, check_broker_configs, check_records, check_groups, check_cluster, check_load):
            try:
                part(java)
            except (RuntimeError, subprocess.TimeoutExpired, ValueError, KeyError, IndexError) as error:
                checks.check(part.__name__, False, f"{type(error).__name__}: {error}")
        if checks.failures:
            print(broker.log_text())
    return checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())
