#!/usr/bin/env python3
"""Asks millrace-broker what Apache Kafka 3.9.2 was asked in the same words, and compares the error codes.

Usage: broker_answers.py BROKER COORDINATOR. The numbers were taken from the Java broker with `broker_answers.py --address HOST:PORT`,
which asks any broker and prints what differs.
"""
import pathlib
import socket
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from kafka_servers import Checks, eventually, pair  # noqa: E402

NONE, OUT_OF_RANGE, CORRUPT, UNKNOWN_TOPIC, TOO_LARGE, METADATA_TOO_LARGE, LIST_TOO_LARGE = 0, 1, 2, 3, 10, 12, 18
NO_COORDINATOR, INVALID_TOPIC, BAD_ACKS, BAD_GROUP, NO_MEMBER, BAD_TIMEOUT, BAD_TIME = 15, 17, 21, 24, 25, 26, 32
BAD_VERSION, EXISTS, BAD_PARTITIONS, BAD_FACTOR, BAD_ASSIGNMENT, BAD_CONFIG, BAD_REQUEST = 35, 36, 37, 38, 39, 40, 42
POLICY, NOT_TRANSACTIONAL, NO_GROUP, BAD_CODEC, UNKNOWN_EPOCH, BAD_RECORD = 44, 53, 69, 76, 75, 87
TIME = 1_600_000_000_000


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def batch(attributes=0, base_offset=0, when=TIME, value=b"v", key=b"k", damage=0):
    """A record batch of one record."""
    def number(value):
        value = value << 1 if value >= 0 else (-value << 1) - 1
        out = b""
        while value > 127:
            out += bytes([value & 127 | 128])
            value >>= 7
        return out + bytes([value])

    record = b"\0" + number(0) + number(0) + (number(-1) if key is None else number(len(key)) + key) + number(len(value)) + value + number(0)
    body = struct.pack(">hiqqqhii", attributes, 0, when, when, -1, -1, -1, 1) + number(len(record)) + record
    return struct.pack(">qiibI", base_offset, 9 + len(body), 0, 2, crc32c(body) ^ damage) + body


def text(value):
    return struct.pack(">h", -1) if value is None else struct.pack(">h", len(value.encode())) + value.encode()


def array(elements):
    return struct.pack(">i", -1) if elements is None else struct.pack(">i", len(elements)) + b"".join(elements)


class Peer:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.connection = socket.create_connection((host, int(port)), timeout=10)
        self.reader = self.connection.makefile("rb")

    def ask(self, key, version, body):
        frame = struct.pack(">hhih", key, version, 1, 4) + b"test" + body
        self.connection.sendall(struct.pack(">i", len(frame)) + frame)
        size = struct.unpack(">i", self.reader.read(4))[0]
        return self.reader.read(size)[4:]


def int16(data, at):
    return struct.unpack_from(">h", data, at)[0]


