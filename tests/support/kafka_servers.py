"""Kafka brokers as processes, ours and Java's, with a coordinator of ours below them, for interop tests."""
import contextlib
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from zk_servers import SKIPPED, SUPPORT, Server, free_port, java_command

START_SECONDS = 30


class Checks:
    """Prints one line for each check and a summary; exit_code() says how it ended."""

    def __init__(self, name):
        self.name = name
        self.count = 0
        self.failures = 0

    def check(self, what, holds, detail=""):
        self.count += 1
        self.failures += not holds
        print(f"ok: {what}" if holds else f"FAILED: {what}: {detail}", flush=True)
        return holds

    def equal(self, what, found, wanted):
        return self.check(what, found == wanted, f"found {shorten(found)}, wanted {shorten(wanted)}")

    def exit_code(self):
        passed = self.count - self.failures
        print(f"ok {self.name}: {self.count} checks" if self.failures == 0 else
              f"FAILED {self.name}: {passed} of {self.count} checks passed", flush=True)
        return 0 if self.failures == 0 and self.count > 0 else 1


def shorten(value, limit=600):
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


class Broker:
    """One broker with a folder, ports and a log directory that outlive its process. settings are lines of server.properties."""

    def __init__(self, command, folder, zookeeper, broker_id=0, settings=()):
        self.command = [pathlib.Path(shutil.which(command[0])).resolve(), *command[1:]]
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.id = broker_id
        self.zookeeper = zookeeper
        self.port = free_port()
        self.admin_port = free_port()
        self.data = self.folder / "data"
        self.settings = list(settings)
        self.config = self.folder / "server.properties"
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def common_lines(self):
        """Records are kept however old the times are that a test gives them."""
        return [f"broker.id={self.id}", "log.retention.ms=-1", f"listeners=PLAINTEXT://{self.address}", f"log.dirs={self.data}",
                f"zookeeper.connect={self.zookeeper}", "offsets.topic.replication.factor=1",
                "group.initial.rebalance.delay.ms=0", "offsets.topic.num.partitions=10", *self.settings]

    def lines(self):
        return [*self.common_lines(), f"millrace.admin.listener=127.0.0.1:{self.admin_port}"]

    def spawn(self):
        """Starts the process without waiting for it."""
        self.config.write_text("\n".join(self.lines()) + "\n")
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([*self.command, self.config], stdout=log, stderr=log, cwd=self.folder)

    def start(self):
        self.spawn()
        return self.wait_ready()

    def wait_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while not self.ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"broker {self.id} ended with {self.process.returncode}:\n{self.log_text()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"broker {self.id} is not ready:\n{self.log_text()}")
            time.sleep(0.005)
        return self

    def ready(self):
        return self.admin("/readyz") is not None

    def admin(self, path):
        """The text of a page of the admin listener, or None when it answers with an error or not at all."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return None

    def resident_mebibytes(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) // 1024
        return 0

    def stop(self, how=signal.SIGTERM):
        """Returns the exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            code = self.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process = None
        return code

    def kill(self):
        return self.stop(signal.SIGKILL)

    def log_text(self, limit=4000):
        return (self.folder / "log").read_text(errors="replace")[-limit:]


class JavaBroker(Broker):
    """Apache Kafka on the folder, ports and log directory of a broker of ours that is not running."""

    def __init__(self, jars, ours, *options):
        super().__init__(java_command(jars, "kafka.Kafka", *options), ours.folder, ours.zookeeper, ours.id, ours.settings)
        self.port = ours.port
        self.data = ours.data
        self.config = self.folder / "java.properties"

    def lines(self):
        return self.common_lines()

    def wait_ready(self):
        """Java's broker gives up while the session of a killed predecessor holds its id, so it may take a second start."""
        deadline = time.monotonic() + 2 * START_SECONDS
        while not self.ready():
            if time.monotonic() > deadline:
                raise RuntimeError(f"Java's broker {self.id} is not ready:\n{self.log_text()}")
            if self.process.poll() is not None:
                self.spawn()
            time.sleep(0.05)
        return self

    def ready(self):
        listed = subprocess.run(["kcat", "-b", self.address, "-L", "-m", "2"], capture_output=True, text=True)
        return listed.returncode == 0 and f"broker {self.id} at {self.address}" in listed.stdout


def kafka_jars():
    """The class path of Java's broker and tools, or None when it cannot be had on this machine."""
    found = subprocess.run([SUPPORT / "java_artifacts.sh", "kafka"], stdout=subprocess.PIPE, text=True)
    if found.returncode == SKIPPED:
        return None
    found.check_returncode()
    return found.stdout.strip() + "/*"


@contextlib.contextmanager
def pair(coordinator, broker, name, settings=(), zookeeper_settings=()):
    """A coordinator and one broker that runs on it, in a folder that goes with them. Yields (folder, coordinator, broker).
    Sessions are as short as they may be: a killed broker waits for the end of its own."""
    settings = ["zookeeper.session.timeout.ms=2000", *settings]
    folder = pathlib.Path(tempfile.mkdtemp(prefix=name + "-"))
    zookeeper = Server([coordinator], folder / "coordinator", folder / "coordinator/data",
                       ["tickTime=500", *zookeeper_settings])
    ours = None
    try:
        zookeeper.start()
        ours = Broker([broker], folder / "broker", zookeeper.address, 0, settings)
        ours.start()
        yield folder, zookeeper, ours
    finally:
        if ours is not None:
            ours.kill()
        zookeeper.kill()
        shutil.rmtree(folder)


def eventually(holds, seconds=15, pause=0.02):
    """Asks until it holds or the time is over; returns whether it held."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def require(*programs):
    """Ends the test as skipped when a program is missing."""
    for program in programs:
        if shutil.which(program) is None:
            print(f"skipped: {program} is not installed")
            sys.exit(SKIPPED)
