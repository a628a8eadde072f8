#!/usr/bin/env python3
"""Drives millrace-broker with kcat, which is librdkafka on the command line.

Usage: broker_kcat.py BROKER COORDINATOR. Prints one line per check. Exit 77 (skipped) without kcat.
"""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from kafka_servers import Checks, eventually, pair, require  # noqa: E402

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
QUICK = ("-X", "fetch.wait.max.ms=20")  # how long the end of a partition takes to be seen
LINES = [f"value {number} " + "x" * (number % 50) for number in range(2000)]


class Kcat:
    def __init__(self, broker, checks):
        self.broker = broker
        self.checks = checks

    def run(self, *arguments, stdin="", wait=30):
        command = ["kcat", "-b", self.broker.address, *map(str, arguments)]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=wait)

    def produce(self, topic, lines, *arguments):
        done = self.run("-P", "-t", topic, *arguments, stdin="".join(line + "\n" for line in lines))
        if done.returncode != 0 or "%" in done.stderr:
            raise RuntimeError(f"kcat -P -t {topic} ended with {done.returncode}: {done.stderr}")

    def consume(self, topic, *arguments):
        """Whole lines up to the present end of the topic."""
        done = self.run("-C", "-t", topic, "-e", "-q", *QUICK, *arguments)
        if done.returncode != 0:
            raise RuntimeError(f"kcat -C -t {topic} ended with {done.returncode}: {done.stderr}")
        return done.stdout.splitlines()

    def messages(self, topic, *arguments):
        return [json.loads(line) for line in self.consume(topic, "-J", *arguments)]

    def metadata(self, *arguments):
        return json.loads(self.run("-L", "-J", *arguments).stdout)


def check_metadata(kcat):
    shown = kcat.metadata()
    kcat.checks.equal("-L shows the broker and where it is", shown["brokers"],
                      [{"id": 0, "name": kcat.broker.address}])
    kcat.checks.equal("-L names the controller", shown["controllerid"], 0)
    kcat.produce("auto", ["made by a producer"])
    topic = kcat.metadata("-t", "auto")["topics"][0]
    kcat.checks.equal("an unknown topic was made with its partitions led", topic["partitions"], [
        {"partition": p, "leader": 0, "replicas": [{"id": 0}], "isrs": [{"id": 0}]} for p in range(3)])


def check_codecs(kcat):
    for codec in CODECS:
        topic = "codec-" + codec
        kcat.produce(topic, LINES, "-z", codec, "-p", "0")
        kcat.checks.equal(f"{codec}: everything is read as it was written",
                          kcat.consume(topic, "-p", "0"), LINES)
    stored = sum(file.stat().st_size for file in kcat.broker.data.glob("codec-gzip-0/*.log"))
    plain = sum(file.stat().st_size for file in kcat.broker.data.glob("codec-none-0/*.log"))
    kcat.checks.check("batches are stored as they were compressed", 0 < stored < plain / 3,
                      f"{stored} bytes with gzip, {plain} without")


def check_acknowledgements(kcat):
    for acks in ("0", "1", "-1"):
        topic = "acks" + acks
        kcat.produce(topic, LINES, "-p", "0", "-X", f"acks={acks}")
        found = []

        def all_there(topic=topic, found=found):
            found[:] = kcat.consume(topic, "-p", "0")
            return len(found) >= len(LINES)
        eventually(all_there)
        kcat.checks.equal(f"acks={acks}: everything arrives", found, LINES)
    kcat.produce("idempotent", LINES, "-p", "0", "-X", "enable.idempotence=true", "-X", "batch.num.messages=10")
    kcat.checks.equal("an idempotent producer is served", kcat.consume("idempotent", "-p", "0"), LINES)


def check_messages(kcat):
    kcat.produce("keyed", ["k1:v1", "k2:v2", "k1:v3"], "-K", ":", "-p", "1", "-H", "trace=abc", "-H", "empty=")
    found = kcat.messages("keyed", "-p", "1")
    kcat.checks.equal("keys and values", [(m["key"], m["payload"]) for m in found],
                      [("k1", "v1"), ("k2", "v2"), ("k1", "v3")])
    kcat.checks.equal("headers in their order", found[0]["headers"], ["trace", "abc", "empty", ""])
    kcat.checks.equal("partition and offsets", [(m["partition"], m["offset"]) for m in found],
                      [(1, 0), (1, 1), (1, 2)])
    kcat.produce("keyed", ["gone:"], "-K", ":", "-p", "1", "-Z")
    kcat.checks.equal("a null value", kcat.messages("keyed", "-p", "1", "-o", "3")[0]["payload"], None)
    text = "large " + "y" * 900_000
    large = kcat.broker.folder / "large"
    large.write_text(text)
    kcat.run("-P", "-t", "keyed", "-p", "0", large)
    kcat.checks.equal("a message just below the limit", kcat.consume("keyed", "-p", "0"), [text])
    large.write_text("z" * 2_000_000)
    refused = kcat.run("-P", "-t", "keyed", "-p", "0", "-X", "message.max.bytes=10000000", large)
    kcat.checks.check("a message above the limit is refused as too large", "too large" in refused.stderr,
                      refused.stderr)