class Asker:
    """Each question ends in a list of error codes, or in one of them."""

    def __init__(self, peer, prefix, checks):
        self.peer = peer
        self.prefix = prefix
        self.checks = checks

    def named(self, name):
        return self.prefix + name

    def expect(self, what, found, wanted):
        self.checks.equal(what, found, wanted)

    def create(self, *topics, validate=False):
        """topics: (name, partitions, factor, assignments, settings). Returns the codes in the order of the names."""
        body = array([text(name) + struct.pack(">ih", partitions, factor)
                      + array([struct.pack(">i", index) + array([struct.pack(">i", broker) for broker in brokers])
                               for index, brokers in assignments])
                      + array([text(key) + text(value) for key, value in settings])
                      for name, partitions, factor, assignments, settings in topics])
        answer = self.peer.ask(19, 4, body + struct.pack(">i?", 10000, validate))
        at, codes = 8, []
        for _ in topics:
            at += 2 + int16(answer, at)
            codes.append(int16(answer, at))
            at += 4 + max(int16(answer, at + 2), 0)
        return codes if len(codes) > 1 else codes[0]

    def extend(self, *topics):
        answer = self.peer.ask(37, 1, array([text(name) + struct.pack(">i", count) + array(
            None if brokers is None else [array([struct.pack(">i", broker)]) for broker in brokers])
            for name, count, brokers in topics]) + struct.pack(">i?", 10000, False))
        return int16(answer, 10 + int16(answer, 8))

    def own_id(self):
        return struct.unpack_from(">i", self.peer.ask(3, 0, array([])), 4)[0]

    def alter(self, name, *changes, kind=b"\2"):
        """changes: (key, operation, value) of IncrementalAlterConfigs; kind: 2 for a topic, 4 for a broker."""
        answer = self.peer.ask(44, 0, array([kind + text(name) + array(
            [text(key) + bytes([operation]) + text(value) for key, operation, value in changes])]) + b"\0")
        return int16(answer, 8)

    def replace(self, name, *settings, kind=b"\2"):
        answer = self.peer.ask(33, 1, array([kind + text(name) + array([text(key) + text(value) for key, value in settings])]) + b"\0")
        return int16(answer, 8)

    def describe(self, name, kind=b"\2"):
        return int16(self.peer.ask(32, 1, array([kind + text(name) + array(None)]) + b"\0"), 8)

    def broker_setting(self, name):
        """Value, type, and whether there is a documentation, of a setting of the broker that is asked."""
        answer = self.peer.ask(32, 3, array([b"\4" + text(str(self.own_id())) + array([text(name)])]) + b"\0\1")
        at = 8 + 2                                      # throttle time, how many resources, error
        at += 2 + max(int16(answer, at), 0) + 1         # message, type of resource
        at += 2 + int16(answer, at) + 4                 # its name, how many settings
        at += 2 + int16(answer, at)                     # name of the setting
        size = int16(answer, at)
        value = answer[at + 2:at + 2 + size].decode() if size >= 0 else None
        at += 2 + max(size, 0) + 3 + 4                  # read only, source, sensitive, no synonyms
        return value, answer[at], int16(answer, at + 1) > 0

    def produce(self, topic, records, version=3, acks=-1, partition=0):
        answer = self.peer.ask(0, version, (text(None) if version >= 3 else b"") + struct.pack(">hi", acks, 10000) + array(
            [text(topic) + array([struct.pack(">ii", partition, len(records)) + records])]))
        return int16(answer, 4 + 2 + len(topic.encode()) + 4 + 4)

    def offsets(self, topic, when, version=2, partition=0, epoch=-1):
        body = struct.pack(">i", -1) + (b"\0" if version >= 2 else b"")
        one = struct.pack(">i", partition) + (struct.pack(">i", epoch) if version >= 4 else b"") + struct.pack(">q", when)
        answer = self.peer.ask(2, version, body + array([text(topic) + array([one])]))
        return int16(answer, (4 if version >= 2 else 0) + 4 + 2 + len(topic) + 4 + 4)

    def fetch(self, topic, offset, version=4):
        answer = self.peer.ask(1, version, struct.pack(">iii", -1, 0, 0) + (struct.pack(">i", 1 << 20) if version >= 3 else b"")
                               + (b"\0" if version >= 4 else b"")
                               + array([text(topic) + array([struct.pack(">iqi", 0, offset, 1 << 20)])]))
        return int16(answer, (4 if version >= 1 else 0) + 4 + 2 + len(topic) + 4 + 4)

    def trim(self, topic, offset, partition=0):
        answer = self.peer.ask(21, 0, array([text(topic) + array([struct.pack(">iq", partition, offset)])]) + struct.pack(">i", 10000))
        return int16(answer, 8 + 2 + len(topic) + 4 + 4 + 8)

    def join(self, group, session=10000, member="", kind="consumer", protocols=("range",)):
        return int16(self.peer.ask(11, 2, text(group) + struct.pack(">ii", session, 10000) + text(member) + text(kind)
                                   + array([text(name) + struct.pack(">i", 1) + b"m" for name in protocols])), 4)

    def commit(self, group, topic, partition=0, generation=-1, member="", note="n"):
        return int16(self.peer.ask(8, 2, text(group) + struct.pack(">i", generation) + text(member) + struct.pack(">q", -1) + array(
            [text(topic) + array([struct.pack(">iq", partition, 5) + text(note)])])), 4 + 2 + len(topic) + 4 + 4)

    def no_coordinator(self, kind, version):
        """Why FindCoordinator, in a version with flexible fields, names nobody for a key of this kind."""
        answer = self.peer.ask(10, version, b"\0" + bytes([kind]) + b"\2\2g\0")
        return int16(answer, 1 + 4 + 1 + 2 + 4 + 1 + 4)  # tags, throttle time, one coordinator: key, id, no host, port

    def forget(self, group, topic):
        """(code of the whole, code of the partition)"""
        answer = self.peer.ask(47, 0, text(group) + array([text(topic) + array([struct.pack(">i", 0)])]))
        return int16(answer, 0), int16(answer, 10 + 2 + len(topic) + 4 + 4) if int16(answer, 0) == 0 else None


