#!/usr/bin/env python3
"""Throws every request there is at millrace-broker, and much that is none: it must go on serving, in bounded memory.

Usage: broker_sweep.py BROKER COORDINATOR API_SWEEP [SEED]. Requests of each API in each version go over connections of their own;
then garbage, cut frames, impossible lengths, floods, slow readers and idle connections. Exit 77 (skipped) without kcat.
"""
import collections
import pathlib
import random
import selectors
import socket
import string
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from kafka_servers import Checks, eventually, pair, require  # noqa: E402

SAMPLES = 12  # of each API and version
AT_ONCE = 64
ANSWER_SECONDS = 5
MEMORY_MAX = 200  # MiB
API_VERSIONS = 18
# Answered when something happens: data, a leader, the other members. Their waiting ends with the connection.
MAY_WAIT = {0: "Produce", 1: "Fetch", 11: "JoinGroup", 14: "SyncGroup", 19: "CreateTopics", 20: "DeleteTopics", 37: "CreatePartitions"}
# What only a controller sends. It may stop partitions or fence the controller, so it comes last.
OF_THE_CONTROLLER = {4: "LeaderAndIsr", 5: "StopReplica", 6: "UpdateMetadata", 7: "ControlledShutdown"}

Request = collections.namedtuple("Request", "key version frame")


def frame(key, version, body=b"", client=b"sweep", correlation=1):
    header = struct.pack(">hhih", key, version, correlation, len(client)) + client
    return struct.pack(">i", len(header) + len(body)) + header + body


def read_requests(data):
    at, requests = 0, []
    while at < len(data):
        key, version, size = struct.unpack_from(">hhi", data, at)
        requests.append(Request(key, version, data[at + 8:at + 8 + size]))
        at += 8 + size
    return requests


class Sweep:
    def __init__(self, broker, checks):
        self.broker = broker
        self.checks = checks
        self.memory = 0

    def connect(self, timeout=5):
        return socket.create_connection(("127.0.0.1", self.broker.port), timeout=timeout)

    def ask(self, data, seconds=5):
        """What the broker answers until it closes or is silent; None stands for a connection that was closed."""
        with self.connect(seconds) as connection:
            try:
                connection.sendall(data)
                return connection.recv(1 << 20) or None
            except ConnectionError:
                return None

    def served_versions(self):
        answer = self.ask(frame(API_VERSIONS, 0))
        count = struct.unpack_from(">i", answer, 10)[0]
        return {key: (least, greatest) for key, least, greatest in struct.iter_unpack(">hhh", answer[14:14 + 6 * count])}

    def alive(self, after, page="/readyz"):
        """Checks, and says of which request the broker died."""
        dead = self.broker.process.poll()
        healthy = dead is None and self.broker.admin(page) is not None
        if dead is None:
            self.memory = max(self.memory, self.broker.resident_mebibytes())
        return self.checks.check(f"the broker serves after {after}", healthy,
                                 f"exit code {dead}\n{self.broker.log_text(1500)}")

    def exchange(self, requests):
        """Sends each over a connection of its own; returns those that were neither answered nor closed in time."""
        selector = selectors.DefaultSelector()
        for request in requests:
            connection = self.connect()
            connection.sendall(request.frame)
            selector.register(connection, selectors.EVENT_READ, request)
        deadline = time.monotonic() + ANSWER_SECONDS
        wanted = sum(request.key not in MAY_WAIT for request in requests)
        while wanted > 0 and time.monotonic() < deadline:
            for key, _ in selector.select(0.1):
                self.check_answer(key.fileobj, key.data)
                wanted -= key.data.key not in MAY_WAIT
                selector.unregister(key.fileobj)
                key.fileobj.close()
        left = [key.data for key in selector.get_map().values() if key.data.key not in MAY_WAIT]
        for key in list(selector.get_map().values()):
            key.fileobj.close()
        selector.close()
        return left

    def check_answer(self, connection, request):
        try:
            answer = connection.recv(8)
        except ConnectionError:
            return
        correlation = struct.unpack(">i", request.frame[8:12])
        if len(answer) == 8 and struct.unpack(">i", answer[4:]) != correlation:
            self.checks.check(f"API {request.key} version {request.version} is answered in its frame", False, answer)

    def sweep(self, requests, what, page="/readyz"):
        unanswered = []
        for at in range(0, len(requests), AT_ONCE):
            batch = requests[at:at + AT_ONCE]
            try:
                unanswered += self.exchange(batch)
            except ConnectionError:
                break
            if self.broker.process.poll() is not None:
                break
        self.alive(what, page)
        self.checks.equal(f"{what}: all are answered or refused", {(r.key, r.version) for r in unanswered}, set())


