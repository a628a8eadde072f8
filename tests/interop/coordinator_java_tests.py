#!/usr/bin/env python3
"""ZooKeeper's own client tests, those that need no more than a server, against millrace-coordinator.

Usage: coordinator_java_tests.py BINARY [CLASS...]. tests/support/java_client_tests puts a process in the place of the server that the
tests start in their JVM. Exit 77 (skipped) without Maven or a JDK that compiles.
"""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from zk_servers import SKIPPED, SUPPORT, java_jars  # noqa: E402

SECONDS = 170
PACKAGE = "org.apache.zookeeper."
SUPER = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="  # super:test, as the project's own build sets it

CLASSES = """
    GetAllChildrenNumberTest GetEphemeralsTest
    test.ACLCountTest test.ACLRootTest test.ACLTest test.AsyncOpsTest test.AuthTest test.ChrootTest test.ClientTest test.CreateTest
    test.EnforceQuotaTest test.FourLetterWordsTest test.FourLetterWordsWhiteListTest test.GetChildren2Test test.MaxCnxnsTest
    test.MultiAsyncTransactionTest test.MultiOperationTest test.NullDataTest test.PersistentRecursiveWatcherTest
    test.PersistentWatcherTest test.SessionInvalidationTest test.SessionTest test.StatTest test.SyncCallTest
    test.WatcherFuncTest
""".split()
# What looks into a server of the same JVM or takes long for little.
LEFT_OUT = """
    test.ACLTest#testAcls test.ACLTest#testNettyIpAuthDefault test.ACLTest#testAuthWithIPV4Server
    test.ACLTest#testAuthWithIPV6Server
    test.ClientTest#testPathValidation test.ClientTest#testPing test.ClientTest#testClientWithWatcherObj
    test.ClientTest#testClientwithoutWatcherObj
    test.SessionTest#testMinMaxSessionTimeout test.SessionTest#testMaximumCnxnPerIP
    test.SessionTest#testSessionStateNoDupStateReporting
""".split()


def run(binary, classes, jars, folder):
    sources = SUPPORT / "java_client_tests"
    compiled = folder / "classes"
    subprocess.run(["javac", "-nowarn", "-cp", jars, "-d", compiled, *sources.rglob("*.java")], check=True)
    (folder / "logback.xml").write_text("<configuration/>")
    command = ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-Dzookeeper.serverCnxnFactory=ServerProcess",
               f"-Dserver.binary={pathlib.Path(binary).resolve()}", f"-Dserver.folder={folder}",
               f"-Dzookeeper.DigestAuthenticationProvider.superDigest={SUPER}", f"-Dbuild.test.dir={folder}/data",
               f"-Dlogback.configurationFile={folder}/logback.xml", "-cp", f"{compiled}:{jars}", "RunClientTests",
               *(f"-{PACKAGE}{method}" for method in LEFT_OUT), *(PACKAGE + name for name in classes)]
    # Printed as it comes, so that a test that hangs is known. A group of its own: the servers end with the JVM, however that ends.
    tests = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=folder, start_new_session=True)
    try:
        return tests.wait(SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(tests.pid, signal.SIGKILL)


def main():
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    jars = java_jars("zookeeper-tests")
    if jars is None or shutil.which("javac") is None:
        print("skipped: ZooKeeper's tests or a compiler for Java cannot be had here")
        return SKIPPED
    folder = pathlib.Path(tempfile.mkdtemp(prefix="coordinator-java-tests-"))
    try:
        return run(sys.argv[1], sys.argv[2:] or CLASSES, jars, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
