#!/usr/bin/env python3
"""Drives millrace-broker with kafka-python as Debian has it: every codec, settings of clients from 0.9 on, groups, administration.

Usage: broker_kafka_python.py BROKER COORDINATOR. Exit 77 (skipped) without kafka-python and its codecs.
"""
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from kafka_servers import SKIPPED, Checks, pair  # noqa: E402

try:
    import kafka
    import lz4.frame  # noqa: F401
    import snappy  # noqa: F401
    import xxhash  # noqa: F401
    import zstandard  # noqa: F401
    from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
    from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic
    from kafka.coordinator.assignors.range import RangePartitionAssignor
    from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(SKIPPED)

TIME = 1_600_000_000_000
# What clients with these settings send: message sets of magic 0, of magic 1, and record batches.
OLD_PRODUCERS = ((0, 9), (0, 10, 0), (0, 11, 0))
OLD_CONSUMERS = ((0, 9), (0, 10, 0), (0, 10, 1), (0, 11, 0), (2, 3, 0))
SECONDS = 20


class Client:
    def __init__(self, address, checks):
        self.address = address
        self.check = checks.check
        self.equal = checks.equal
        self.admin = KafkaAdminClient(bootstrap_servers=address)

    def producer(self, **settings):
        return KafkaProducer(**{"bootstrap_servers": self.address, "acks": "all", "linger_ms": 5, **settings})

    def consumer(self, *topics, **settings):
        return KafkaConsumer(*topics, **{"bootstrap_servers": self.address, "enable_auto_commit": False,
                                         "auto_offset_reset": "earliest", "consumer_timeout_ms": SECONDS * 1000, **settings})

    def send(self, topic, records, **settings):
        """Sends (key, value, headers) and returns the offset of the first."""
        producer = self.producer(**settings)
        sent = [producer.send(topic, key=key, value=value, headers=list(headers), timestamp_ms=TIME + at)
                for at, (key, value, headers) in enumerate(records)]
        offsets = [future.get(SECONDS).offset for future in sent]
        producer.close()
        return offsets[0]

    def read(self, topic, first, count, **settings):
        consumer = self.consumer(**settings)
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        consumer.seek(place, first)
        found = [next(consumer) for _ in range(count)]
        consumer.close()
        return found


def check_codecs(client):
    client.admin.create_topics([NewTopic("codecs", 1, 1)])
    records = [(b"k%d" % i if i % 3 else None, b"v%d" % i * 20 if i % 5 or i % 3 == 0 else None, [("h", b"x"), ("empty", b"")])
               for i in range(300)]
    for codec in (None, "gzip", "snappy", "lz4", "zstd"):
        first = client.send("codecs", records, compression_type=codec)
        found = client.read("codecs", first, len(records))
        client.equal(f"{codec}: keys, values and headers come back",
                     [(record.key, record.value, record.headers) for record in found], records)
        client.equal(f"{codec}: and the times", [record.timestamp for record in found], [TIME + i for i in range(300)])


def check_old_formats(client):
    client.admin.create_topics([NewTopic("old", 1, 1)])
    records = [(b"k%d" % i if i % 3 else None, b"v%d" % i, []) for i in range(50)]
    for produced in OLD_PRODUCERS:
        for codec in (None, "gzip", "snappy", "lz4"):
            first = client.send("old", records, compression_type=codec, api_version=produced)
            for consumed in OLD_CONSUMERS:
                found = client.read("old", first, len(records), api_version=consumed)
                client.equal(f"{codec} of {produced} is read by {consumed}",
                             [(record.offset, record.key, record.value) for record in found],
                             [(first + at, key, value) for at, (key, value, _) in enumerate(records)])
                has_time = produced > (0, 9) and consumed > (0, 9)
                client.equal(f"{codec} of {produced} read by {consumed} has {'its' if has_time else 'no'} time",
                             found[-1].timestamp, TIME + 49 if has_time else -1 if consumed > (0, 9) else None)
    found = client.read("codecs", 0, 1200, api_version=(0, 10, 1))
    client.check("nulls and headers are read by an old client", [record.value for record in found[:1]] == [b"v0" * 20]
                 and found[15].value is not None and found[10].value is None, str(found[:2]))


def members_of(consumers, wanted):
    """Whether each gets as many partitions as wanted says. Each is polled by a thread of its own: a poll does not return before
    the other members have joined again, which they do when they are polled."""
    ended = threading.Event()

    def poll(consumer):
        while not ended.is_set():
            consumer.poll(100)

    threads = [threading.Thread(target=poll, args=(consumer,)) for consumer in consumers]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + SECONDS
    shared = False
    while not shared and time.monotonic() < deadline:
        shared = [len(consumer.assignment()) for consumer in consumers] == wanted
        ended.wait(0.02)
    ended.set()
    for thread in threads:
        thread.join()
    return shared


