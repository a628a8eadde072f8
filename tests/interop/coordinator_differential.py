#!/usr/bin/env python3
"""Sends one stream of requests to millrace-coordinator and to a Java ZooKeeper and compares what comes back.

Usage: coordinator_differential.py BINARY [SEED] [COUNT]
The Java server comes from tests/support/java_artifacts.sh; where that cannot have it, the test is skipped (77).
Both servers start empty, so zxids, versions and session-free bytes must be equal; times and session ids are masked, names of
children and identities are compared as sets.
"""
import contextlib
import os
import pathlib
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from free_port import free_port  # noqa: E402

OPEN = [(31, "world", "anyone")]
CREATE, DELETE, EXISTS, GET, SET, GET_ACL, SET_ACL, CHILDREN, SYNC = 1, 2, 3, 4, 5, 6, 7, 8, 9
CHILDREN2, CHECK, MULTI, CREATE2, RECONFIG, CHECK_WATCHES, REMOVE_WATCHES = 12, 13, 14, 15, 16, 17, 18
CREATE_CONTAINER, CREATE_TTL, MULTI_READ, AUTH, SET_WATCHES = 19, 21, 22, 100, 101
EPHEMERALS, ALL_CHILDREN, SET_WATCHES2, ADD_WATCH, WHO_AM_I, CLOSE = 103, 104, 105, 106, 107, -11


def number(value):
    return struct.pack(">i", value)


def text(value):
    if value is None:
        return number(-1)
    value = value.encode() if isinstance(value, str) else value
    return number(len(value)) + value


def acl(entries):
    if entries is None:
        return number(-1)
    return number(len(entries)) + b"".join(
        number(perms) + text(scheme) + text(name) for perms, scheme, name in entries)


def texts(values):
    return number(len(values)) + b"".join(map(text, values))


def multi(operations):
    body = b"".join(number(op) + b"\0" + number(-1) + part for op, part in operations)
    return body + number(-1) + b"\1" + number(-1)


def create_body(path, flags=0, data=b"x", entries=OPEN):
    return text(path) + text(data) + acl(entries) + number(flags)


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self):
        return struct.unpack(">i", self.take(4))[0]

    def text(self):
        length = self.number()
        return None if length < 0 else self.take(length)

    def names(self):
        return sorted(self.text() for _ in range(self.number()))

    def stat(self):
        """Without ctime and mtime; of ephemeralOwner only whether there is one."""
        fields = list(struct.unpack(">qqqqiiiqiiq", self.take(68)))
        return fields[:2] + fields[4:7] + [fields[7] != 0] + fields[8:]

    def rest(self):
        return self.take(len(self.data) - self.at)


def read_multi(cursor):
    results = []
    while True:
        kind, done, error = struct.unpack(">ibi", cursor.take(9))
        results.append((kind, done, error))
        if done:
            return results
        if kind in (CREATE, CREATE2):
            results.append(cursor.text())
        if kind == GET:
            results.append(cursor.text())
        if kind == CHILDREN:
            results.append(cursor.names())
        if kind in (CREATE2, SET, GET):
            results.append(cursor.stat())
        if kind == -1:
            results.append(cursor.number())


def read_body(op, cursor):
    if op in (EXISTS, SET, SET_ACL):
        return cursor.stat()
    if op in (GET, CREATE2, CREATE_CONTAINER, CREATE_TTL):
        return cursor.text(), cursor.stat()
    if op in (CHILDREN, EPHEMERALS):
        return cursor.names()
    if op == CHILDREN2:
        return cursor.names(), cursor.stat()
    if op == GET_ACL:
        return cursor.take(len(cursor.data) - cursor.at - 68), cursor.stat()
    if op in (MULTI, MULTI_READ):
        return read_multi(cursor)
    if op == WHO_AM_I:
        return sorted((cursor.text(), cursor.text()) for _ in range(cursor.number()))
    return None


def masked(op, frame):
    if len(frame) < 16:
        return frame
    xid, zxid, error = struct.unpack(">iqi", frame[:16])
    cursor = Cursor(frame[16:])
    if xid == -1:
        return "event", zxid, cursor.rest()
    body = None if error or len(frame) == 16 else read_body(op, cursor)
    return xid, zxid, error, body, cursor.rest()