def ask_topics(ask):
    one, two = ask.named("one"), ask.named("two")
    expect = ask.expect
    expect("a topic is made", ask.create((one, 3, 1, (), ())), NONE)
    expect("twice", ask.create((one, 3, 1, (), ())), EXISTS)
    for name in ("a b", ".", "..", "", "x" * 250):
        expect(f"the name {name[:9]!r}", ask.create((name, 1, 1, (), ())), INVALID_TOPIC)
    for partitions, factor, wanted in ((0, 1, BAD_PARTITIONS), (-2, 1, BAD_PARTITIONS), (1, 0, BAD_FACTOR), (1, 3, BAD_FACTOR), (1, -2, BAD_FACTOR)):
        expect(f"{partitions} partitions of {factor} replicas", ask.create((two, partitions, factor, (), ())), wanted)
    expect("one topic twice in a request", ask.create((two, 1, 1, (), ()), (two, 1, 1, (), ())), [BAD_REQUEST, BAD_REQUEST])
    expect("counts beside an assignment", ask.create((two, 1, 1, ((0, [0]),), ())), BAD_REQUEST)
    expect("an assignment with a gap", ask.create((two, -1, -1, ((0, [0]), (2, [0])), ())), BAD_ASSIGNMENT)
    expect("an assignment with a broker twice", ask.create((two, -1, -1, ((0, [0, 0]),), ())), BAD_ASSIGNMENT)
    for key, value in (("foo", "1"), ("retention.ms", "x"), ("segment.bytes", "1"), ("retention.ms", None), ("cleanup.policy", "x")):
        expect(f"the setting {key}={value}", ask.create((two, 1, 1, (), ((key, value),))), BAD_CONFIG)
    expect("a topic that is only looked at", ask.create((two, 1, 1, (), ()), validate=True), NONE)
    for what, question, wanted in (("as many partitions", (one, 3, None), BAD_PARTITIONS), ("fewer partitions", (one, 1, None), BAD_PARTITIONS),
                                   ("partitions of no topic", (two, 3, None), UNKNOWN_TOPIC), ("more partitions", (one, 4, None), NONE),
                                   ("too few assignments", (one, 6, [0]), BAD_ASSIGNMENT), ("an unknown broker", (one, 5, [77]), BAD_ASSIGNMENT)):
        expect(what, ask.extend(question), wanted)
    expect("partitions for one topic twice", ask.extend((one, 9, None), (one, 9, None)), BAD_REQUEST)


def ask_settings(ask):
    one, none = ask.named("one"), ask.named("none")
    expect = ask.expect
    for what, changes, wanted in (("set", [("retention.ms", 0, "6000")], NONE), ("append to a number", [("retention.ms", 2, "1")], BAD_CONFIG),
                                  ("append", [("cleanup.policy", 2, "compact")], NONE), ("subtract", [("cleanup.policy", 3, "compact")], NONE),
                                  ("delete", [("cleanup.policy", 1, None)], NONE), ("set null", [("retention.ms", 0, None)], BAD_REQUEST),
                                  ("a key twice", [("retention.ms", 0, "1"), ("retention.ms", 0, "2")], BAD_REQUEST),
                                  ("a bad value", [("retention.ms", 0, "u")], BAD_CONFIG)):
        expect(f"IncrementalAlterConfigs: {what}", ask.alter(one, *changes), wanted)
    expect("IncrementalAlterConfigs of no topic", ask.alter(none, ("retention.ms", 0, "1")), UNKNOWN_TOPIC)
    for what, settings, wanted in (("all", [("retention.ms", "5000")], NONE), ("an unknown key", [("foo", "1")], BAD_CONFIG),
                                   ("a bad value", [("retention.ms", "zz")], BAD_CONFIG), ("null", [("retention.ms", None)], BAD_REQUEST)):
        expect(f"AlterConfigs: {what}", ask.replace(one, *settings), wanted)
    expect("DescribeConfigs", [ask.describe(name) for name in (one, none, "a b")], [NONE, UNKNOWN_TOPIC, INVALID_TOPIC])
    expect("DescribeConfigs of a broker says of what type a setting is, and what it means",
           [ask.broker_setting(name) for name in ("num.partitions", "auto.create.topics.enable", "log.segment.bytes", "log.retention.bytes")],
           [("1", 3, True), ("true", 1, True), ("1073741824", 3, True), ("-1", 5, True)])