def check_groups(client):
    client.admin.create_topics([NewTopic("shared", 6, 1)])
    producer = client.producer()
    for number in range(600):
        producer.send("shared", b"%d" % number, partition=number % 6)
    producer.close()
    for assignor in (RangePartitionAssignor, RoundRobinPartitionAssignor):
        settings = {"group_id": assignor.name, "partition_assignment_strategy": [assignor], "heartbeat_interval_ms": 200,
                    "session_timeout_ms": 6000}
        first, second = client.consumer("shared", **settings), client.consumer("shared", **settings)
        client.check(f"{assignor.name}: two members share", members_of([first, second], [3, 3]))
        second.close()
        client.check(f"{assignor.name}: the one that is left has all", members_of([first], [6]))
        first.close()
    reader = client.consumer(group_id="pattern")
    reader.subscribe(pattern="^sha.*")
    numbers = sorted(int(next(reader).value) for _ in range(600))
    client.equal("a pattern finds the topic, each record comes once", numbers, list(range(600)))
    reader.commit()
    reader.close()
    offsets = client.admin.list_consumer_group_offsets("pattern")
    client.equal("all offsets of a group are listed", {place.partition: at.offset for place, at in offsets.items()},
                 {partition: 100 for partition in range(6)})


def check_places(client):
    consumer = client.consumer(group_id="places")
    places = [TopicPartition("shared", partition) for partition in range(2)]
    late = client.consumer()
    codecs = TopicPartition("codecs", 0)
    client.equal("an offset by time", late.offsets_for_times({codecs: TIME + 7})[codecs].offset, 7)
    client.equal("none after the last time", late.offsets_for_times({codecs: TIME * 2})[codecs], None)
    late.close()
    consumer.assign(places)
    client.equal("beginnings and ends", (consumer.beginning_offsets(places), consumer.end_offsets(places)),
                 ({place: 0 for place in places}, {place: 100 for place in places}))
    consumer.pause(places[0])
    consumer.seek(places[0], 0)
    consumer.seek(places[1], 99)
    client.equal("a paused partition gives nothing", next(consumer).partition, 1)
    consumer.commit({places[0]: OffsetAndMetadata(5, "note")})
    client.equal("offsets keep their metadata", consumer.committed(places[0], metadata=True), OffsetAndMetadata(5, "note"))
    consumer.close()


def check_limits(client):
    client.admin.create_topics([NewTopic("compacted", 1, 1, topic_configs={"cleanup.policy": "compact"})])
    producer = client.producer(max_request_size=3_000_000, retries=0)
    large = producer.send("compacted", key=b"k", value=b"x" * 1_048_400).get(SECONDS)
    for what, key, value in (("a batch above max.message.bytes", b"k", b"x" * 1_048_577), ("a record without key", None, b"v")):
        try:
            producer.send("compacted", key=key, value=value).get(SECONDS)
            client.check(f"{what} is refused", False)
        except kafka.errors.KafkaError as error:
            client.check(f"{what} is refused", "Timeout" not in type(error).__name__, repr(error))
    producer.close()
    found = client.read("compacted", large.offset, 1, max_partition_fetch_bytes=1000)
    client.equal("a record above every limit of the consumer comes", len(found[0].value), 1_048_400)


def check_administration(client):
    admin = client.admin
    admin.create_partitions({"shared": NewPartitions(8)})
    topic = ConfigResource(ConfigResourceType.TOPIC, "shared", configs={"retention.ms": "1000000"})
    admin.alter_configs([topic])
    shown = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "shared")])[0].resources[0][4]
    client.equal("a topic's setting is changed", {entry[0]: entry[1] for entry in shown}["retention.ms"], "1000000")
    client.equal("groups are described", admin.describe_consumer_groups(["pattern"])[0].state, "Empty")
    gone = dict(admin.delete_consumer_groups(["pattern", "nobody"]))
    client.equal("groups are deleted", {name: error.errno for name, error in gone.items()}, {"pattern": 0, "nobody": 69})
    admin.delete_topics(["shared"])
    client.equal("topics are deleted", "shared" in client.consumer().topics(), False)


def main():
    checks = Checks("broker_kafka_python")
    with pair(sys.argv[2], sys.argv[1], "broker-kafka-python") as (_, _, broker):
        client = Client(broker.address, checks)
        for part in (check_codecs, check_old_formats, check_groups, check_places, check_limits, check_administration):
            try:
                part(client)
            except (kafka.errors.KafkaError, StopIteration, AttributeError, KeyError, IndexError) as error:
                checks.check(part.__name__, False, f"{type(error).__name__}: {error}")
        if checks.failures:
            print(broker.log_text())
    return checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())