class Client:
    def __init__(self, port, session=0, password=bytes(16), seen=0, timeout=30000, read_only=b"\0"):
        self.port, self.xid = port, 0
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(10)
        self.send(struct.pack(">iqiq", 0, seen, timeout, session) + text(password) + read_only)
        try:
            answer = self.frame()
        except (EOFError, ConnectionError):
            answer = bytes(36)
            self.outcome = "closed"
        else:
            self.outcome = len(answer), struct.unpack(">i", answer[4:8])[0], answer[36:]
        self.session, self.password = struct.unpack(">q", answer[8:16])[0], answer[20:36]

    def closed(self):
        """Whether the server has closed this connection without a further answer."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def send(self, body):
        self.socket.sendall(number(len(body)) + body)

    def read(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def frame(self):
        return self.read(struct.unpack(">i", self.read(4))[0])

    def ask(self, op, body, xid=None):
        """All frames up to the answer, or up to the end of the connection."""
        self.xid += 1
        xid = self.xid if xid is None else xid
        self.send(number(xid) + number(op) + body)
        frames = []
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                frames.append(self.frame())
                if struct.unpack(">i", frames[-1][:4])[0] == xid:
                    return frames
        return frames + [b"closed"]


class Pair:
    def __init__(self, java, ours):
        self.clients = [Client(java), Client(ours)]
        self.asked = self.differing = 0

    def __call__(self, op, body, xid=None):
        self.asked += 1
        answers = [[masked(op, frame) for frame in client.ask(op, body, xid)]
                   for client in self.clients]
        if op == CLOSE:
            # Java removes the nodes of a session in the order of a hash table.
            answers = [sorted(answer[:-1]) + answer[-1:] for answer in answers]
        if answers[0] != answers[1]:
            self.differing += 1
            print(f"DIFFERS {op} {body[:80]!r}")
            print(f"  java {str(answers[0])[:500]}\n  ours {str(answers[1])[:500]}")
        if b"closed" in answers[0] + answers[1]:
            self.reconnect()

    def gone(self, other):
        """The other pair was used up; what differed there counts here."""
        self.asked += other.asked
        self.differing += other.differing

    def same(self, what, *found):
        """found are Java's and ours."""
        self.asked += 1
        if found[0] != found[1]:
            self.differing += 1
            print(f"DIFFERS {what}\n  java {found[0]}\n  ours {found[1]}")

    def open(self, what, **how):
        """Connects anew; how has values, or functions of the client before."""
        before = self.clients
        self.clients = [Client(client.port, **{key: value(client) if callable(value) else value for key, value in how.items()})
                        for client in before]
        self.same(f"connect: {what}", *[(client.outcome, client.session == former.session)
                                        for client, former in zip(self.clients, before)])
        return before

    def close(self):
        """Ends the sessions: one that expired later would do so at another zxid on each server."""
        for client in self.clients:
            client.ask(CLOSE, b"")

    def reconnect(self):
        self.clients = [Client(client.port) for client in self.clients]


def paths(ask):
    for path in ["/a", "/a", "/a/b", "/a//b", "a", "a/b", "", "/", "//", "/a/", "/a/.", "/a/..", "/../x",
                 "/a/b/", "/x\x01", "/x\x00y", b"/\xed\xa0\x80", b"/\xff", "/\U0001F600", "/ä",
                 "/zookeeper/x", "/a/...", "/.a"]:
        ask(CREATE, create_body(path))
        for op in (EXISTS, GET, CHILDREN, CHILDREN2):
            ask(op, text(path) + b"\0")
        ask(GET_ACL, text(path))
        ask(EPHEMERALS, text(path))
        ask(SET, text(path) + text(b"y") + number(-1))
        ask(SET_ACL, text(path) + acl(OPEN) + number(-1))
    for path in ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "/none", "/none/x", "x", "",
                 "/a", "/a/", "//"]:
        ask(DELETE, text(path) + number(-1))
    for version in (5, -2, 1, 0):
        ask(DELETE, text("/a/b") + number(version))


def modes(ask):
    for flags in range(-1, 9):
        for op in (CREATE, CREATE2, CREATE_CONTAINER):
            ask(op, create_body(f"/f{op}-{flags}", flags))
        ask(CREATE_TTL, create_body(f"/t{flags}", flags) + struct.pack(">q", 1000))
    ask(CREATE, create_body("/eph", 1))
    ask(CREATE, create_body("/eph/x"))
    ask(CREATE, create_body("/seq"))
    for flags in (2, 2, 3):
        ask(CREATE, create_body("/seq/s-", flags))
    ask(CREATE, create_body("/seq/", 2))
    for prefix in ("/", "", None, "/se"):
        ask(EPHEMERALS, text(prefix))
    for path in ("/", "/seq", "/none"):
        ask(ALL_CHILDREN, text(path))
    ask(CREATE, create_body("/null", 0, None))
    for data in (None, b""):
        ask(SET, text("/null") + text(data) + number(-1))
        ask(GET, text("/null") + b"\0")


