#!/usr/bin/env python3
"""How our programs behave as processes: options, wrong settings, signals, taken ports and folders, damaged files, full disks,
health pages, log lines.

Usage: manners.py COORDINATOR BROKER [OPERATOR]. Exit codes and messages are those that --help promises.
"""
import contextlib
import hashlib
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from kafka_servers import Broker, Checks, eventually, require  # noqa: E402
from zk_servers import Server, free_port  # noqa: E402

EXIT_CONFIG, EXIT_START, EXIT_DISK = 2, 3, 4
STOP_SECONDS = 5

# What is written, the key that is named, a piece of the explanation. Each stands on line 3 of an otherwise good file.
WRONG_ZOO_CFG = [
    ("tickTime=soon", "tickTime", "'soon' is not an integer"),
    ("tickTime=0", "tickTime", "out of range; allowed: 1 to"),
    ("clientPort=70000", "clientPort", "out of range; allowed: 0 to 65535"),
    ("maxClientCnxns=-2", "maxClientCnxns", "allowed: -1 to"),
    ("snapCount=1", "snapCount", "allowed: 2 to"),
    ("jute.maxbuffer=12", "jute.maxbuffer", "allowed: 1024 to"),
    ("forceSync=maybe", "forceSync", "'maybe' is not known; allowed: yes, no"),
    ("admin.enableServer=perhaps", "admin.enableServer", "allowed: true, false"),
    ("admin.commandURL=commands", "admin.commandURL", "allowed: a path"),
    ("autopurge.purgeInterval=-1", "autopurge.purgeInterval", "allowed: 0 to"),
    ("minSessionTimeout=90000", "minSessionTimeout", "allowed: at most"),
    ("secureClientPort=2281", "secureClientPort", "TLS is not offered"),
    ("authProvider.1=org.example.Provider", "authProvider.1", "not offered"),
    ("peerType=observer", "peerType", "standalone"),
]
WRONG_SERVER_PROPERTIES = [
    ("broker.id=-5", "broker.id", "out of range; allowed: -1 or more"),
    ("broker.id=first", "broker.id", "'first' is not an integer"),
    ("listeners=nonsense", "listeners", "NAME://host:port"),
    ("listeners=PLAINTEXT://:99999", "listeners", "host:port"),
    ("listeners=SSL://:9093", "listeners", "allowed: PLAINTEXT"),
    ("listeners=FOO://:9092", "listeners", "listener.security.protocol.map"),
    ("listeners=", "listeners", "at least one"),
    ("advertised.listeners=PLAINTEXT://0.0.0.0:9092", "advertised.listeners", "clients cannot connect"),
    ("inter.broker.listener.name=OTHER", "inter.broker.listener.name", "no such listener"),
    ("log.dirs=", "log.dirs", "at least one"),
    ("num.partitions=0", "num.partitions", "allowed: 1 or more"),
    ("log.cleanup.policy=shred", "log.cleanup.policy", "allowed: delete, compact"),
    ("auto.create.topics.enable=maybe", "auto.create.topics.enable", "allowed: true, false"),
    ("process.roles=broker", "process.roles", "ZooKeeper mode"),
    ("sasl.enabled.mechanisms=PLAIN", "sasl.enabled.mechanisms", "not offered"),
    ("zookeeper.connect=localhost:zk", "zookeeper.connect", "host:port"),
    ("millrace.admin.listener=nowhere", "millrace.admin.listener", "host:port"),
]


def call(*command, seconds=10):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=seconds)
    return done.returncode, done.stdout, done.stderr


def check_command_line(binary, checks):
    name = pathlib.Path(binary).name
    code, out, _ = call(binary, "--help")
    checks.check(f"{name} --help explains with examples and exit codes",
                 code == 0 and "Examples:" in out and "Exit codes:" in out, out)
    code, out, _ = call(binary, "--version")
    checks.check(f"{name} --version names version and revision",
                 code == 0 and re.fullmatch(re.escape(name) + r" \d+\.\d+\.\d+\S* \(\S+\)\n", out) is not None, out)
    code, _, error = call(binary, "--no-such-option")
    checks.check(f"{name} refuses an unknown option with 2 and names it", code == EXIT_CONFIG and "--no-such-option" in error,
                 f"{code} {error}")


