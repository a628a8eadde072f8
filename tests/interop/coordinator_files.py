#!/usr/bin/env python3
"""The data directory changes hands between millrace-coordinator and Apache ZooKeeper 3.9, and nothing is different after it.

Usage: coordinator_files.py COORDINATOR ZK_SAMPLE. Each server writes a sample of every kind of node; Java's tools read our log and
our snapshot; then the directory goes to Java's server and back, killed or stopped, and each server shows the same tree with the
same stats and lists. Exit 77 (skipped) without a JDK or Maven.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from zk_servers import SKIPPED, Server, java_command, java_jars  # noqa: E402

LOGGING = """<configuration><appender name="err" class="ch.qos.logback.core.ConsoleAppender"><target>System.err</target>
<encoder><pattern>%level %logger{0} %msg%n</pattern></encoder></appender>
<root level="WARN"><appender-ref ref="err"/></root></configuration>
"""


class Exchange:
    def __init__(self, coordinator, zk_sample, jars, folder):
        self.zk_sample = zk_sample
        self.jars = jars
        self.folder = folder
        self.data = folder / "data"
        self.files = self.data / "version-2"
        self.failures = 0
        (folder / "logback.xml").write_text(LOGGING)
        self.logging = f"-Dlogback.configurationFile={folder}/logback.xml"
        # A low count, so that our server takes a snapshot within the sample; it does so between half and all of it.
        self.ours = Server([coordinator], folder / "ours", self.data, ["snapCount=20"])
        self.compressing = Server([coordinator], folder / "compressing", self.data,
                                  ["snapCount=20", "snapshot.compression.method=gz"])
        java = java_command(jars, "org.apache.zookeeper.server.ZooKeeperServerMain", self.logging,
                            "-Dzookeeper.snapshot.compression.method=snappy")
        self.java = Server(java, folder / "java", self.data)

    def check(self, name, holds, detail=""):
        print(f"{'ok' if holds else 'FAILED'}: {name}{'' if holds else ': ' + detail}")
        self.failures += not holds

    def sample(self, *arguments):
        done = subprocess.run([self.zk_sample, *arguments], stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def dump(self, server):
        return self.sample("dump", server.address)

    def tool(self, main_class, *arguments):
        command = java_command(self.jars, main_class, self.logging)
        return subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True)

    def same(self, name, before, after):
        lines = [f"- {line}" for line in sorted(set(before.split("\n")) - set(after.split("\n")))]
        lines += [f"+ {line}" for line in sorted(set(after.split("\n")) - set(before.split("\n")))]
        self.check(name, before == after, "\n".join(lines[:10]))

    def java_tools_read_ours(self, paths):
        logged = ""
        for log in sorted(self.files.glob("log.*")):
            read = self.tool("org.apache.zookeeper.server.persistence.TxnLogToolkit", log)
            logged += read.stdout
            self.check(f"TxnLogToolkit reads {log.name}", read.returncode == 0 and "CRC ERROR" not in read.stdout,
                       read.stdout[-500:] + read.stderr[-500:])
        missing = [path for path in paths if path not in logged]
        self.check("the log shows every node of the sample", not missing, ", ".join(missing))
        for kind in ("createContainer", "createTTL", "multi", "setACL", "closeSession", "error -110"):
            self.check(f"the log shows {kind}", kind in logged)
        snapshots = sorted(self.files.glob("snapshot.*"), key=lambda file: int(file.suffix[1:], 16))
        self.check("a snapshot was taken within the sample", len(snapshots) > 1, str(snapshots))
        read = self.tool("org.apache.zookeeper.server.SnapshotFormatter", snapshots[-1])
        self.check(f"SnapshotFormatter reads {snapshots[-1].name}",
                   read.returncode == 0 and "/ours/plain/child" in read.stdout, read.stderr[-500:])

    def snapshots_are(self, suffix):
        found = [file.name for file in self.files.glob("snapshot.*") if file.name.endswith("." + suffix)]
        self.check(f"a snapshot is compressed: {suffix}", found)

    def run(self):
        self.ours.start()
        self.sample("write", self.ours.address, "/ours")
        written = self.dump(self.ours)
        self.ours.kill()
        self.java_tools_read_ours([line.split(" ")[0] for line in written.split("\n") if line.startswith("/ours")])

        self.java.start()
        self.same("Java's server shows what ours wrote, though ours was killed", written, self.dump(self.java))
        self.sample("write", self.java.address, "/java")
        written = self.dump(self.java)
        self.java.kill()

        self.ours.start()
        self.same("our server shows what Java's wrote, though that was killed", written, self.dump(self.ours))
        log = self.ours.log_text()
        self.check("no digest differs in our replay of Java's log", "digest at zxid" not in log, log)
        self.ours.stop()

        self.compressing.start()
        self.sample("write", self.compressing.address, "/again")
        written = self.dump(self.compressing)
        self.compressing.stop()
        self.snapshots_are("gz")

        self.java.start()
        self.same("Java's server takes the directory over once more", written, self.dump(self.java))
        self.java.stop()
        log = self.java.log_text()
        self.check("no digest differs in Java's replay of our log", "digest" not in log.lower(), log)
        self.snapshots_are("snappy")
        # Nothing but the snapshot can tell what it holds.
        for log in self.files.glob("log.*"):
            log.unlink()
        self.ours.start()
        self.same("and ours, from a snapshot of Java's alone", written, self.dump(self.ours))
        return self.failures

    def close(self):
        for server in (self.ours, self.compressing, self.java):
            server.kill()


def main():
    jars = java_jars()
    if jars is None:
        print("skipped: Java's server cannot be had here")
        return SKIPPED
    folder = pathlib.Path(tempfile.mkdtemp(prefix="coordinator-files-"))
    exchange = Exchange(sys.argv[1], sys.argv[2], jars, folder)
    try:
        return 1 if exchange.run() else 0
    finally:
        exchange.close()
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