def access(ask):
    lists = [None, [], [(31, "world", "x")], [(31, "auth", "")], [(31, "digest", "u")],
             [(31, "digest", "u:p")], [(31, "digest", ":")], [(31, "digest", "u:")], [(31, "digest", ":p")],
             [(31, "ip", "1.2.3.4")], [(31, "ip", "1.2.3")], [(31, "ip", "1.2.3.4/33")],
             [(31, "ip", "1.2.3.4/0")], [(31, "ip", "::1")], [(31, "sasl", "x")], [(31, "super", "")],
             [(31, "nope", "")], [(0, "world", "anyone")], [(99, "world", "anyone")], OPEN * 3,
             [(31, None, "x")], [(1, "world", "anyone"), (2, "ip", "127.0.0.1")]]
    for index, entries in enumerate(lists):
        path = f"/acl{index}"
        ask(CREATE, create_body(path, entries=entries))
        ask(GET_ACL, text(path))
        ask(CREATE, create_body(path + "/c"))
        ask(SET, text(path) + text(b"1") + number(-1))
        ask(GET, text(path) + b"\1")
        ask(SET_ACL, text(path) + acl(OPEN) + number(0))
        ask(DELETE, text(path) + number(-1))
    for scheme, secret in (("digest", b"u:p"), ("digest", b"nocolon"), ("ip", b"x")):
        ask(AUTH, number(0) + text(scheme) + text(secret), -4)
        ask(WHO_AM_I, b"")
        ask(CREATE, create_body("/mine" + scheme, entries=[(31, "auth", "")]))
        ask(DELETE, text("/mine" + scheme) + number(-1))
    ask(AUTH, number(0) + text("world") + text(b"x"), -4)


def multis(ask):
    ask(MULTI, multi([]))
    ask(MULTI, multi([(CREATE, create_body("/m1")), (CREATE2, create_body("/m1/c")),
                      (SET, text("/m1") + text(b"q") + number(0)), (CHECK, text("/m1") + number(1)),
                      (DELETE, text("/m1/c") + number(-1))]))
    ask(MULTI, multi([(CREATE, create_body("/m2")), (CHECK, text("/m1") + number(77)),
                      (DELETE, text("/m1") + number(-1))]))
    ask(MULTI, multi([(CREATE, create_body("/m2", 9)), (CREATE, create_body("/m3"))]))
    ask(MULTI, multi([(CREATE, create_body("/m2"))] * 2))
    ask(MULTI, multi([(CREATE_CONTAINER, create_body("/mc", 4)), (DELETE, text("/mc") + number(-1))]))
    ask(MULTI, multi([(SET_ACL, text("/m1") + acl(OPEN) + number(-1))]))
    ask(MULTI, multi([(EXISTS, text("/m1") + b"\0")]))
    for path in ("/none", "/m1", "bad"):
        ask(MULTI, multi([(CHECK, text(path) + number(-1))]))
    ask(MULTI_READ, multi([(GET, text("/m1") + b"\0"), (CHILDREN, text("/m1") + b"\0"),
                           (GET, text("/none") + b"\0")]))
    ask(MULTI_READ, multi([]))


