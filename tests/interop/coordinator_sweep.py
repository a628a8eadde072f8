#!/usr/bin/env python3
"""Sends millrace-coordinator what no proper client sends, and checks after each case that it still serves others.

Usage: coordinator_sweep.py COORDINATOR. The client here speaks the protocol by hand: kazoo would not let such bytes out.
"""
import os
import pathlib
import random
import resource
import shutil
import socket
import struct
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from kafka_servers import Checks, eventually  # noqa: E402
from zk_servers import Server, free_port  # noqa: E402

FRAME_MAX = 0xfffff  # jute.maxbuffer without a setting
RESIDENT_MAX_MIB = 200
SERVED_SECONDS = 1.0  # an ordinary request of another session takes at most so long
SILENCE_SECONDS = 20  # who does not open a session is dropped after 10 s, looked at once a tick
IDLE_CONNECTIONS = 2000
CREATE, DELETE, EXISTS, GET_DATA, SET_DATA, PING, MULTI, CLOSE = 1, 2, 3, 4, 5, 11, 14, -11
MARSHALLING_ERROR, NO_NODE, AUTH_FAILED = -5, -101, -115


def text(value):
    raw = value.encode()
    return struct.pack(">i", len(raw)) + raw


def buffer(raw):
    return struct.pack(">i", len(raw)) + raw


OPEN_ACL = struct.pack(">ii", 1, 31) + text("world") + text("anyone")


def create(path, data=b"", flags=0):
    return text(path) + buffer(data) + OPEN_ACL + struct.pack(">i", flags)


def read(path):
    return text(path) + b"\0"


def multi(*operations):
    parts = [struct.pack(">i?i", kind, False, -1) + body for kind, body in operations]
    return b"".join(parts) + struct.pack(">i?i", -1, True, -1)


# A valid body for each operation that has one.
BODIES = {
    CREATE: create("/truncated", b"data"), DELETE: text("/none") + struct.pack(">i", -1), EXISTS: read("/"),
    GET_DATA: read("/"), SET_DATA: text("/none") + buffer(b"data") + struct.pack(">i", -1), 6: text("/"),
    7: text("/none") + OPEN_ACL + struct.pack(">i", -1), 8: read("/"), 9: text("/"), 12: read("/"),
    13: text("/none") + struct.pack(">i", 0), MULTI: multi((CREATE, create("/truncated"))), 15: create("/truncated"),
    17: text("/none") + struct.pack(">i", 1), 18: text("/none") + struct.pack(">i", 1), 19: create("/truncated", b"", 4),
    21: create("/truncated", b"", 5) + struct.pack(">q", 1000), 22: multi((GET_DATA, read("/"))), 103: text("/"),
    104: text("/"), 101: struct.pack(">q", 0) + buffer(b"")[:4] + struct.pack(">ii", 0, 0),
    105: struct.pack(">qiiiii", 0, 0, 0, 0, 0, 0), 106: text("/") + struct.pack(">i", 0)}


