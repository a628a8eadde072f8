#!/usr/bin/env python3
"""Kills millrace-broker at random moments under load, now and then the coordinator with it, and checks that every acknowledged
record is found afterwards, in order and once.

Usage: broker_kill.py BROKER COORDINATOR RDKAFKA_LOAD [KILLS] [SEED]. A kill comes when a random number of further records has been
acknowledged, or at a random moment of the start.
"""
import pathlib
import random
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from kafka_servers import eventually, pair  # noqa: E402

TOPIC = "load"
PARTITIONS = 4
LINE = 20  # bytes of an acknowledgement in the file
RECORDS_BETWEEN_KILLS = 3000  # at most
KILLED_WHILE_STARTING = 0.4
COORDINATOR_TOO = 0.2
START_SECONDS_MAX = 1.5
PROGRESS_SECONDS = 30
SETTINGS = [f"num.partitions={PARTITIONS}", "log.segment.bytes=200000", "log.index.interval.bytes=1000",
            "zookeeper.session.timeout.ms=1000", "log.flush.offset.checkpoint.interval.ms=500"]


class Kills:
    def __init__(self, chance, zookeeper, broker, load, acknowledged):
        self.chance = chance
        self.zookeeper = zookeeper
        self.broker = broker
        self.load = load
        self.acknowledged = acknowledged
        self.while_starting = 0
        self.with_coordinator = 0

    def size(self):
        return self.acknowledged.stat().st_size if self.acknowledged.exists() else 0

    def await_records(self, count):
        target = self.size() + LINE * count

        def grown():
            if self.load.poll() is not None:
                raise RuntimeError(f"the load program ended with {self.load.returncode}")
            if self.broker.process.poll() is not None:
                raise RuntimeError(f"the broker ended by itself with {self.broker.process.returncode}")
            return self.size() >= target
        if not eventually(grown, PROGRESS_SECONDS, 0.002):
            raise RuntimeError("no record has been acknowledged for a long time")

    def kill_once(self):
        if self.chance.random() < KILLED_WHILE_STARTING:
            self.while_starting += 1
            time.sleep(self.chance.random() * START_SECONDS_MAX)
        else:
            self.await_records(self.chance.randrange(1, RECORDS_BETWEEN_KILLS))
        coordinator_too = self.chance.random() < COORDINATOR_TOO
        self.broker.kill()
        if coordinator_too:
            self.with_coordinator += 1
            self.zookeeper.kill()
            self.zookeeper.start()
        self.broker.spawn()


def run(programs, kills, seed):
    broker_program, coordinator, rdkafka_load = programs
    with pair(coordinator, broker_program, "broker-kill", SETTINGS, ["tickTime=250"]) as (folder, zookeeper, broker):
        acknowledged = folder / "acknowledged"
        arguments = [broker.address, TOPIC, str(PARTITIONS), acknowledged]
        load = subprocess.Popen([rdkafka_load, "write", *arguments])
        try:
            tally = Kills(random.Random(seed), zookeeper, broker, load, acknowledged)
            tally.await_records(1)
            for _ in range(kills):
                tally.kill_once()
            tally.await_records(100)
            load.terminate()
            if load.wait(PROGRESS_SECONDS) != 0:
                raise RuntimeError("the load program did not end in order")
            broker.kill()
            broker.start()
            found = subprocess.run([rdkafka_load, "verify", *arguments], stdout=subprocess.PIPE, text=True)
            print(f"{kills} kills, {found.stdout.strip()}" if found.returncode == 0 else found.stdout[-4000:])
            print(f"{tally.while_starting} kills while starting, {tally.with_coordinator} with the coordinator")
            return found.returncode
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            print(f"FAILED with seed {seed}: {error}\n{broker.log_text()}")
            return 1
        finally:
            if load.poll() is None:
                load.kill()
                load.wait()


if __name__ == "__main__":
    used_seed = int(sys.argv[5]) if len(sys.argv) > 5 else random.randrange(1 << 32)
    print(f"seed {used_seed}", flush=True)
    sys.exit(run(sys.argv[1:4], int(sys.argv[4]) if len(sys.argv) > 4 else 50, used_seed))
