#!/usr/bin/env python3
"""Runs the shell blocks of the README's tour, one after the other in one shell, as a reader would. The first one that fails ends
the test, with its text.

Usage: readme_tour.py README BIN_DIRECTORY. Exit 77 (skipped) without kubectl.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

SECONDS = 150
SKIPPED = 77


def blocks_of(readme):
    tour = readme.split("## A five-minute tour", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"```sh\n(.*?)```", tour, re.DOTALL)


def main():
    readme, binaries = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    if shutil.which("kubectl") is None:
        print("skipped: kubectl is not installed")
        return SKIPPED
    blocks = blocks_of(readme.read_text(encoding="utf-8"))
    assert len(blocks) >= 5, "the tour has lost its blocks"
    folder = pathlib.Path(tempfile.mkdtemp(prefix="readme-tour-"))
    script = ["set -euo pipefail", f'export TOUR={folder} PATH="{binaries}:$PATH"', "trap 'millrace down --dir \"$TOUR\"' EXIT"]
    for number, block in enumerate(blocks, 1):
        script += [f'echo "== block {number}"', block.replace('export PATH="$PWD/build/release/bin:$PATH"\n', "")]
    try:
        # A session of its own: what the tour started ends with it, however it ends.
        run = subprocess.Popen(["bash", "-c", "\n".join(script)], cwd=readme.parent, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True)
        shown, _ = run.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGTERM)
        print(run.communicate()[0][-4000:])
        print(f"the tour took more than {SECONDS} s")
        # Its shell is dead, the cluster is not.
        subprocess.run([binaries / "millrace", "down", "--dir", folder], timeout=SECONDS)
        return 1
    print(shown[-4000:])
    if run.returncode != 0:
        print(f"a block failed with {run.returncode}; operator log:\n{(folder / 'operator.log').read_text()[-2000:]}")
        return 1
    shutil.rmtree(folder)
    print(f"ok readme_tour: {len(blocks)} blocks")
    return 0


if __name__ == "__main__":
    sys.exit(main())