def check_config(binary, file, good, wrong, typo, checks):
    """good are the lines of a file that is right; typo is (line, nearest key)."""
    name = pathlib.Path(binary).name
    file.write_text("\n".join(good) + "\n")
    code, out, error = call(binary, "--check-config", file)
    checks.check(f"{name} --check-config accepts a good file", code == 0 and "valid" in out and error == "", f"{code} {out} {error}")
    key, value = good[0].split("=", 1)
    code, out, _ = call(binary, "--print-config", file)
    checks.check(f"{name} --print-config names the origin of each value",
                 code == 0 and f"{key}={value}  # {file}:1\n" in out and "# default\n" in out, out)
    for line, key, why in wrong:
        others = [entry for entry in good if not entry.startswith(line.split("=")[0] + "=")]
        padded = [*others[:2], *["# a comment"] * (2 - len(others[:2])), line, *others[2:]]
        file.write_text("\n".join(padded) + "\n")
        code, _, error = call(binary, file)
        checks.check(f"{name} refuses {line} with 2 and one line that says why",
                     code == EXIT_CONFIG and error.count("\n") == 1 and f"{file}:3: {key}: " in error and why in error,
                     f"{code} {error}")
    file.write_text("\n".join([*good, typo[0]]) + "\n")
    code, _, error = call(binary, "--check-config", file)
    checks.check(f"{name} warns about {typo[0]} and names {typo[1]}",
                 code == 0 and f":{len(good) + 1}: " in error and f"did you mean {typo[1]}?" in error, f"{code} {error}")
    code, _, error = call(binary, file.with_name("missing"))
    checks.check(f"{name} refuses a file that is not there", code == EXIT_CONFIG and "missing" in error, f"{code} {error}")


def check_all_config(coordinator, broker, folder, checks):
    check_config(coordinator, folder / "zoo.cfg", ["dataDir=/nowhere", "clientPort=2181", "tickTime=2000"], WRONG_ZOO_CFG,
                 ("tickTme=2000", "tickTime"), checks)
    for line, why in (("", "clientPort: it is missing"), ("clientPort=1", "dataDir: it is missing")):
        (folder / "zoo.cfg").write_text((line or "dataDir=/nowhere") + "\n")
        code, _, error = call(coordinator, folder / "zoo.cfg")
        checks.check(f"a file without a needed key is refused: {why}", code == EXIT_CONFIG and why in error, f"{code} {error}")
    (folder / "zoo.cfg").write_text("dataDir=/nowhere\nclientPort=1\nserver.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n")
    code, _, error = call(coordinator, folder / "zoo.cfg")
    checks.check("an ensemble is refused by a standalone server",
                 code == EXIT_CONFIG and "zoo.cfg:4: server.2: " in error and "allowed: one server line" in error, f"{code} {error}")
    check_config(broker, folder / "server.properties",
                 ["zookeeper.connect=localhost:2181", "broker.id=0", "log.dirs=/nowhere"], WRONG_SERVER_PROPERTIES,
                 ("log.retention.byts=1", "log.retention.bytes"), checks)
    (folder / "server.properties").write_text("broker.id=0\n")
    code, _, error = call(broker, folder / "server.properties")
    checks.check("a file without zookeeper.connect is refused", code == EXIT_CONFIG and "zookeeper.connect: " in error,
                 f"{code} {error}")


def ends(start, seconds=10):
    """Runs a server that cannot start; returns (exit code, what it said)."""
    process, log = start()
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        code = None
    return code, log.read_text()


def spawn(server, *extra):
    """Starts a coordinator without waiting. Its log begins anew."""
    log = server.folder / "log"
    with open(log, "wb") as out:
        server.process = subprocess.Popen([*server.command, server.config, *extra], stdout=out, stderr=out, cwd=server.folder)
    return server.process, log


def spawn_broker(broker):
    (broker.folder / "log").write_bytes(b"")
    broker.spawn()
    return broker.process, broker.folder / "log"


def check_json_lines(what, log, checks):
    wrong = []
    for line in log.read_text().splitlines():
        try:
            entry = json.loads(line)
            if not {"time", "level", "component", "message"} <= entry.keys():
                wrong.append(line)
        except ValueError:
            wrong.append(line)
    checks.equal(f"{what}: log lines are JSON objects", wrong, [])


