#!/usr/bin/env python3
"""determinism.py SIM_TEST FIRST SEEDS: every seed gives the same trace in processes that differ.

The second process has other addresses, another environment, fills freed memory, and runs the seeds in one go, where the first
one starts anew for each of them. So neither the order of pointers, nor a hash seed, nor what an earlier seed left behind may
reach a trace.
"""

import os
import re
import subprocess
import sys

LINE = re.compile(r"^seed (\d+): .* (\d+) events, hash ([0-9a-f]{16})", re.M)


def traces(command, environment):
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    found = LINE.findall(done.stdout)
    if not found:
        sys.exit(f"{' '.join(command)} ended with {done.returncode} and ran nothing:\n"
                 f"{done.stdout}{done.stderr}")
    return {seed: (events, digest) for seed, events, digest in found}


def main():
    program, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    plain = {"PATH": os.environ.get("PATH", "")}
    # What malloc hands out, what free leaves, and where the stack begins.
    other = dict(plain, MALLOC_PERTURB_="165", MALLOC_TOP_PAD_="1048576", PADDING="x" * 5000)
    together = traces([program, "--first", str(first), "--seeds", str(count), "--repeated", "0"],
                      other)
    failed = 0
    for seed in range(first, first + count):
        alone = traces([program, "--seed", str(seed)], plain)
        same = alone[str(seed)] == together.get(str(seed))
        failed += not same
        print(f"seed {seed}: {alone[str(seed)]} and {together.get(str(seed))}"
              f"{'' if same else '; they differ: ' + program + f' --seed {seed} --verbose'}")
    print(f"{count - failed} of {count} seeds ran alike")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