def check_offsets(kcat):
    numbers = [str(number) for number in range(100)]
    kcat.produce("numbers", numbers, "-p", "0", "-X", "batch.num.messages=7")
    for start, wanted in (("beginning", numbers), ("end", []), ("42", numbers[42:]), ("-5", numbers[-5:]),
                          ("99", numbers[99:]), ("100", [])):
        kcat.checks.equal(f"-o {start}", kcat.consume("numbers", "-p", "0", "-o", start), wanted)
    kcat.checks.equal("-c stops after a count", kcat.consume("numbers", "-p", "0", "-o", "10", "-c", "3"),
                      ["10", "11", "12"])
    late = kcat.run("-C", "-t", "numbers", "-p", "0", "-o", "1000", "-e", "-q", *QUICK, "-X",
                    "topic.auto.offset.reset=error")
    kcat.checks.check("an offset behind the end is out of range", "out of range" in late.stderr, late.stderr)


def check_timestamps(kcat):
    for number in range(3):
        kcat.produce("timed", [f"batch {number}"], "-p", "0")
    times = [m["ts"] for m in kcat.messages("timed", "-p", "0")]

    def query(timestamp):
        return kcat.run("-Q", "-t", f"timed:0:{timestamp}").stdout.strip()
    kcat.checks.equal("-Q finds the first record of a time", query(times[1]), "timed [0] offset 1")
    kcat.checks.equal("-Q between two records", query(times[1] + 1), "timed [0] offset 2")
    kcat.checks.equal("-Q before all", query(1), "timed [0] offset 0")
    kcat.checks.equal("-Q after all", query(times[2] + 1000), "timed [0] offset -1")
    kcat.checks.equal("-Q for the beginning and the end", (query(-2), query(-1)),
                      ("timed [0] offset 0", "timed [0] offset 3"))
    kcat.checks.equal("-o s@ reads from a time on",
                      kcat.consume("timed", "-p", "0", "-o", f"s@{times[2]}"), ["batch 2"])


def check_groups(kcat):
    first = [f"first {number}" for number in range(300)]
    kcat.produce("grouped", first)
    arguments = ("-e", "-q", *QUICK, "-X", "auto.offset.reset=earliest")
    found = kcat.run("-G", "readers", *arguments, "grouped").stdout.splitlines()
    kcat.checks.equal("a group reads all partitions", sorted(found), sorted(first))
    second = [f"second {number}" for number in range(100)]
    kcat.produce("grouped", second)
    found = kcat.run("-G", "readers", *arguments, "grouped").stdout.splitlines()
    kcat.checks.equal("it goes on from what it committed", sorted(found), sorted(second))
    kcat.broker.kill()
    kcat.broker.start()
    kcat.produce("grouped", ["third"])
    found = kcat.run("-G", "readers", *arguments, "grouped").stdout.splitlines()
    kcat.checks.equal("also after the broker was killed", found, ["third"])
    found = kcat.run("-G", "others", *arguments, "grouped").stdout.splitlines()
    kcat.checks.equal("another group reads everything", sorted(found), sorted([*first, *second, "third"]))


def main():
    require("kcat")
    checks = Checks("broker_kcat")
    with pair(sys.argv[2], sys.argv[1], "broker-kcat", ["num.partitions=3"]) as (_, _, broker):
        kcat = Kcat(broker, checks)
        for part in (check_metadata, check_codecs, check_acknowledgements, check_messages, check_offsets,
                     check_timestamps, check_groups):
            try:
                part(kcat)
            except (RuntimeError, subprocess.TimeoutExpired, ValueError, KeyError, IndexError) as error:
                checks.check(part.__name__, False, f"{type(error).__name__}: {error}")
        checks.check("the broker ends in order", broker.stop() == 0, broker.log_text())
        if checks.failures:
            print(broker.log_text())
    return checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())