def refused_input(sweep, chance):
    ask = sweep.ask
    check = sweep.checks.check
    check("a negative length is refused", ask(struct.pack(">i", -1) + b"x") is None)
    check("a length of 2 GiB is refused", ask(struct.pack(">i", 2**31 - 1) + b"x" * 1000) is None)
    check("a frame without a header is refused", ask(struct.pack(">i", 2) + b"xx") is None)
    check("an empty frame is refused", ask(struct.pack(">i", 0)) is None)
    check("an unknown API is refused", ask(frame(999, 0)) is None)
    check("a negative API is refused", ask(frame(-1, 0)) is None)
    check("an unknown version is refused", ask(frame(3, 99)) is None)
    check("a negative version is refused", ask(frame(3, -1)) is None)
    unknown = ask(frame(API_VERSIONS, 99, b"\0"))  # header 2 ends with its tagged fields
    check("an unknown version of ApiVersions is told the known ones",
          unknown is not None and struct.unpack_from(">h", unknown, 8)[0] == 35, repr(unknown))
    check("an array of 2^31-1 elements is refused", ask(frame(3, 1, struct.pack(">i", 2**31 - 1))) is None)
    check("HTTP is refused", ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") is None)
    for _ in range(200):
        body = chance.randbytes(chance.randrange(1, 200))
        with sweep.connect() as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
    sweep.alive("200 frames of garbage")


def cut_frames(sweep, requests, chance):
    for request in chance.sample(requests, 200):
        with sweep.connect() as connection:
            connection.sendall(request.frame[:chance.randrange(len(request.frame))])
    sweep.alive("200 frames that end early")
    damaged = []
    for request in chance.sample(requests, 600):
        data = bytearray(request.frame)
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(4, len(data))] = chance.randrange(256)
        key = struct.unpack(">h", data[4:6])[0]
        if key not in OF_THE_CONTROLLER:
            # A damaged one may wait for what never comes.
            damaged.append(Request(0, request.version, bytes(data)))
    sweep.sweep(damaged, "600 damaged requests")


def flood(sweep):
    count = 10_000
    with sweep.connect(20) as connection:
        connection.settimeout(20)
        data = frame(API_VERSIONS, 0) * count
        sent, received, view = 0, 0, memoryview(data)
        size = None
        connection.setblocking(False)
        selector = selectors.DefaultSelector()
        selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
        deadline = time.monotonic() + 20
        while (size is None or received < size * count) and time.monotonic() < deadline:
            for _, events in selector.select(1):
                if events & selectors.EVENT_WRITE and sent < len(data):
                    sent += connection.send(view[sent:])
                    if sent == len(data):
                        selector.modify(connection, selectors.EVENT_READ)
                if events & selectors.EVENT_READ:
                    answer = connection.recv(1 << 20)
                    size = size or struct.unpack_from(">i", answer)[0] + 4
                    received += len(answer)
    sweep.checks.check("10,000 requests in one write are all answered", size and received == size * count,
                       f"{received} bytes")
    sweep.alive("a flood")


def slow_readers(sweep):
    kcat = ["kcat", "-b", sweep.broker.address, "-P", "-t", "large", "-p", "0", "-X", "linger.ms=20"]
    text = "\n".join("x" * 100_000 for _ in range(600)) + "\n"
    subprocess.run(kcat, input=text, text=True, check=True, timeout=60)
    body = struct.pack(">iiiibi", -1, 100, 1, 2**31 - 1, 0, 1) + struct.pack(">h", 5) + b"large" + \
        struct.pack(">iiqi", 1, 0, 0, 2**31 - 1)
    request = frame(1, 4, body)
    slow = [sweep.connect() for _ in range(20)]
    for connection in slow:
        connection.sendall(request * 50)
    served = sweep.ask(frame(API_VERSIONS, 0), 2)
    sweep.checks.check("others are served while 20 connections do not read 1,000 fetches of 50 MiB", served is not None)
    sweep.alive("slow readers")
    size = struct.unpack(">i", slow[0].recv(4, socket.MSG_WAITALL))[0]
    sweep.checks.check("their answers are large", size > 50_000_000, f"{size} bytes")
    received = 0
    while received < size:
        received += len(slow[0].recv(min(1 << 20, size - received)))
    again = struct.unpack(">i", slow[0].recv(4, socket.MSG_WAITALL))[0]
    sweep.checks.equal("a slow reader gets the next answer when it reads on", again, size)
    for connection in slow:
        connection.close()
    sweep.alive("readers that leave")