def ask_broker_settings(ask):
    own, other = str(ask.own_id()), str(ask.own_id() + 1000)
    expect = ask.expect
    for what, name, changes, wanted in (
            ("set", own, [("log.retention.ms", 0, "6000")], NONE), ("append", own, [("log.cleanup.policy", 2, "compact")], NONE),
            ("subtract", own, [("log.cleanup.policy", 3, "compact")], NONE), ("append to a number", own, [("log.retention.ms", 2, "1")], BAD_CONFIG),
            ("set null", own, [("log.retention.ms", 0, None)], BAD_REQUEST), ("a bad value", own, [("log.retention.ms", 0, "u")], BAD_REQUEST),
            ("a value out of range", own, [("log.segment.bytes", 0, "1")], BAD_REQUEST),
            ("a key that is fixed", own, [("broker.id", 0, "1")], BAD_REQUEST), ("another broker", other, [("log.retention.ms", 0, "1")], BAD_REQUEST),
            ("no number", "x", [("log.retention.ms", 0, "1")], BAD_REQUEST), ("listeners of all", "", [("listeners", 0, "PLAINTEXT://:1")], BAD_REQUEST),
            ("set for all", "", [("log.retention.ms", 0, "7000")], NONE), ("delete for all", "", [("log.retention.ms", 1, None)], NONE),
            ("delete", own, [("log.retention.ms", 1, None), ("log.cleanup.policy", 1, None)], NONE)):
        expect(f"IncrementalAlterConfigs of brokers: {what}", ask.alter(name, *changes, kind=b"\4"), wanted)
    for what, settings, wanted in (("all", [("log.retention.ms", "5000")], NONE), ("a key that is fixed", [("num.partitions", "1")], BAD_REQUEST),
                                   ("null", [("log.retention.ms", None)], BAD_REQUEST), ("nothing", [], NONE)):
        expect(f"AlterConfigs of a broker: {what}", ask.replace(own, *settings, kind=b"\4"), wanted)
    expect("DescribeConfigs of brokers", [ask.describe(name, kind=b"\4") for name in (own, "", other, "x")],
           [NONE, NONE, BAD_REQUEST, BAD_REQUEST])


def ask_records(ask):
    plain, appended, small, timed, compacted = (ask.named(name) for name in ("plain", "appended", "small", "timed", "compacted"))
    settings = {plain: (("min.insync.replicas", "2"),), appended: (("message.timestamp.type", "LogAppendTime"),),
                small: (("max.message.bytes", "200"),), timed: (("message.timestamp.before.max.ms", "1000000"),),
                compacted: (("cleanup.policy", "compact"),)}
    for name, pairs in settings.items():
        ask.expect(f"{name} is made", ask.create((name, 1, 1, (), pairs)), NONE)
    whole = batch()
    for what, topic, records, wanted in (
            ("a batch, min.insync.replicas above the number of replicas", plain, whole, NONE), ("nothing", plain, b"", BAD_RECORD),
            ("two batches", plain, whole + whole, BAD_RECORD), ("a batch and a half", plain, whole + whole[:-3], NONE),
            ("half a batch", plain, whole[:-3], BAD_RECORD), ("base offset 5", plain, batch(base_offset=5), BAD_RECORD),
            ("a wrong checksum", plain, batch(damage=1), CORRUPT), ("zstd", plain, batch(attributes=4), BAD_CODEC),
            ("a control batch", plain, batch(attributes=0x20), BAD_RECORD), ("a transaction's batch", plain, batch(attributes=0x10), NOT_TRANSACTIONAL),
            ("the append's time", plain, batch(attributes=8), NONE), ("the append's time where it is set", appended, batch(attributes=8), BAD_TIME),
            ("a batch above max.message.bytes", small, batch(value=b"x" * 300), TOO_LARGE), ("an old time", timed, whole, BAD_TIME),
            ("no time", timed, batch(when=-1), NONE), ("no key in a compacted topic", compacted, batch(key=None), BAD_RECORD),
            ("no such topic", ask.named("none"), whole, UNKNOWN_TOPIC), ("no legal topic", "a b", whole, UNKNOWN_TOPIC)):
        ask.expect(f"Produce 3: {what}", ask.produce(topic, records), wanted)
    ask.expect("Produce 3: acks 5", ask.produce(plain, whole, acks=5), BAD_ACKS)
    ask.expect("Produce 3: no such partition", ask.produce(plain, whole, partition=7), UNKNOWN_TOPIC)
    ask.expect("Produce 2: a batch", ask.produce(plain, whole, version=2), NONE)
    ask.expect("Produce 2: nothing", ask.produce(plain, b"", version=2), NONE)
    ask.expect("Fetch", [ask.fetch(plain, offset) for offset in (0, 10**9, -5)], [NONE, OUT_OF_RANGE, OUT_OF_RANGE])
    ask.expect("Fetch of old versions", [ask.fetch(plain, 0, version) for version in (0, 1, 2, 3)], [NONE] * 4)
    ask.expect("DeleteRecords", [ask.trim(plain, offset) for offset in (2, 1, 10**6, -5, -1)], [NONE, NONE, OUT_OF_RANGE, OUT_OF_RANGE, NONE])
    ask.expect("DeleteRecords of what has none to delete", [ask.trim(name, -1) for name in ("__consumer_offsets", compacted, ask.named("none"))],
               [INVALID_TOPIC, POLICY, UNKNOWN_TOPIC])
    ask.expect("ListOffsets by what each version knows", [[ask.offsets(plain, when, version) for when in (-1, -2, -3, -6, TIME)] for version in (1, 2)],
               [[NONE, NONE, BAD_VERSION, BAD_VERSION, NONE]] * 2)
    ask.expect("ListOffsets of a leader epoch to come", ask.offsets(plain, -1, 4, epoch=9), UNKNOWN_EPOCH)


