#!/usr/bin/env python3
"""Apache Curator's framework and recipes against millrace-coordinator: tests/support/CuratorCheck.java with the library's jars.

Usage: coordinator_curator.py BINARY. Exit 77 (skipped) without Maven or a JDK that compiles.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from zk_servers import SKIPPED, SUPPORT, Server, java_jars  # noqa: E402

SECONDS = 120


def main():
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    jars = java_jars("curator")
    modules = subprocess.run(["java", "--list-modules"], capture_output=True, text=True).stdout if jars else ""
    if "jdk.compiler" not in modules:
        print("skipped: Curator or a compiler for Java cannot be had here")
        return SKIPPED
    folder = pathlib.Path(tempfile.mkdtemp(prefix="coordinator-curator-"))
    server = Server([sys.argv[1]], folder / "server", folder / "data")
    try:
        server.start()
        done = subprocess.run(["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", jars, "-Xshare:auto",
                               SUPPORT / "CuratorCheck.java", server.address], stderr=subprocess.DEVNULL, timeout=SECONDS)
        if done.returncode:
            print(server.log_text())
        return done.returncode
    finally:
        server.kill()
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
