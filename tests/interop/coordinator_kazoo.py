#!/usr/bin/env python3
"""Drives millrace-coordinator with kazoo, a ZooKeeper client of others.

Usage: coordinator_kazoo.py BINARY. Starts the binary on free ports with a folder of its own, prints one line per check and ends
with 1 when one failed. Exit 77 (skipped) without kazoo.
"""
import contextlib
import json
import logging
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from free_port import free_port  # noqa: E402

try:
    from kazoo import exceptions, security
    from kazoo.client import KazooClient, KazooState
    from kazoo.handlers.threading import KazooTimeoutError
    from kazoo.protocol.states import EventType
except ImportError:
    print("skipped: python3-kazoo is not installed")
    sys.exit(77)

logging.disable(logging.CRITICAL)
WAIT = 15  # seconds until an awaited event counts as lost


class Server:
    """The process under test, its folder and its port; restart keeps both."""

    def __init__(self, binary):
        self.binary = binary
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="coordinator-kazoo-"))
        self.port = free_port()
        self.admin_port = free_port()
        super_id = security.make_digest_acl_credential("super", "secret")
        (self.folder / "zoo.cfg").write_text(
            f"# separators of java.util.Properties\n"
            f"tickTime=200\ndataDir {self.folder}/data\nclientPort:{self.port}\n"
            f"admin.serverAddress=127.0.0.1\nadmin.serverPort={self.admin_port}\n"
            f"maxClientCnxns=0\nsnapCount=200\n4lw.commands.whitelist=*\n"
            f"extendedTypesEnabled=true\nznode.container.checkIntervalMs=200\n"
            f"DigestAuthenticationProvider.superDigest={super_id}\n")
        self.process = None
        self.log = open(self.folder / "log", "ab")

    def start(self):
        self.process = subprocess.Popen([self.binary, self.folder / "zoo.cfg"], stderr=self.log)
        for _ in range(WAIT * 100):
            with contextlib.suppress(OSError):
                if self.ask("ruok") == "imok":
                    return
            if self.process.poll() is not None:
                break
            threading.Event().wait(0.01)
        raise RuntimeError("the server does not answer:\n" + (self.folder / "log").read_text())

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(WAIT)

    def close(self):
        if self.process.poll() is None:
            self.stop(signal.SIGKILL)
        self.log.close()
        shutil.rmtree(self.folder)

    def ask(self, word):
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(word.encode())
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
            return answer.decode()

    def client(self, timeout=10.0, **options):
        client = KazooClient(f"127.0.0.1:{self.port}", timeout=timeout, **options)
        client.start(WAIT)
        return client


CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def equal(found, wanted, what=""):
    expect(found == wanted, f"{what}: found {found!r}, wanted {wanted!r}")


