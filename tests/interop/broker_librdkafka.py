#!/usr/bin/env python3
"""Runs a program over librdkafka against millrace-broker: 100,000 idempotent messages, a group of two members, administration.

Usage: broker_librdkafka.py BROKER COORDINATOR RDKAFKA_CHECK.
"""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from kafka_servers import Checks, pair  # noqa: E402


def main():
    checks = Checks("broker_librdkafka")
    with pair(sys.argv[2], sys.argv[1], "broker-librdkafka") as (_, _, broker):
        done = subprocess.run([sys.argv[3], broker.address], stdout=subprocess.PIPE, text=True, timeout=100)
        for line in done.stdout.splitlines():
            verdict, _, what = line.partition(": ")
            checks.check(what, verdict == "ok")
        checks.check("the program ends in order", done.returncode == 0, f"it ended with {done.returncode}")
        checks.check("the broker ends in order", broker.stop() == 0, broker.log_text())
    return checks.exit_code()


if __name__ == "__main__":
    sys.exit(main())