def idle_connections(sweep):
    idle = [sweep.connect() for _ in range(2000)]
    sweep.checks.check("another is served among 2,000 idle connections", sweep.ask(frame(API_VERSIONS, 0), 2) is not None)
    for connection in idle[::10]:
        connection.sendall(frame(API_VERSIONS, 0))
    answered = sum(bool(connection.recv(4)) for connection in idle[::10])
    sweep.checks.equal("idle connections are served when they wake", answered, 200)
    sweep.alive("2,000 connections")
    for connection in idle:
        connection.close()


def run(sweep, api_sweep, seed):
    chance = random.Random(seed)
    versions = sweep.served_versions()
    sweep.checks.check("ApiVersions names the APIs", len(versions) > 25, str(versions))
    # Random names have few letters: some of them find a topic of one.
    for letter in string.ascii_lowercase:
        subprocess.run(["kcat", "-b", sweep.broker.address, "-P", "-t", letter, "-p", "0"], input="record\n",
                       text=True, check=True, timeout=30)
    listed = subprocess.run([api_sweep, str(seed), str(SAMPLES)], stdout=subprocess.PIPE, check=True).stdout
    requests = read_requests(listed)
    served = [r for r in requests if r.key in versions and versions[r.key][0] <= r.version <= versions[r.key][1]]
    foreign = [r for r in requests if r.key not in versions]
    plain = [r for r in served if r.key not in OF_THE_CONTROLLER]
    for key in sorted({r.key for r in plain}):
        sweep.sweep([r for r in plain if r.key == key], f"API {key}")
    sweep.sweep(foreign, "APIs that are not served")
    refused_input(sweep, chance)
    cut_frames(sweep, plain, chance)
    flood(sweep)
    slow_readers(sweep)
    idle_connections(sweep)
    sweep.checks.check("memory stays bounded", sweep.memory < MEMORY_MAX, f"{sweep.memory} MiB")
    print(f"at most {sweep.memory} MiB")
    for key in OF_THE_CONTROLLER:
        # A forged UpdateMetadata may leave this broker out of the cluster: it is alive then, and not ready.
        sweep.sweep([r for r in served if r.key == key], f"API {key}", "/livez")


def connection_limits(sweep):
    """With max.connections.per.ip=30: what is above it is closed, and does not disturb the others."""
    def answered(connection):
        try:
            connection.sendall(frame(API_VERSIONS, 0))
            return bool(connection.recv(1))
        except ConnectionError:
            return False

    held = [sweep.connect()]
    while len(held) <= 30 and answered(held[-1]):
        held.append(sweep.connect())
    held.pop().close()
    # The controller's connection to its own broker counts, too.
    sweep.checks.check("connections up to the limit are served", 28 <= len(held) <= 30, len(held))
    above = [sweep.connect() for _ in range(100)]
    sweep.checks.check("connections above the limit are closed", not any(answered(connection) for connection in above))
    sweep.checks.check("those below it go on", all(connection.recv(1 << 16) for connection in held))
    for connection in above + held[:10]:
        connection.close()
    sweep.checks.check("there is room again when some have gone", eventually(lambda: sweep.ask(frame(API_VERSIONS, 0), 2) is not None))
    for connection in held[10:]:
        connection.close()


def main():
    require("kcat")
    checks = Checks("broker_sweep")
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(1 << 32)
    print(f"seed {seed}")
    with pair(sys.argv[2], sys.argv[1], "broker-sweep", ["offsets.topic.num.partitions=3"]) as (_, _, broker):
        sweep = Sweep(broker, checks)
        try:
            run(sweep, sys.argv[3], seed)
        except (OSError, struct.error, subprocess.SubprocessError) as error:
            checks.check("the sweep goes to its end", False, f"{type(error).__name__}: {error}\n{broker.log_text(1500)}")
        broker.kill()
        broker.start()
        checks.check("the broker starts again on what is left", eventually(broker.ready))
    with pair(sys.argv[2], sys.argv[1], "broker-limits", ["max.connections.per.ip=30"]) as (_, _, broker):
        connection_limits(Sweep(broker, checks))
    return checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())