def fingerprint(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def page(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def check_pages(name, port, checks):
    checks.equal(f"{name}: /livez", page(port, "/livez"), (200, "ok\n"))
    checks.equal(f"{name}: /readyz", page(port, "/readyz"), (200, "ok\n"))
    status, text = page(port, "/version")
    version = json.loads(text) if status == 200 else {}
    checks.check(f"{name}: /version names version and revision", version.get("name") == name and version.get("version") and
                 version.get("revision"), text)
    status, text = page(port, "/metrics")
    checks.check(f"{name}: /metrics is Prometheus text", status == 200 and "# TYPE " in text and "process_" in text, text[:300])
    checks.equal(f"{name}: an unknown page", page(port, "/no/such/page")[0], 404)


def check_taken_ports(server, port_line, say, checks):
    """server has a configuration with two ports; each is taken in turn. port_line is [(name, port)]."""
    for name, port in port_line:
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", port))
            holder.listen()
            code, said = ends(say)
        checks.check(f"{name}: a taken port ends with 3 and is named", code == EXIT_START and f"127.0.0.1:{port}" in said,
                     f"{code} {said}")
        check_json_lines(f"{name} taken", server.folder / "log", checks)


def check_text_on_terminal(name, command, until, checks):
    """On a terminal lines are for people."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([str(word) for word in command], stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.set_blocking(ours, False)
    said = bytearray()

    def found():
        with contextlib.suppress(BlockingIOError, OSError):
            said.extend(os.read(ours, 1 << 16))
        return until.encode() in said
    shown = eventually(found)
    process.terminate()
    process.wait(STOP_SECONDS)
    os.close(ours)
    lines = said.decode(errors="replace").replace("\r", "").splitlines()
    checks.check(f"{name}: on a terminal log lines are text", shown and not any(line.startswith("{") for line in lines), lines)


def check_signals(name, server, serves, checks):
    """The server runs under load. HUP changes nothing; INT and TERM together end it at once."""
    server.process.send_signal(signal.SIGHUP)
    checks.check(f"{name} outlives HUP", eventually(serves) and server.process.poll() is None)
    # Both wait while the process stands still, so that the second always comes in the midst of the first's work.
    server.process.send_signal(signal.SIGSTOP)
    server.process.send_signal(signal.SIGINT)
    server.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    server.process.send_signal(signal.SIGCONT)
    code = server.process.wait(STOP_SECONDS)
    checks.check(f"{name}: a second signal ends it at once with 128 + number", code == 128 + signal.SIGTERM and
                 time.monotonic() - began < 1, f"{code} after {time.monotonic() - began:.2f} s")
    server.process = None


def check_term(name, server, checks):
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    try:
        code = server.process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        code = "still running"
    checks.check(f"{name}: TERM under load ends it with 0 within {STOP_SECONDS} s", code == 0,
                 f"{code} after {time.monotonic() - began:.2f} s\n{server.log_text()}")
    server.stop(signal.SIGKILL)


class Writer:
    """Creates nodes with a little data, several under way, and remembers those that were acknowledged."""

    def __init__(self, server, prefix, size=1000):
        self.prefix = prefix
        self.size = size
        self.acknowledged = []
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        self.socket.sendall(self.framed(struct.pack(">iqiqi", 0, 0, 30000, 0, 16) + bytes(17)))
        self.frame()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    @staticmethod
    def framed(body):
        return struct.pack(">i", len(body)) + body

    def frame(self):
        parts = b""
        size = 4
        while len(parts) < size:
            part = self.socket.recv(1 << 16)
            if not part:
                raise ConnectionResetError
            parts += part
            if len(parts) >= 4:
                size = 4 + struct.unpack_from(">i", parts)[0]
        if len(parts) > size:
            raise AssertionError("an answer to a question not asked")
        return parts[4:]

    def run(self):
        with contextlib.suppress(OSError):
            number = 0
            while True:
                path = f"{self.prefix}{number}".encode()
                body = struct.pack(">iii", number, 1, len(path)) + path + struct.pack(">i", self.size) + bytes(self.size)
                self.socket.sendall(self.framed(body + struct.pack(">iii", 1, 31, 5) + b"world" + struct.pack(">i", 6) + b"anyone" +
                                                struct.pack(">i", 0)))
                if struct.unpack_from(">i", self.frame(), 12)[0] == 0:
                    self.acknowledged.append(path)
                number += 1

    def wait_for(self, count):
        return eventually(lambda: len(self.acknowledged) >= count or not self.thread.is_alive())


def missing_nodes(server, paths):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        reader = Writer.__new__(Writer)
        reader.socket = connection
        connection.sendall(Writer.framed(struct.pack(">iqiqi", 0, 0, 30000, 0, 16) + bytes(17)))
        reader.frame()
        missing = []
        for path in paths:
            connection.sendall(Writer.framed(struct.pack(">iii", 1, 3, len(path)) + path + b"\0"))
            if struct.unpack_from(">i", reader.frame(), 12)[0] != 0:
                missing.append(path)
        return missing


def check_coordinator(coordinator, folder, checks):
    admin = free_port()
    server = Server([coordinator], folder / "coordinator", folder / "data",
                    ["admin.enableServer=true", "admin.serverAddress=127.0.0.1", f"admin.serverPort={admin}"])
    second = Server([coordinator], folder / "second", folder / "data")
    log = server.folder / "log"
    try:
        check_taken_ports(server, [("client port", server.port), ("admin port", admin)], lambda: spawn(server), checks)
        server.start()
        check_pages("millrace-coordinator", admin, checks)
        code, said = ends(lambda: spawn(second))
        checks.check("a data folder in use ends a second coordinator with 3 and is named", code == EXIT_START and
                     str(folder / "data") in said, f"{code} {said}")
        check_json_lines("second coordinator", second.folder / "log", checks)
        writer = Writer(server, "/first-")
        checks.check("the load runs", writer.wait_for(50))
        check_signals("coordinator", server, server.serves, checks)
        server.start()
        later = Writer(server, "/second-")
        checks.check("the load runs again", later.wait_for(50))
        check_term("coordinator", server, checks)
        later.thread.join()
        server.start()
        checks.equal("nothing acknowledged was lost", missing_nodes(server, writer.acknowledged + later.acknowledged), [])
        server.stop()
        check_json_lines("coordinator", log, checks)
        check_text_on_terminal("coordinator", [*server.command, server.config], "serving clients", checks)
        check_damaged_coordinator(server, folder / "data/version-2", checks)
    finally:
        server.kill()
        second.kill()


def check_damaged_coordinator(server, data, checks):
    logs = sorted(data.glob("log.*"), key=lambda path: path.stat().st_size)
    log = logs[-1]
    whole = log.read_bytes()
    for what, damage in (("a log with a wrong header", b"XXXX" + whole[4:]),
                         ("a log with a wrong record in its midst", whole[:2000] + bytes([whole[2000] ^ 0xff]) + whole[2001:])):
        log.write_bytes(damage)
        before = fingerprint(data)
        code, said = ends(lambda: spawn(server))
        checks.check(f"{what} ends the coordinator with 4 and is named", code == EXIT_DISK and log.name in said, f"{code} {said}")
        checks.equal(f"{what}: nothing is deleted or changed", fingerprint(data), before)
    log.unlink()
    before = fingerprint(data)
    code, said = ends(lambda: spawn(server))
    checks.check("a log that is gone ends the coordinator with 4", code == EXIT_DISK and "are missing" in said, f"{code} {said}")
    checks.equal("and the other files stay as they are", fingerprint(data), before)
    log.write_bytes(whole)


@contextlib.contextmanager
def small_disk(folder, mebibytes):
    """Yields a function that makes room. Where nothing can be mounted, yields None."""
    folder.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "none", folder], capture_output=True).returncode == 0
    try:
        yield (lambda: subprocess.run(["mount", "-o", "remount,size=256m", folder], check=True)) if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", folder], check=True)


def check_full_disk_coordinator(coordinator, folder, checks):
    with small_disk(folder / "small", 16) as make_room:
        server = Server([coordinator], folder / "full", folder / "small/data")
        if make_room is None:  # a limit of the size of a file stops the writing just as well
            server.command = ["prlimit", "--fsize=12000000", *server.command]
        try:
            server.start()
            process = server.process
            writer = Writer(server, "/full-", 20_000)
            checks.check("the disk fills", eventually(lambda: process.poll() is not None, 20))
            checks.check("a full disk ends the coordinator with 4", process.poll() == EXIT_DISK, process.poll())
            checks.check("and it says which file and that nothing more is acknowledged",
                         "log." in server.log_text() and "nothing more is acknowledged" in server.log_text(), server.log_text())
            check_json_lines("full coordinator", server.folder / "log", checks)
            writer.thread.join(10)
            if make_room is None:
                server.command = server.command[2:]
            else:
                make_room()
            server.start()
            checks.check("writes were acknowledged before", len(writer.acknowledged) > 3, len(writer.acknowledged))
            checks.equal("with room again nothing acknowledged is lost", missing_nodes(server, writer.acknowledged), [])
        finally:
            server.kill()


def produce(broker, topic, value):
    """True when the broker acknowledged the record."""
    done = subprocess.run(["kcat", "-b", broker.address, "-P", "-t", topic, "-p", "0", "-X", "acks=all", "-X",
                           "message.timeout.ms=2000", "-X", "message.max.bytes=2000000"], input=value, capture_output=True)
    return done.returncode == 0


def consume(broker, topic):
    done = subprocess.run(["kcat", "-b", broker.address, "-C", "-t", topic, "-p", "0", "-o", "beginning", "-e", "-q", "-u"],
                          capture_output=True, timeout=20)
    return done.stdout.split(b"\n")[:-1]


def check_broker(coordinator, broker, folder, checks):
    zookeeper = Server([coordinator], folder / "zookeeper", folder / "zookeeper-data", ["tickTime=500"])
    settings = ["zookeeper.session.timeout.ms=2000"]
    server = second = load = None
    try:
        zookeeper.start()
        server = Broker([broker], folder / "broker", zookeeper.address, 0, settings)
        check_taken_ports(server, [("listener", server.port), ("admin listener", server.admin_port)],
                          lambda: spawn_broker(server), checks)
        server.start()
        check_pages("millrace-broker", server.admin_port, checks)
        second = Broker([broker], folder / "second-broker", zookeeper.address, 1, settings)
        second.data = server.data
        code, said = ends(lambda: spawn_broker(second))
        checks.check("a log directory in use ends a second broker with 3 and is named", code == EXIT_START and
                     str(server.data) in said, f"{code} {said}")
        second.data = folder / "second-data"
        second.id = 0
        code, said = ends(lambda: spawn_broker(second), 15)
        checks.check("a broker.id in use ends a second broker with 3", code == EXIT_START and "0" in said, f"{code} {said}")
        checks.check("a record is acknowledged", produce(server, "manners", b"first"))
        check_signals("broker", server, server.ready, checks)
        server.start()
        load = subprocess.Popen(["kcat", "-b", server.address, "-P", "-t", "manners", "-p", "0", "-q"], stdin=subprocess.PIPE,
                                stderr=subprocess.DEVNULL)
        feeder = threading.Thread(target=feed, args=(load,), daemon=True)
        feeder.start()
        size = server.data / "manners-0/00000000000000000000.log"
        before = size.stat().st_size
        checks.check("the load reaches the broker", eventually(lambda: size.stat().st_size > before + 1_000_000))
        check_term("broker", server, checks)
        load.kill()
        load.wait()
        feeder.join()
        server.start()
        checks.check("what was acknowledged first is there", consume(server, "manners")[:1] == [b"first"])
        server.stop()
        check_json_lines("broker", server.folder / "log", checks)
        check_text_on_terminal("broker", [*server.command, server.config], "registered as broker", checks)
        check_damaged_broker(server, checks)
    finally:
        for process in (server, second):
            if process is not None:
                process.kill()
        if load is not None and load.poll() is None:
            load.kill()
            load.wait()
        zookeeper.kill()


def feed(load):
    with contextlib.suppress(OSError, ValueError):
        while True:
            load.stdin.write(b"x" * 999 + b"\n")


def check_damaged_broker(server, checks):
    meta = server.data / "meta.properties"
    for what, file, damage in (("meta.properties of another broker", meta, "version=0\nbroker.id=7\ncluster.id=other\n"),
                               ("meta.properties without sense", meta, "version=zero\nbroker.id=many\n")):
        whole = file.read_bytes()
        file.write_text(damage)
        before = fingerprint(server.data)
        code, said = ends(lambda: spawn_broker(server))
        checks.check(f"{what} ends the broker and is named", code in (EXIT_START, EXIT_DISK) and
                     (file.name in said or str(server.data) in said), f"{code} {said}")
        after = fingerprint(server.data)
        checks.equal(f"{what}: nothing is deleted or changed", {name: after.get(name) for name in before
                                                                if name != ".kafka_cleanshutdown"},
                     {name: value for name, value in before.items() if name != ".kafka_cleanshutdown"})
        file.write_bytes(whole)
    (server.data / "recovery-point-offset-checkpoint").write_text("garbage\nmore\n")
    (server.folder / "log").write_bytes(b"")
    server.start()
    checks.check("a checkpoint without sense is named, and everything is recovered",
                 "recovery-point-offset-checkpoint: " in server.log_text() and consume(server, "manners")[:1] == [b"first"],
                 server.log_text())


def check_full_disk_broker(coordinator, broker, folder, checks):
    with small_disk(folder / "small-logs", 6) as make_room:
        if make_room is None:
            print("skipped: the full disk of a broker, nothing can be mounted here")
            return
        zookeeper = Server([coordinator], folder / "zookeeper-2", folder / "zookeeper-2-data", ["tickTime=500"])
        server = Broker([broker], folder / "full-broker", zookeeper.address, 0, ["zookeeper.session.timeout.ms=2000"])
        server.data = folder / "small-logs/data"
        try:
            zookeeper.start()
            server.start()
            process = server.process
            acknowledged = []
            for number in range(40):
                value = b"%d-" % number + b"v" * 500_000
                if process.poll() is not None or not produce(server, "full", value):
                    break
                acknowledged.append(value)
            checks.check("a full disk ends the broker with 4", eventually(lambda: process.poll() is not None, 10) and
                         process.poll() == EXIT_DISK, f"{process.poll()} {server.log_text()}")
            checks.check("and it names the log directory", str(server.data) in server.log_text() and "offline" in server.log_text(),
                         server.log_text())
            make_room()
            server.start()
            found = consume(server, "full")
            checks.check("records were acknowledged before", len(acknowledged) > 3, len(acknowledged))
            checks.check("with room again nothing acknowledged is lost", found[:len(acknowledged)] == acknowledged,
                         [value[:6] for value in found])
            checks.check("and the broker takes records", produce(server, "full", b"after"))
        finally:
            server.kill()
            zookeeper.kill()


def check_operator(operator, folder, checks):
    """The operator with an API server of its own and nothing to look after."""
    port = free_port()
    server = Server([operator], folder / "operator", folder / "unused")
    server.command = [*server.command, "--admin", f"127.0.0.1:{port}", "--local"]
    server.config = folder / "operator/state"
    try:
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", port))
            holder.listen()
            code, said = ends(lambda: spawn(server))
        checks.check("the operator's taken admin port ends it with 3 and is named", code == EXIT_START and str(port) in said,
                     f"{code} {said}")
        spawn(server)
        checks.check("the operator gets ready", eventually(lambda: page(port, "/readyz")[0] == 200, 20), server.log_text())
        check_pages("millrace-operator", port, checks)
        server.process.send_signal(signal.SIGHUP)
        checks.check("the operator outlives HUP", eventually(lambda: page(port, "/livez")[0] == 200))
        check_term("operator", server, checks)
        check_json_lines("operator", folder / "operator/log", checks)
    finally:
        server.kill()


def run(coordinator, broker, operator):
    checks = Checks("manners")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="manners-"))
    parts = [lambda: [check_command_line(binary, checks) for binary in (coordinator, broker, operator) if binary],
             lambda: check_all_config(coordinator, broker, folder, checks),
             lambda: check_coordinator(coordinator, folder, checks),
             lambda: check_full_disk_coordinator(coordinator, folder, checks),
             lambda: check_broker(coordinator, broker, folder, checks),
             lambda: check_full_disk_broker(coordinator, broker, folder, checks),
             *([lambda: check_operator(operator, folder, checks)] if operator else [])]
    try:
        for part in parts:
            began = time.monotonic()
            try:
                part()
            except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
                checks.check("a part came to its end", False, repr(error))
            print(f"-- {time.monotonic() - began:.1f} s", flush=True)
        return checks.exit_code()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    require("kcat", "prlimit")
    sys.exit(run(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