def ask_groups(ask):
    one, none, group = ask.named("one"), ask.named("none"), ask.named("group")
    expect = ask.expect

    def found():
        return int16(ask.peer.ask(10, 1, text(group) + b"\0"), 4) == NONE
    expect("a group has a coordinator", eventually(found), True)
    expect("share groups and unknown kinds have none", [ask.no_coordinator(kind, version) for kind, version in ((2, 6), (2, 5), (3, 6))],
           [NO_COORDINATOR, BAD_REQUEST, BAD_REQUEST])
    expect("its partition has been read", eventually(lambda: ask.join(group + "x", session=10) == BAD_TIMEOUT), True)
    for what, question, wanted in (("no name", {"group": ""}, BAD_GROUP), ("a short session", {"session": 10}, BAD_TIMEOUT),
                                   ("a long session", {"session": 10**8}, BAD_TIMEOUT), ("a stranger", {"member": "nobody"}, NO_MEMBER)):
        expect(f"JoinGroup: {what}", ask.join(**{"group": group, **question}), wanted)
    for what, question, wanted in (("alone", {}, NONE), ("a stranger", {"member": "x", "generation": 1}, NO_MEMBER),
                                   ("no such topic", {"topic": none}, UNKNOWN_TOPIC), ("no such partition", {"partition": 88}, UNKNOWN_TOPIC),
                                   ("a long note", {"note": "x" * 5000}, METADATA_TOO_LARGE), ("no note", {"note": None}, NONE),
                                   ("the group without a name", {"group": ""}, NONE)):
        expect(f"OffsetCommit: {what}", ask.commit(**{"group": group, "topic": one, **question}), wanted)
    listed = ask.peer.ask(9, 2, text(group) + array(None))
    expect("OffsetFetch of everything names the topic", listed[:6 + len(one)], struct.pack(">i", 1) + text(one))
    expect("OffsetDelete", [ask.forget(group, none), ask.forget(group, one), ask.forget(group, one), ask.forget(none, one)],
           [(NONE, UNKNOWN_TOPIC), (NONE, NONE), (NO_GROUP, None), (NO_GROUP, None)])


def ask_all(address, checks):
    ask = Asker(Peer(address), f"t{int(time.time()) % 10**6}", checks)
    for part in (ask_topics, ask_settings, ask_broker_settings, ask_groups, ask_records):
        try:
            part(ask)
        except (OSError, struct.error) as error:
            checks.check(part.__name__, False, f"{type(error).__name__}: {error}")
            ask.peer = Peer(address)


def main():
    checks = Checks("broker_answers")
    if sys.argv[1] == "--address":
        ask_all(sys.argv[2], checks)
    else:
        with pair(sys.argv[2], sys.argv[1], "broker-answers") as (_, _, broker):
            ask_all(broker.address, checks)
            if checks.failures:
                print(broker.log_text())
    return checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())