def sessions(ask):
    """What one session sees of another one, and what becomes of a session on another connection."""
    other = Pair(*[client.port for client in ask.clients])
    mine = [(31, "digest", "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=")]  # u:p
    other(AUTH, number(0) + text("digest") + text(b"u:p"), -4)

    def heard():
        """Collects the events that stand before this answer."""
        ask(EXISTS, text("/") + b"\0")

    for path in ("/two", "/two/a"):
        ask(CREATE, create_body(path))
    for op in (GET, EXISTS, CHILDREN, CHILDREN2):
        ask(op, text("/two/a") + b"\1")
        other(SET, text("/two/a") + text(b"1") + number(-1))
        heard()
        other(CREATE, create_body(f"/two/a/{op}"))
        heard()
    # Events of nodes that the watching session may not read.
    for op in (GET, EXISTS):
        ask(op, text("/two/a") + b"\1")
    ask(ADD_WATCH, text("/two") + number(1))
    other(SET_ACL, text("/two/a") + acl(mine) + number(-1))
    other(SET, text("/two/a") + text(b"2") + number(-1))
    heard()
    other(CREATE, create_body("/two/hidden", entries=mine))
    heard()
    for path in ("/two/hidden", "/two/hidden/none", "/two/hidden/none/deeper"):
        for op in (GET, EXISTS, CHILDREN, CHILDREN2):
            ask(op, text(path) + b"\1")
        for op in (GET_ACL, ALL_CHILDREN, EPHEMERALS, SYNC):
            ask(op, text(path))
        for kind in (1, 2, 3):
            ask(CHECK_WATCHES, text(path) + number(kind))
            ask(REMOVE_WATCHES, text(path) + number(kind))
        for mode in (0, 1):
            ask(ADD_WATCH, text(path) + number(mode))
        ask(SET, text(path) + text(b"x") + number(-1))
        ask(SET_ACL, text(path) + acl(OPEN) + number(-1))
        ask(CREATE, create_body(path + "/c"))
        ask(DELETE, text(path) + number(-1))
        ask(MULTI, multi([(CHECK, text(path) + number(-1))]))
        ask(MULTI_READ, multi([(GET, text(path) + b"\0"), (CHILDREN, text(path) + b"\0")]))
    ask(EXISTS, text("/two/hidden") + b"\1")
    ask(EXISTS, text("/two/later") + b"\1")
    other(SET, text("/two/hidden") + text(b"2") + number(-1))
    other(CREATE, create_body("/two/later", entries=mine))
    heard()
    other(CREATE, create_body("/two/hidden/child"))
    other(DELETE, text("/two/hidden/child") + number(-1))
    other(DELETE, text("/two/hidden") + number(-1))
    heard()
    ask(SET_WATCHES, struct.pack(">q", 1) + texts(["/two/later", "/two/a"]) + texts(["/two/later"]) + texts(["/two/a"]), -8)
    other(MULTI, multi([(SET, text("/two") + text(b"3") + number(-1)), (CREATE, create_body("/two/m")),
                        (DELETE, text("/two/m") + number(-1))]))
    heard()
    other(CREATE, create_body("/two/mine", 1))
    other(CLOSE, b"")
    ask.gone(other)
    heard()

    ask(CREATE, create_body("/two/eph", 1))
    before = ask.open("the session moves", session=lambda client: client.session, password=lambda client: client.password)
    ask.same("the former connection is closed", *[client.closed() for client in before])
    ask(EPHEMERALS, text("/"))
    ask(GET, text("/two/eph") + b"\0")
    ask.open("a wrong password", session=lambda client: client.session, password=bytes(16))
    ask.reconnect()
    ask.open("an unknown session", session=0x1234567, password=bytes(16))
    ask.reconnect()
    ask.open("a zxid from the future", seen=1 << 60)
    ask.reconnect()
    for timeout in (-1, 0, 1, 4000, 1 << 30):
        ask.open(f"a timeout of {timeout}", timeout=timeout)
        ask.close()
    ask.open("without the readOnly byte", read_only=b"")
    ask.close()
    ask.open("that takes a read-only server", read_only=b"\1")
    ask(CREATE, create_body("/two/last", 1))
    ask(CLOSE, b"")
    ask.open("a session that was closed", session=lambda client: client.session, password=lambda client: client.password)
    ask.reconnect()
    heard()


