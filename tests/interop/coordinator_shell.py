#!/usr/bin/env python3
"""Types one session into Java's ZooKeeper shell (org.apache.zookeeper.ZooKeeperMain) twice, connected to a Java server and to
millrace-coordinator, and compares what it prints.

Usage: coordinator_shell.py BINARY. Both servers start empty; times and session ids are masked, names of children compared as sets,
and events, which the shell prints whenever they come, on their own. Exit 77 (skipped) without a JDK or Maven.
"""
import doctest
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from zk_servers import SKIPPED, Server, java_command, java_jars  # noqa: E402

SHELL_SECONDS = 60
LOGGING = """<configuration><appender name="err" class="ch.qos.logback.core.ConsoleAppender"><target>System.err</target>
<encoder><pattern>%level %msg%n</pattern></encoder></appender>
<root level="OFF"><appender-ref ref="err"/></root></configuration>
"""
# user:password as the digest scheme hashes it, for setAcl.
DIGEST = "user:tpUq/4Pn5A64fVZyQ0gOJ8ZWqkY="
SUPER = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="  # super:test

# What each part of the session is about, and what is typed.
SESSION = [
    ("create", """
        create /app first
        create /app again
        create /app/none/below x
        create relative x
        create /app/eph -e
        create -e /app/eph owned
        create -e /app/eph/child x
        create -s /app/seq- one
        create -s /app/seq- two
        create -s -e /app/seq- three
        create -c /app/box
        create -c /app/box/member
        create -t 100000 /app/ttl held
        create -s -t 100000 /app/ttl- held
        create -t -5 /app/bad held
        create /app/empty
        create /app/acl data world:anyone:r
        create /app/badacl data nonsense:x:r"""),
    ("read", """
        ls /
        ls /app
        ls -s /app
        ls -R /app
        ls /absent
        get /app
        get -s /app
        get -s /app/empty
        get /absent
        stat /app
        stat /app/eph
        stat /app/ttl
        stat /app/box
        stat /absent
        getAllChildrenNumber /
        getAllChildrenNumber /app
        getEphemerals
        getEphemerals /app/seq
        sync /app"""),
    ("write", """
        set /app second
        set -s /app third
        set -v 2 /app fourth
        set -v 2 /app fifth
        set /absent x
        get -s /app
        delete -v 7 /app/empty
        delete -v 0 /app/empty
        delete /app/empty
        delete /app
        delete /zookeeper
        create /deep
        create /deep/a
        create /deep/a/b
        create /deep/c
        deleteall /deep
        ls /deep"""),
    ("access", f"""
        getAcl /app
        getAcl -s /app/acl
        set /app/acl x
        setAcl /app/acl world:anyone:cdrwa
        create /own secret
        create /own/child secret
        addauth digest user:password
        whoami
        setAcl -s /own auth::cdrwa
        getAcl /own
        setAcl -R /own digest:{DIGEST}:cdrwa
        getAcl -s /own/child
        setAcl -v 9 /own world:anyone:r
        get /own"""),
    ("quota", """
        create /limited
        create /limited/one 12345
        setquota -N 3 /limited
        listquota /limited
        setquota -B 100 /limited
        create /limited/two 12
        listquota /limited
        create /limited/three x
        set /limited/two 12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012
        delete /limited/two
        create /limited/three 123
        listquota /limited
        get /zookeeper/quota/limited/zookeeper_stats
        stat /zookeeper/quota/limited/zookeeper_stats
        setquota -n 5 /limited/one
        delquota -N /limited
        listquota /limited
        delquota /limited
        listquota /limited
        setquota -n 1 /limited
        create /limited/soft x
        listquota /limited
        ls -R /zookeeper
        delquota /limited"""),
    ("watch", """
        create /seen
        get -w /seen
        set /seen 1
        set /seen 2
        stat -w /seen
        ls -w /seen
        create /seen/child
        delete /seen/child
        delete /seen
        create /seen
        addWatch /seen
        create /seen/a
        set /seen/a x
        delete /seen/a
        removewatches /seen
        removewatches /seen
        addWatch -m PERSISTENT /seen
        create /seen/b
        removewatches /seen -a
        create /seen/c
        printwatches off
        printwatches"""),
    ("ensemble", """
        config
        config -s
        reconfig -remove 3
        version
        get /zookeeper/config"""),
    ("sessions", """
        create -e /mine x
        close
        ls /
        connect {address}
        ls /
        addauth digest super:test
        whoami
        get /own
        deleteall /own
        history
        redo 1
        nosuchcommand
        quit"""),
]


