"""ZooKeeper servers as processes, ours and Java's, for interop tests. Each has a data directory that the test chooses, so that
one kind can take over from the other."""
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from free_port import free_port

SKIPPED = 77
START_SECONDS = 30
SUPPORT = pathlib.Path(__file__).resolve().parent


def java_jars(product="zookeeper"):
    """The class path of ZooKeeper's server, or of another product, or None when it cannot be had on this machine."""
    found = subprocess.run([SUPPORT / "java_artifacts.sh", product], stdout=subprocess.PIPE, text=True)
    if found.returncode == SKIPPED:
        return None
    found.check_returncode()
    return found.stdout.strip() + "/*"


class Server:
    """command gets the path of the configuration file as its last word. settings are lines of zoo.cfg."""

    def __init__(self, command, folder, data_dir, settings=()):
        # The process runs in a folder of its own, where a relative program would not be found.
        self.command = [pathlib.Path(shutil.which(command[0])).resolve(), *command[1:]]
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.process = None
        self.config = self.folder / "zoo.cfg"
        self.config.write_text("\n".join([
            "tickTime=2000", f"dataDir={data_dir}", f"clientPort={self.port}", "clientPortAddress=127.0.0.1",
            "maxClientCnxns=0", "admin.enableServer=false", "4lw.commands.whitelist=*",
            "extendedTypesEnabled=true", *settings]) + "\n")

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([*self.command, self.config], stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + START_SECONDS
        while not self.serves():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.command[0]} ended with {self.process.returncode}:\n{self.log_text()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.command[0]} does not serve:\n{self.log_text()}")
            time.sleep(0.005)
        return self

    def serves(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"srvr")
                return b"Mode:" in connection.recv(4096)
        except OSError:
            return False

    def stop(self, how=signal.SIGTERM):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(START_SECONDS)
        self.process = None

    def kill(self):
        self.stop(signal.SIGKILL)

    def log_text(self):
        return (self.folder / "log").read_text(errors="replace")[-4000:]


def java_command(jars, main_class, *options):
    return ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", *options, "-cp", jars, main_class]