class Client:
    """One connection. Reads have a limit of time, so that a server that keeps silent fails a check and hangs nothing."""

    def __init__(self, server, seconds=5):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=seconds)
        self.xid = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def open(self, timeout=30000, zxid=0, session=0, password=bytes(16)):
        """Returns (timeout, session, password) of the answer, or None when the server closes."""
        self.send(struct.pack(">iqiq", 0, zxid, timeout, session) + buffer(password) + b"\0")
        frame = self.frame()
        if frame is None:
            return None
        _, granted, given = struct.unpack_from(">iiq", frame)
        return granted, given, frame[20:36]

    def send(self, body):
        self.raw(struct.pack(">i", len(body)) + body)

    def raw(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # what was answered before is still to be read

    def request(self, op, body=b"", xid=None):
        self.xid = self.xid + 1 if xid is None else xid
        self.send(struct.pack(">ii", self.xid, op) + body)

    def exactly(self, size):
        parts = []
        while size > 0:
            try:
                part = self.socket.recv(min(size, 1 << 20))
            except ConnectionResetError:
                part = b""
            if not part:
                return None
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def frame(self):
        length = self.exactly(4)
        return None if length is None else self.exactly(struct.unpack(">i", length)[0])

    def reply(self):
        """(xid, error, body), or None when the server closes."""
        frame = self.frame()
        if frame is None:
            return None
        xid, _, error = struct.unpack_from(">iqi", frame)
        return xid, error, frame[16:]

    def ask(self, op, body=b""):
        self.request(op, body)
        return self.reply()

    def closed(self):
        """True when the server ends the connection without another byte."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def word(server, name, seconds=5):
    with Client(server, seconds) as client:
        client.raw(name if isinstance(name, bytes) else name.encode())
        parts = []
        while part := client.socket.recv(1 << 16):
            parts.append(part)
        return b"".join(parts).decode()


class Sweep:
    def __init__(self, server, checks):
        self.server = server
        self.checks = checks
        self.witness = Client(server)
        self.witness.open()
        self.created = 0

    def others_are_served(self, after):
        """The session that did nothing wrong writes, reads what it wrote, and ruok answers."""
        began = time.monotonic()
        path = f"/witness-{self.created}"
        self.created += 1
        try:
            written = self.witness.ask(CREATE, create(path, path.encode()))
            found = self.witness.ask(GET_DATA, read(path))
            alive = word(self.server, "ruok")
        except OSError as error:
            self.checks.check(f"after {after} others are served", False, error)
            return
        took = time.monotonic() - began
        good = written is not None and written[1] == 0 and found is not None and path.encode() in found[2] and alive == "imok"
        self.checks.check(f"after {after} others are served", good and took < 3 * SERVED_SECONDS,
                          f"{written} {found} {alive} in {took:.2f} s")

    def memory(self, what):
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        peak = next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
        self.checks.check(f"{what}: the server's memory stays bounded ({peak} MiB)", peak < RESIDENT_MAX_MIB,
                          f"{peak} MiB, allowed {RESIDENT_MAX_MIB}")

    def closes(self, what, data, opened=False):
        with Client(self.server) as client:
            if opened:
                client.open()
            client.raw(data)
            self.checks.check(f"{what}: the connection is closed", client.closed())
        self.others_are_served(what)

    def session(self):
        client = Client(self.server)
        client.open()
        return client

    # --- the cases

    def lengths(self):
        for name, length in (("a negative length", -1), ("the smallest length", -0x80000000), ("the largest length", 0x7fffffff),
                             ("one byte above jute.maxbuffer", FRAME_MAX + 1), ("a length of 0", 0)):
            data = struct.pack(">i", length)
            self.closes(f"{name} before a session", data)
            self.closes(f"{name} in a session", data, opened=True)
        for size in range(1, 8):
            self.closes(f"a request of {size} bytes", struct.pack(">i", size) + bytes(size), opened=True)

    def garbage(self):
        chance = random.Random(3)
        for number in range(200):
            with Client(self.server) as client:
                if number % 2:
                    client.open()
                client.raw(chance.randbytes(chance.randrange(1, 3000)))
        self.others_are_served("garbage")
        self.closes("an HTTP request", b"GET / HTTP/1.1\r\nHost: coordinator\r\n\r\n")

    def largest_request(self):
        with self.session() as client:
            client.ask(CREATE, create("/largest"))
            rest = FRAME_MAX - 8 - len(text("/largest")) - 8
            found = client.ask(SET_DATA, text("/largest") + buffer(bytes(rest)) + struct.pack(">i", -1))
            self.checks.check("a request of jute.maxbuffer bytes is served", found is not None and found[1] == 0, found)
            client.ask(DELETE, text("/largest") + struct.pack(">i", -1))

    def opcodes(self):
        """An operation nobody knows gets an error or the end of the connection, never an answer that says it was done."""
        wrong = []
        for op in [-2, -1, 10, 16, 20, 23, 99, 100, 102, 108, 0x7fffffff, -0x80000000]:
            with self.session() as client:
                answer = client.ask(op, b"")
                if answer is not None and answer[1] == 0:
                    wrong.append((op, answer))
        self.checks.equal("unknown operations are refused", wrong, [])
        self.others_are_served("unknown operations")

    def truncated_bodies(self):
        wrong = []
        count = 0
        client = self.session()
        for op, body in BODIES.items():
            for size in range(len(body)):
                answer = client.ask(op, body[:size])
                count += 1
                if answer is None:
                    client = self.session()
                elif answer[1] == 0:
                    wrong.append((op, size, answer))
        client.socket.close()
        self.checks.equal(f"{count} truncated bodies are refused", wrong, [])
        with self.session() as client:
            self.checks.equal("truncated creates leave nothing behind", client.ask(EXISTS, read("/truncated"))[1], NO_NODE)
        for op, body in BODIES.items():  # lengths and counts inside the body that promise more than is there
            if op in (101, 105):
                continue  # begins with a zxid
            with self.session() as client:
                answer = client.ask(op, b"\x7f\xff\xff\xff" + body[4:])
                self.checks.check(f"operation {op} with an inner length of 2 GiB is refused", answer is None or answer[1] != 0,
                                  answer)
        self.others_are_served("truncated bodies")

    def authentication(self):
        for name, body in (("nothing", b""), ("half a packet", struct.pack(">i", 0) + b"\0\0"),
                           ("an unknown scheme", struct.pack(">i", 0) + text("magic") + buffer(b"me"))):
            with self.session() as client:
                client.request(100, body, xid=-4)
                answer = client.reply()
                self.checks.check(f"authentication with {name} fails and ends the connection",
                                  (answer is None or answer[1] == AUTH_FAILED) and client.closed(), answer)
        self.others_are_served("failed authentication")

    def connects(self):
        with Client(self.server) as client:
            granted, session, password = client.open(timeout=0x7fffffff)
            self.checks.equal("a huge timeout is cut to twenty ticks", granted, 40000)
            with Client(self.server) as other:
                self.checks.equal("a wrong password gets no session", other.open(session=session, password=b"x" * 16)[:2], (0, 0))
                self.checks.check("and is closed", other.closed())
            with Client(self.server) as other:
                self.checks.equal("an empty password gets no session", other.open(session=session, password=b"")[:2], (0, 0))
            self.checks.check("the session of the right owner lives on", client.ask(EXISTS, read("/"))[1] == 0)
            with Client(self.server) as other:
                self.checks.equal("the right password takes the session over", other.open(session=session, password=password)[1],
                                  session)
        for timeout in (-1, 0, -0x80000000):
            with Client(self.server) as client:
                self.checks.equal(f"a timeout of {timeout} is raised to two ticks", client.open(timeout=timeout)[0], 4000)
        with Client(self.server) as client:
            self.checks.equal("a client that has seen the future is sent away", client.open(zxid=1 << 60), None)
        with Client(self.server) as client:
            self.checks.equal("an unknown session is answered as expired", client.open(session=0x1234)[:2], (0, 0))
        whole = struct.pack(">iqiq", 0, 0, 30000, 0) + buffer(bytes(16)) + b"\0"
        wrong = []
        for size in range(len(whole) - 1):
            with Client(self.server) as client:
                client.send(whole[:size])
                if not client.closed():
                    wrong.append(size)
        self.checks.equal("truncated connect requests end the connection", wrong, [])
        with Client(self.server) as client:
            client.send(whole[:-1])
            self.checks.check("a connect request of ZooKeeper 3.3, without readOnly, is served", client.frame() is not None)
        self.others_are_served("odd connect requests")

    def pipelined(self):
        with self.session() as client:
            count = 10_000
            requests = []
            for number in range(count):  # reads, pings and writes mixed
                op, body = ((EXISTS, read("/")), (GET_DATA, read("/none")), (PING, b""),
                            (SET_DATA, text("/") + buffer(b"") + struct.pack(">i", -1)))[number % 4]
                packet = struct.pack(">ii", number, op) + body
                requests.append(struct.pack(">i", len(packet)) + packet)
            client.raw(b"".join(requests))
            found = [client.reply() for _ in range(count)]
            self.checks.equal("10,000 requests in one write are answered in order", [answer and answer[0] for answer in found],
                              list(range(count)))
            self.checks.equal("each with its own result", [answer and answer[1] for answer in found], [0, NO_NODE, 0, 0] * (count // 4))
        self.others_are_served("10,000 requests in one write")

    def slow_reader(self):
        """What a client asks for without reading it must not pile up in the server."""
        count = 600
        with self.session() as client:
            client.ask(CREATE, create("/big", bytes(1_000_000)))
        for name, first in (("reads", []), ("reads behind a write", [(SET_DATA, text("/") + buffer(b"") + struct.pack(">i", -1))])):
            with Client(self.server, seconds=20) as client:
                client.open()
                operations = first + [(GET_DATA, read("/big"))] * count
                packets = [struct.pack(">ii", number, op) + body for number, (op, body) in enumerate(operations)]
                client.raw(b"".join(struct.pack(">i", len(packet)) + packet for packet in packets))
                for _ in range(20):
                    self.witness.ask(EXISTS, read("/"))
                self.others_are_served(f"{name} of 600 MB by a client that does not read")
                self.memory(f"{name} of 600 MB")
                answers = [client.reply() for _ in operations]
                self.checks.equal(f"{name}: all are answered once the client reads", [answer and answer[:2] for answer in answers],
                                  [(number, 0) for number in range(len(operations))])
        with self.session() as client:
            error, body = client.ask(22, multi(*[(GET_DATA, read("/big"))] * count))[1:]
            self.checks.check("a multi read of 600 MB is cut", error == 0 and len(body) < 32 << 20, (error, len(body)))
        self.memory("a multi read of 600 MB")
        abandoned = self.session()
        packet = struct.pack(">ii", 1, GET_DATA) + read("/big")
        abandoned.raw((struct.pack(">i", len(packet)) + packet) * count)
        abandoned.socket.close()
        self.others_are_served("a reader that goes away in the midst")
        self.memory("slow readers")

    def idle(self):
        connections = []
        try:
            for number in range(IDLE_CONNECTIONS):
                client = Client(self.server)
                connections.append(client)
                if number % 4 == 0:
                    client.open()
            self.others_are_served(f"{IDLE_CONNECTIONS} idle connections")
            self.memory(f"{IDLE_CONNECTIONS} idle connections")
        finally:
            for client in connections:
                client.socket.close()
        self.checks.check("idle connections that close are forgotten",
                          eventually(lambda: self.alive() < IDLE_CONNECTIONS // 10))

    def alive(self):
        for line in word(self.server, "mntr").splitlines():
            if line.startswith("zk_num_alive_connections\t"):
                return int(line.split("\t")[1])
        return IDLE_CONNECTIONS

    def large_multi(self):
        count = 10_000
        with Client(self.server, seconds=20) as client:
            client.open()
            client.ask(CREATE, create("/multi"))
            creates = [(CREATE, create(f"/multi/{number}")) for number in range(count)]
            xid, error, body = client.ask(MULTI, multi(*creates))
            self.checks.equal("a multi of 10,000 creates succeeds", (error, body.count(b"/multi/")), (0, count))
            self.others_are_served("a multi of 10,000 creates")
            removes = [(DELETE, text(f"/multi/{number}") + struct.pack(">i", -1)) for number in range(count)]
            client.ask(MULTI, multi(*removes, (DELETE, text("/none") + struct.pack(">i", -1))))
            self.checks.equal("a multi whose last step fails does nothing", client.ask(EXISTS, read("/multi/0"))[1], 0)
            client.ask(MULTI, multi(*removes))
            self.checks.equal("a multi of 10,000 removals succeeds", client.ask(EXISTS, read("/multi/9999"))[1], NO_NODE)
            for name, body in (("without an end", multi((CREATE, create("/x")))[:-9]), ("of an unknown step", multi((77, b""))),
                               ("inside a multi", multi((MULTI, multi((CREATE, create("/x"))))))):
                client.request(MULTI, body)
                answer = client.reply()
                self.checks.check(f"a multi {name} is refused", answer is None or b"/x" not in answer[2], answer)
                if answer is None:
                    client.socket.close()
                    client.__init__(self.server)
                    client.open()
        self.others_are_served("large multis")

    def words(self):
        for name in "conf cons crst dirs dump envi gtmk hash isro mntr ruok srst srvr stat wchc wchp wchs".split():
            answer = word(self.server, name)
            self.checks.check(f"{name} answers", answer != "" and "not executed" not in answer, answer)
        self.checks.equal("a word with an end of line answers", word(self.server, "ruok\r\n"), "imok")
        self.checks.equal("a word with a megabyte behind it answers", word(self.server, b"ruok" + bytes(1 << 20))[:4], "imok")
        self.closes("an unknown word", b"abcd")


def half_frames(server):
    """Connections that begin something and fall silent; the server must not keep them."""
    clients = []
    for data in (b"", b"\0", b"ru", struct.pack(">i", 44), struct.pack(">i", 44) + bytes(20), struct.pack(">i", FRAME_MAX) + b"x"):
        client = Client(server, seconds=SILENCE_SECONDS)
        client.raw(data)
        clients.append((data, client))
    return clients


def check_half_frames(clients, checks):
    for data, client in clients:
        checks.check(f"silence after {len(data)} bytes ends the connection", client.closed())
        client.socket.close()


def check_connection_limit(server, checks):
    """A server that takes 5 connections of one address and knows only srvr."""
    held = [Client(server) for _ in range(5)]
    for client in held:
        client.open()
    with Client(server) as refused:
        checks.equal("the connection above maxClientCnxns is closed", refused.open(), None)
    checks.check("those below are served", all(client.ask(EXISTS, read("/"))[1] == 0 for client in held))
    held.pop().socket.close()

    def another_is_served():
        with Client(server) as client:
            return client.open() is not None
    checks.check("a connection that ends makes room", eventually(another_is_served))
    for client in held:
        client.socket.close()
    checks.check("srvr answers without a whitelist", eventually(lambda: "Mode: standalone" in word(server, "srvr")))
    checks.check("ruok is not in the default whitelist", "not in the whitelist" in word(server, "ruok"))
    checks.check("nor is a word that changes something", "not in the whitelist" in word(server, "srst"))


def livez(port):
    """(status line, seconds)"""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = connection.recv(4096)
    return answer.split(b"\r\n")[0].decode(), time.monotonic() - began


def http(port, data):
    """The status line of what the admin port answers, "" when it just closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        try:
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            return connection.recv(4096).split(b"\r\n")[0].decode()
        except ConnectionResetError:
            return ""


def check_admin_port(port, checks):
    def alive(after):
        status, seconds = livez(port)
        checks.check(f"after {after} /livez answers within a second", status.endswith("200 OK") and seconds < SERVED_SECONDS,
                     f"{status} in {seconds:.2f} s")

    head = b"GET /commands/ruok HTTP/1.1\r\nHost: x\r\n"
    alive("the start")
    halves = []
    for number in range(400):
        connection = socket.create_connection(("127.0.0.1", port), timeout=5)
        connection.sendall((b"", b"GET /livez HT", head, head + b"X: ")[number % 4])
        halves.append(connection)
    alive("400 half-sent requests")
    for connection in halves:
        connection.close()
    status = http(port, head + b"".join(b"x-%d: y\r\n" % number for number in range(200_000)) + b"\r\n")
    checks.check("200,000 headers are refused", " 4" in status or status == "", status)
    alive("200,000 headers")
    post = b"POST /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for name, body in (("a good chunked body", b"3\r\nabc\r\n0\r\n\r\n"), ("a chunk without a size", b"zz\r\n"),
                       ("a chunk of 2^64 bytes", b"ffffffffffffffffff\r\nabc"), ("a chunk that is too long", b"3\r\nabcdef\r\n"),
                       ("a chunked body of 2 MiB", (b"10000\r\n" + bytes(0x10000) + b"\r\n") * 32),
                       ("a chunk line of 1 MiB", b"1;" + b"x" * (1 << 20))):
        status = http(port, post + body)
        checks.check(f"{name} is refused", " 4" in status, status)
        alive(name)
    for name, data in (("a long request line", b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\n\r\n"),
                       ("a request line of garbage", os.urandom(512) + b"\r\n\r\n"),
                       ("two lengths", b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
                       ("a negative length", b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
                       ("a length of 10 GB", b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\n"),
                       ("a path above the root", b"GET /commands/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n")):
        status = http(port, data)
        checks.check(f"{name} is refused", " 4" in status or status == "", status)
        alive(name)


def run(coordinator):
    checks = Checks("coordinator_sweep")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="coordinator-sweep-"))
    admin_port = free_port()
    server = Server([coordinator], folder / "server", folder / "data",
                    ["admin.enableServer=true", "admin.serverAddress=127.0.0.1", f"admin.serverPort={admin_port}"])
    narrow = Server([coordinator], folder / "narrow", folder / "narrow-data",
                    ["maxClientCnxns=5", "4lw.commands.whitelist=srvr"])
    try:
        server.start()
        process = server.process
        silent = half_frames(server)
        sweep = Sweep(server, checks)
        for case in (sweep.lengths, sweep.garbage, sweep.largest_request, sweep.opcodes, sweep.truncated_bodies,
                     sweep.authentication, sweep.connects, sweep.pipelined, sweep.slow_reader, sweep.idle, sweep.large_multi,
                     sweep.words):
            try:
                began = time.monotonic()
                case()
                print(f"-- {case.__name__}: {time.monotonic() - began:.2f} s", flush=True)
            except (OSError, TypeError, struct.error) as error:
                checks.check(case.__name__, False, repr(error))
        check_admin_port(admin_port, checks)
        check_connection_limit(narrow.start(), checks)
        check_half_frames(silent, checks)
        sweep.others_are_served("all of it")
        checks.check("the server never ended", process.poll() is None, server.log_text())
        return checks.exit_code()
    finally:
        server.kill()
        narrow.kill()
        shutil.rmtree(folder)


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))
    sys.exit(run(sys.argv[1]))