def quotas(ask):
    """Both servers have enforceQuota=true."""
    top, place = "/quoted", "/zookeeper/quota/quoted"
    for path in (top, f"{top}/a", f"{top}/a/b", place):
        ask(CREATE, create_body(path, data=b"12345"))

    def limit(data):
        ask(SET, text(f"{place}/zookeeper_limits") + text(data) + number(-1))

    def counts():
        ask(GET, text(f"{place}/zookeeper_stats") + b"\0")

    ask(CREATE, create_body(f"{place}/zookeeper_limits", data=b"count=1,bytes=1"))
    ask(CREATE2, create_body(f"{place}/zookeeper_stats", data=b"count=0,bytes=0"))
    counts()
    for soft_and_hard in (b"count=1,bytes=1", b"count=-1,bytes=-1;countHardLimit=5", b"count=9,bytes=-1;byteHardLimit=30",
                          b"count=-1,bytes=-1;countHardLimit=6;byteHardLimit=40"):
        limit(soft_and_hard)
        for number_of in range(3):
            for flags in (0, 1, 2, 4):
                ask(CREATE, create_body(f"{top}/n{number_of}-{flags}", flags, b"123"))
            ask(SET, text(f"{top}/a") + text(b"x" * 10 * number_of) + number(-1))
            ask(SET, text(f"{top}/a") + text(b"x" * 20 * number_of) + number(99))
            ask(SET, text(f"{top}/a/b") + text(None) + number(-1))
            ask(MULTI, multi([(CREATE, create_body("/elsewhere")), (CREATE, create_body(f"{top}/m{number_of}")),
                              (SET, text(f"{top}/a/b") + text(b"yy") + number(-1))]))
            ask(DELETE, text("/elsewhere") + number(-1))
            ask(DELETE, text(f"{top}/n{number_of}-0") + number(-1))
            counts()
    ask(CREATE, create_body("/zookeeper/quota/quoted/a"))
    ask(CREATE, create_body("/zookeeper/quota/quoted/a/zookeeper_limits", data=b"count=5,bytes=-1"))
    ask(CREATE, create_body("/zookeeper/quota/quoted/a/zookeeper_stats", data=b""))
    ask(CREATE, create_body(f"{top}/a/inner"))
    ask(GET, text("/zookeeper/quota/quoted/a/zookeeper_stats") + b"\0")
    counts()
    limit(b"count=-1,bytes=-1")
    for data in (b"count=7,bytes=9;zebra=7;apple=8", b"", b"count=4=,;bytes=2="):
        ask(SET, text(f"{place}/zookeeper_stats") + text(data) + number(-1))
        ask(CREATE, create_body(f"{top}/after{len(data)}"))
        counts()
    ask(DELETE, text(f"{place}/zookeeper_limits") + number(-1))
    ask(CREATE, create_body(f"{top}/uncounted"))
    counts()
    ask(CLOSE, b"")
    ask.reconnect()


def unknown(ask):
    """Last of all: Java sometimes gives one zxid more to the reconnecting after these."""
    ask(CHECK, text("/m1") + number(0))
    for op in (20, 999, 0):
        ask(op, text("/m1"))


def malformed(ask):
    ask(RECONFIG, text("") * 3 + struct.pack(">q", -1))
    for op in (CREATE, DELETE, EXISTS, GET, SET, GET_ACL, SET_ACL, CHILDREN, SYNC, CHILDREN2, MULTI, CREATE2,
               CHECK_WATCHES, REMOVE_WATCHES, CREATE_CONTAINER, CREATE_TTL, MULTI_READ, SET_WATCHES, EPHEMERALS,
               ALL_CHILDREN, SET_WATCHES2, ADD_WATCH):
        ask(op, b"")


def watches(ask):
    for op in (CHECK_WATCHES, REMOVE_WATCHES):
        for kind in range(7):
            ask(op, text("/a") + number(kind))
    for mode in (0, 1, 2, -1):
        ask(ADD_WATCH, text(f"/pw{mode}") + number(mode))
    ask(EXISTS, text("/w") + b"\1")
    for path in ("/w", "/w/k", "/pw0", "/pw0/c", "/pw1", "/pw1/c", "/pw1/c/d"):
        ask(CREATE, create_body(path))
        ask(GET, text(path) + b"\1")
        ask(CHILDREN, text(path) + b"\1")
        ask(SET, text(path) + text(b"1") + number(-1))
    for path in ("/pw1/c/d", "/pw0/c", "/w/k"):
        ask(DELETE, text(path) + number(-1))
    for path, kind in (("/pw1", 3), ("/pw0", 2), ("/pw0", 4), ("/pw0", 4)):
        ask(REMOVE_WATCHES, text(path) + number(kind))
    ask(SET_WATCHES, struct.pack(">q", 3) + texts(["/w", "/gone"]) + texts(["/w", "/ng"])
        + texts(["/w", "/gone2"]), -8)
    ask(SET_WATCHES2, struct.pack(">q", 1 << 40) + texts(["/w"]) + texts(["/ng"]) + texts(["/w"])
        + texts(["/p"]) + texts(["/r"]), -8)
    ask(SET, text("/w") + text(b"") + number(-1))
    for path in ("/ng", "/p", "/r", "/r/x"):
        ask(CREATE, create_body(path))