def refused(error, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except error:
        return
    raise AssertionError(f"no {error.__name__}")


@check
def create_get_set_delete(server, client):
    equal(client.create("/basic", b"one"), "/basic")
    data, stat = client.get("/basic")
    equal((data, stat.version, stat.dataLength, stat.numChildren), (b"one", 0, 3, 0))
    equal(stat.czxid, stat.mzxid)
    stat = client.set("/basic", b"second")
    equal((stat.version, stat.dataLength), (1, 6))
    expect(stat.mzxid > stat.czxid, "mzxid did not rise")
    refused(exceptions.BadVersionError, client.set, "/basic", b"x", version=0)
    refused(exceptions.BadVersionError, client.delete, "/basic", version=0)
    client.delete("/basic", version=1)
    equal(client.exists("/basic"), None)
    refused(exceptions.NoNodeError, client.get, "/basic")


@check
def errors_of_create_and_delete(server, client):
    client.create("/errors", b"")
    refused(exceptions.NodeExistsError, client.create, "/errors")
    refused(exceptions.NoNodeError, client.create, "/absent/child")
    client.create("/errors/child")
    refused(exceptions.NotEmptyError, client.delete, "/errors")
    refused(exceptions.BadArgumentsError, client.delete, "/zookeeper")
    client.create("/errors/eph", ephemeral=True)
    refused(exceptions.NoChildrenForEphemeralsError, client.create, "/errors/eph/x")
    client.delete("/errors", recursive=True)


@check
def sequence_numbers_count_creations_of_the_parent(server, client):
    client.create("/seq")
    equal(client.create("/seq/a-", sequence=True), "/seq/a-0000000000")
    equal(client.create("/seq/b"), "/seq/b")
    client.delete("/seq/b")
    equal(client.create("/seq/", sequence=True), "/seq/0000000002")
    equal(client.create("/seq/e-", ephemeral=True, sequence=True), "/seq/e-0000000003")
    stat = client.exists("/seq")
    equal((stat.cversion, stat.numChildren), (5, 3))


@check
def children_and_their_stat(server, client):
    for name in ("a", "b", "c/d"):
        client.create("/kids/" + name, makepath=True)
    equal(sorted(client.get_children("/kids")), ["a", "b", "c"])
    names, stat = client.get_children("/kids", include_data=True)
    equal((sorted(names), stat.numChildren, stat.cversion), (["a", "b", "c"], 3, 3))
    expect(stat.pzxid > stat.czxid, "pzxid did not rise")


@check
def create_answers_with_the_stat_when_asked(server, client):
    path, stat = client.create("/withstat", b"abc", include_data=True)
    equal((path, stat.dataLength), ("/withstat", 3))


@check
def multi_is_all_or_nothing(server, client):
    client.create("/multi")
    request = client.transaction()
    request.create("/multi/a", b"1")
    request.set_data("/multi", b"new")
    request.check("/multi", 1)
    request.create("/multi/s-", b"", sequence=True)
    request.delete("/multi/a")
    results = request.commit()
    equal((results[0], results[1].version, results[2], results[3]),
          ("/multi/a", 1, True, "/multi/s-0000000001"))
    request = client.transaction()
    request.create("/multi/x", b"")
    request.check("/multi", 77)
    request.delete("/multi/s-0000000001")
    results = request.commit()
    equal([type(result) for result in results],
          [exceptions.RolledBackError, exceptions.BadVersionError, exceptions.RuntimeInconsistency])
    equal(client.exists("/multi/x"), None)
    equal(client.get_children("/multi"), ["s-0000000001"])


@check
def watches_fire_once(server, client):
    events, fired = [], threading.Event()

    def watch(event):
        events.append((event.type, event.path))
        fired.set()

    def awaited(kind, path):
        expect(fired.wait(WAIT), "no event")
        equal(events, [(kind, path)])
        events.clear()
        fired.clear()

    other = server.client()
    equal(client.exists("/watched", watch), None)
    other.create("/watched", b"")
    awaited(EventType.CREATED, "/watched")
    client.get("/watched", watch)
    other.set("/watched", b"1")
    awaited(EventType.CHANGED, "/watched")
    other.set("/watched", b"2")
    client.get_children("/watched", watch)
    other.create("/watched/kid")
    awaited(EventType.CHILD, "/watched")
    client.get("/watched/kid", watch)
    other.delete("/watched/kid")
    awaited(EventType.DELETED, "/watched/kid")
    other.stop()


@check
def acl_and_authentication(server, client):
    owner = server.client(auth_data=[("digest", "user:pass")])
    mine = [security.make_digest_acl("user", "pass", all=True)]
    owner.create("/private", b"hidden", acl=mine)
    refused(exceptions.NoAuthError, client.get, "/private")
    refused(exceptions.NoAuthError, client.set, "/private", b"")
    refused(exceptions.NoAuthError, client.create, "/private/x")
    equal(owner.get("/private")[0], b"hidden")
    acl, stat = owner.get_acls("/private")
    equal((acl[0].id.scheme, stat.aversion), ("digest", 0))
    owner.set_acls("/private", [security.make_acl("auth", "", read=True, admin=True),
                                security.make_acl("world", "anyone", read=True)])
    equal(client.get("/private")[0], b"hidden")
    shown = {(one.id.scheme, one.id.id) for one in client.get_acls("/private")[0]}
    equal(shown, {("digest", "user:x"), ("world", "anyone")})
    refused(exceptions.NoAuthError, owner.set, "/private", b"")
    root = server.client(auth_data=[("digest", "super:secret")])
    root.set("/private", b"by the super user")
    client.create("/by-ip", acl=[security.make_acl("ip", "127.0.0.0/8", all=True)])
    equal(client.exists("/by-ip").version, 0)
    refused(exceptions.InvalidACLError, client.create, "/bad",
            acl=[security.make_acl("nonsense", "x", all=True)])
    refused(exceptions.AuthFailedError, client.add_auth, "nonsense", "x")
    owner.stop()
    root.stop()


@check
def ephemerals_go_with_a_closed_session(server, client):
    other = server.client()
    other.create("/eph", b"", ephemeral=True)
    equal(client.exists("/eph").ephemeralOwner, other.client_id[0])
    gone = threading.Event()
    client.exists("/eph", lambda event: gone.set())
    other.stop()
    expect(gone.wait(WAIT), "the ephemeral node stays")


@check
def a_silent_session_expires(server, client):
    other = server.client(timeout=1.0)
    other.create("/expiring", b"", ephemeral=True)
    gone = threading.Event()
    client.exists("/expiring", lambda event: gone.set())
    session = other.client_id
    # Without heartbeats: the socket goes away and nobody takes the session up again.
    other._connection._socket.shutdown(socket.SHUT_RDWR)
    other._stopped.set()
    expect(gone.wait(WAIT), "the session lives on")
    late = KazooClient(f"127.0.0.1:{server.port}", client_id=session)
    states = []
    late.add_listener(states.append)
    late.start(WAIT)
    expect(late.client_id != session, "an expired session was taken up again")
    late.stop()


@check
def a_session_survives_a_crash_of_the_server(server, client):
    events, back = [], threading.Event()
    other = server.client()
    other.create("/kept", b"", ephemeral=True)
    changed = threading.Event()
    other.get("/kept", lambda event: changed.set())
    other.add_listener(lambda state: back.set() if state == KazooState.CONNECTED else None)
    for number in range(500):
        other.set("/kept", b"%d" % number)
    changed.clear()
    other.get("/kept", lambda event: changed.set())
    session = other.client_id
    server.stop(signal.SIGKILL)
    server.start()
    expect(back.wait(WAIT), "not connected again")
    equal(other.client_id, session)
    data, stat = other.get("/kept")
    equal((data, stat.version, stat.ephemeralOwner), (b"499", 500, session[0]))
    other.set("/kept", b"after")
    expect(changed.wait(WAIT), "the watch was not set again")
    other.stop()


@check
def term_ends_with_0_and_loses_nothing(server, client):
    client.create("/before-term", b"x")
    equal(server.stop(signal.SIGTERM), 0)
    server.start()
    expect(client.retry(client.exists, "/before-term"), "the node is gone")


@check
def pipelined_requests_keep_their_order(server, client):
    client.create("/pipe", b"")
    requests = []
    for number in range(500):
        requests.append((client.set_async("/pipe", b"%d" % number), None))
        requests.append((client.get_async("/pipe"), b"%d" % number))
    for request, wanted in requests:
        result = request.get(timeout=WAIT)
        if wanted is not None:
            equal(result[0], wanted)


@check
def sync_and_data_of_one_mebibyte(server, client):
    equal(client.sync("/"), "/")
    large = b"x" * 1_000_000
    client.create("/large", large)
    equal(client.get("/large")[0], large)


@check
def two_processes_cannot_share_a_folder(server, client):
    second = subprocess.run([server.binary, server.folder / "zoo.cfg", "-D", "clientPort=0"],
                            capture_output=True, timeout=WAIT, check=False)
    equal(second.returncode, 3, second.stderr.decode())


@check
def four_letter_words(server, client):
    expect("Mode: standalone" in server.ask("srvr"), "srvr")
    expect("zk_server_state\tstandalone" in server.ask("mntr"), "mntr")
    expect(f"clientPort={server.port}" in server.ask("conf"), "conf")
    expect("sid=0x" in server.ask("cons"), "cons")
    dump = server.ask("dump").splitlines()
    expect("SessionTracker dump:" in dump, "dump")
    expect(re.fullmatch(r"\d+ expire at \w{3} \w{3} \d\d \d\d:\d\d:\d\d UTC \d{4}:", dump[2]), f"dump: {dump[2]}")
    expect(any(f"sessionId: {client.client_id[0]:#x}" in line for line in dump), "the connection in dump")
    # What clients of the time of ZooKeeper 3.4 to 3.7 take the first line of srvr apart with.
    first = server.ask("srvr").splitlines()[0]
    expect(re.fullmatch(r"Zookeeper version: [\w.\-]+, built on \d\d/\d\d/\d{4} \d\d:\d\d GMT", first), first)
    expect("Environment:" in server.ask("envi"), "envi")
    equal(server.ask("isro"), "rw")
    for word in ("stat", "wchs", "wchc", "wchp", "dirs", "crst", "srst"):
        expect(server.ask(word).endswith("\n"), word)
    expect(client.server_version()[0] == 3, "the client finds no version")


@check
def admin_server(server, client):
    def fetch(path):
        with urllib.request.urlopen(f"http://127.0.0.1:{server.admin_port}{path}", timeout=5) as answer:
            return answer.read().decode()

    equal(json.loads(fetch("/commands/ruok")), {"command": "ruok", "error": None})
    equal(json.loads(fetch("/commands/monitor"))["server_state"], "standalone")
    equal(json.loads(fetch("/commands/configuration"))["client_port"], server.port)
    for command in ("connections", "dump", "stats", "watches", "watch_summary", "environment", "observers", "voting_view", "zabstate"):
        equal(json.loads(fetch("/commands/" + command))["error"], None, command)
    equal(json.loads(fetch("/commands/nonsense"))["error"], "Unknown command: nonsense")
    # Sessions are numbers there, not hex as in the four-letter words.
    session = client.client_id[0]
    client.create("/shown", b"", ephemeral=True)
    client.get("/shown", lambda event: None)
    shown = {one["session_id"]: one for one in json.loads(fetch("/commands/connections"))["connections"]}
    equal((shown[session]["last_operation"], shown[session]["session_timeout"]), ("GETD", 4000))  # twenty ticks
    expect("/shown" in json.loads(fetch("/commands/watches"))["session_id_to_watched_paths"][str(session)], "watches")
    expect(session in json.loads(fetch("/commands/watches_by_path"))["path_to_session_ids"]["/shown"], "watches by path")
    equal(json.loads(fetch("/commands/dump"))["session_id_to_ephemeral_paths"][str(session)], ["/shown"])
    newest = json.loads(fetch("/commands/last_snapshot"))
    expect(int(newest["zxid"], 16) >= 0 and newest["timestamp"] > 1_600_000_000, f"last snapshot: {newest}")
    figures = json.loads(fetch("/commands/server_stats"))["server_stats"]
    expect(figures["data_dir_size"] > 0 and figures["fsync_threshold_exceed_count"] >= 0, "server stats")
    expect("ok" in fetch("/readyz"), "/readyz")
    expect("znode_count" in fetch("/metrics"), "/metrics")
    expect(json.loads(fetch("/commands/gtmk"))["tracemask"] == int(server.ask("gtmk")), "gtmk")


def main():
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    server = Server(os.path.abspath(sys.argv[1]))
    failed = 0
    try:
        server.start()
        for function in CHECKS:
            name = function.__name__.replace("_", " ")
            client = server.client()
            try:
                function(server, client)
                print(f"ok      {name}", flush=True)
            except (AssertionError, exceptions.KazooException, KazooTimeoutError, OSError,
                    subprocess.SubprocessError) as error:
                failed += 1
                print(f"FAILED  {name}: {type(error).__name__}: {error}", flush=True)
            finally:
                client.stop()
                client.close()
        print(f"{len(CHECKS) - failed} of {len(CHECKS)} checks passed")
        if failed:
            print((server.folder / "log").read_text()[-4000:])
    finally:
        server.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
