#!/usr/bin/env python3
"""Kills millrace-coordinator at random moments under load and checks that every acknowledged write is found afterwards.

Usage: coordinator_kill.py COORDINATOR ZK_LOAD [KILLS] [SEED]. A kill comes when a random number of further writes has been
acknowledged, so that it falls into every stage of the server's work: starting, logging, rolling, taking snapshots.
"""
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from zk_servers import Server  # noqa: E402

WRITERS = 24
WRITES_BETWEEN_KILLS = 1500  # at most
PROGRESS_SECONDS = 15


def size_of(path):
    return path.stat().st_size if path.exists() else 0


def wait_for_growth(path, count, load):
    """Until about count further lines were written; a line has 16 bytes or more."""
    target = size_of(path) + 16 * count
    deadline = time.monotonic() + PROGRESS_SECONDS
    while size_of(path) < target:
        if load.poll() is not None:
            raise RuntimeError(f"the load program ended with {load.returncode}")
        if time.monotonic() > deadline:
            raise RuntimeError("no write has been acknowledged for a long time")
        time.sleep(0.002)


def run(coordinator, zk_load, kills, seed):
    chance = random.Random(seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="coordinator-kill-"))
    acknowledged = folder / "acknowledged"
    server = Server([coordinator], folder / "server", folder / "data", ["snapCount=400"])
    load = None
    try:
        server.start()
        load = subprocess.Popen([zk_load, "write", server.address, acknowledged, str(WRITERS)])
        longest_start = 0.0
        for _ in range(kills):
            wait_for_growth(acknowledged, chance.randrange(1, WRITES_BETWEEN_KILLS), load)
            server.kill()
            began = time.monotonic()
            server.start()
            longest_start = max(longest_start, time.monotonic() - began)
        wait_for_growth(acknowledged, 1, load)
        load.terminate()
        load.wait()
        server.kill()
        server.start()
        found = subprocess.run([zk_load, "verify", server.address, acknowledged], stdout=subprocess.PIPE, text=True)
        print(found.stdout.strip().replace("\n", "\n  ") if found.returncode else
              f"{kills} kills, {found.stdout.strip()}")
        print(f"longest start {longest_start * 1000:.0f} ms")
        return found.returncode
    except RuntimeError as error:
        print(f"failed with seed {seed}: {error}\n{server.log_text()}")
        return 1
    finally:
        if load is not None and load.poll() is None:
            load.kill()
            load.wait()
        server.kill()
        shutil.rmtree(folder)


if __name__ == "__main__":
    used_seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(1 << 32)
    print(f"seed {used_seed}")
    sys.exit(run(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 50, used_seed))