def masked(line):
    line = re.sub(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \w{3} \d\d \d\d:\d\d:\d\d \w+ \d{4}", "TIME", line)
    line = re.sub(r"0x[0-9a-f]{9,}", "SESSION", line)
    return line


def tidy(text, address):
    r"""(lines, events): what the shell printed, without what differs from one run to the next.

    The shell's thread of events prints "\nWATCHER::\n" and "\nWatchedEvent ...\n" each in one go, at times amid a line of the other.
    The event of its own end comes only when the process lives long enough.
    >>> tidy("[b, a\nWATCHER::\n\nWatchedEvent x\n, c]\nd\n\nWATCHER::\ne\n\nWatchedEvent state:Closed y\n", "host:1")
    (['[a, b, c]', 'd', 'e'], ['WatchedEvent x'])
    """
    lines, events = [], []
    text = re.sub(r"\nWATCHER::\n", "", text.replace(address, "ADDRESS"))
    text = re.sub(r"\n(WatchedEvent .*)\n", lambda event: events.append(event[1]) or "", text)
    events = [event for event in events if "state:Closed" not in event]
    for line in text.splitlines():
        if re.match(r"(ip|digest|super): ", line):
            # Identities stand in the order of a hash table.
            events.append(line)
        elif line.startswith("[") and line.endswith("]"):
            lines.append("[" + ", ".join(sorted(line[1:-1].split(", "))) + "]")
        elif line:
            lines.append(masked(line))
    return lines, sorted(events)


class Shell:
    def __init__(self, jars, folder):
        (folder / "logback.xml").write_text(LOGGING)
        self.command = java_command(jars, "org.apache.zookeeper.ZooKeeperMain",
                                    f"-Dlogback.configurationFile={folder}/logback.xml")

    def type(self, server, commands):
        done = subprocess.run([*self.command, "-server", server.address], input=commands, capture_output=True, text=True,
                              timeout=SHELL_SECONDS)
        return done.returncode, *tidy(done.stdout + done.stderr, server.address)


def run(binary, jars, folder):
    shell = Shell(jars, folder)
    settings = ["enforceQuota=true", f"DigestAuthenticationProvider.superDigest={SUPER}"]
    java = Server(java_command(jars, "org.apache.zookeeper.server.ZooKeeperServerMain", *shell.command[3:4],
                               f"-Dzookeeper.DigestAuthenticationProvider.superDigest={SUPER}"),
                  folder / "java", folder / "java-data", settings)
    ours = Server([binary], folder / "ours", folder / "ours-data", settings)
    failures = 0
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Server.start, (java, ours)))
            for name, text in SESSION:
                commands = [line.strip() for line in text.strip().splitlines()]

                def typed(server, commands=commands):
                    return shell.type(server, "\n".join(commands).replace("{address}", server.address) + "\nquit\n")

                found = list(pool.map(typed, (java, ours)))
                same = found[0] == found[1]
                print(f"{'ok' if same else 'FAILED'}: the Java ZooKeeper shell, {name} ({len(commands)} commands)", flush=True)
                if not same:
                    failures += 1
                    print(difference(found[0], found[1]))
    finally:
        java.kill()
        ours.kill()
    return failures


def difference(java, ours):
    wanted = [f"exit {java[0]}", *java[1], *java[2]]
    got = [f"exit {ours[0]}", *ours[1], *ours[2]]
    lines = [f"  line {at}:\n    java {left}\n    ours {right}" for at, (left, right) in enumerate(zip(wanted, got)) if left != right]
    return "\n".join(lines[:12] + [f"  {len(wanted)} lines of Java's, {len(got)} of ours"])


def main():
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    if doctest.testmod().failed:
        return 1
    jars = java_jars()
    if jars is None:
        print("skipped: Java's shell cannot be had here")
        return SKIPPED
    folder = pathlib.Path(tempfile.mkdtemp(prefix="coordinator-shell-"))
    try:
        return 1 if run(sys.argv[1], jars, folder) else 0
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