def drawn(ask, choose, count):
    names = ["/q", "/q/a", "/q/b", "/q/a/c", "/q/a/d", "/q/b/e"]

    def part():
        path, kind = choose.choice(names), choose.random()
        if kind < .4:
            return choose.choice([CREATE, CREATE2]), create_body(path, choose.choice([0, 2]))
        if kind < .6:
            return DELETE, text(path) + number(-1)
        if kind < .8:
            return SET, text(path) + text(b"") + number(choose.choice([-1, -1, 0]))
        return CHECK, text(path) + number(choose.choice([-1, 0, 1]))

    asking = ask
    other = Pair(*[client.port for client in asking.clients])
    for _ in range(count):
        path, kind = choose.choice(names), choose.random()
        # What another session does is seen by this one before its next answer.
        if ask is other:
            asking(EXISTS, text("/") + b"\0")
        ask = other if choose.random() < .2 else asking
        if kind < .3:
            ask(choose.choice([CREATE, CREATE2]), create_body(path, choose.choice([0, 0, 0, 1, 2, 3])))
        elif kind < .45:
            ask(DELETE, text(path) + number(choose.choice([-1, -1, 0, 1])))
        elif kind < .6:
            ask(SET, text(path) + text(b"z" * choose.randrange(5)) + number(choose.choice([-1, 0, 1, 2])))
        elif kind < .65:
            entries = choose.choice([OPEN, [(31, "ip", "127.0.0.1")], [(15, "world", "anyone")]])
            ask(SET_ACL, text(path) + acl(entries) + number(-1))
        elif kind < .75:
            ask(choose.choice([EXISTS, GET, CHILDREN, CHILDREN2]), text(path) + choose.choice([b"\0", b"\1"]))
        elif kind < .78:
            ask(ADD_WATCH, text(path) + number(choose.choice([0, 1])))
        elif kind < .8:
            ask(REMOVE_WATCHES, text(path) + number(choose.choice([1, 2, 3, 4, 5])))
        else:
            ask(MULTI, multi([part() for _ in range(choose.randrange(1, 4))]))
    asking(EXISTS, text("/") + b"\0")
    asking.gone(other)
    asking(CLOSE, b"")
    asking.reconnect()


def start(command, folder, log):
    """The process and its port, once it serves."""
    port = free_port()
    (folder / "zoo.cfg").write_text(f"dataDir={folder}/data\nclientPort={port}\ntickTime=2000\n"
                                    "admin.enableServer=false\n4lw.commands.whitelist=*\nenforceQuota=true\n")
    process = subprocess.Popen(command + [str(folder / "zoo.cfg")], stdout=log, stderr=log)
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as probe:
            # Java answers ruok before it serves.
            probe.sendall(b"srvr")
            if b"Mode:" in b"".join(iter(lambda: probe.recv(4096), b"")):
                return process, port
        if process.poll() is not None:
            break
        threading.Event().wait(0.05)
    process.kill()
    raise RuntimeError(f"{command[0]} does not answer")


def main():
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    artifacts = pathlib.Path(__file__).parent.parent / "support" / "java_artifacts.sh"
    fetched = subprocess.run([artifacts, "zookeeper"], stdout=subprocess.PIPE, text=True, check=False)
    if fetched.returncode:
        return fetched.returncode
    classpath = fetched.stdout.strip() + "/*"
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 3000
    folder = pathlib.Path(tempfile.mkdtemp(prefix="coordinator-differential-"))
    processes = []
    try:
        with open(folder / "log", "wb") as log:
            ports = []
            for name, command in (
                    ("java", ["java", "-cp", classpath, "org.apache.zookeeper.server.quorum.QuorumPeerMain"]),
                    ("ours", [os.path.abspath(sys.argv[1])])):
                (folder / name).mkdir()
                process, port = start(command, folder / name, log)
                processes.append(process)
                ports.append(port)
            ask = Pair(*ports)
            for part in (paths, modes, access, multis, malformed, watches, sessions, quotas):
                part(ask)
            drawn(ask, random.Random(seed), count)
            unknown(ask)
    finally:
        for process in processes:
            process.kill()
            process.wait()
        shutil.rmtree(folder)
    print(f"seed {seed}: {ask.asked} requests, {ask.differing} answers differ")
    return 1 if ask.differing else 0


if __name__ == "__main__":
    sys.exit(main())
