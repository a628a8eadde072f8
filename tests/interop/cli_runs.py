"""Commands of `millrace` as a user types them, with pipes or on a terminal. The first argument of the test is the folder with the
binary and its links."""
import os
import pathlib
import pty
import select
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

BIN = pathlib.Path(sys.argv[1]).resolve()
PATIENCE = 30  # seconds


def run(*words, stdin="", timeout=PATIENCE, env=None, cwd=None):
    """The result of one command; its name is that of a link beside the binary."""
    return subprocess.run([BIN / words[0], *words[1:]], input=stdin, capture_output=True, text=True, timeout=timeout,
                          env=env, cwd=cwd)


def until(holds, what):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {PATIENCE} s: {what}")
        time.sleep(0.02)


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *words):
        self.pid, self.side = pty.fork()
        if self.pid == 0:
            os.execv(BIN / words[0], [str(word) for word in words])
        self.shown = ""

    def read(self, seconds):
        """False when it ended or showed nothing for so long."""
        ready, _, _ = select.select([self.side], [], [], max(0, seconds))
        if not ready:
            return False
        try:
            piece = os.read(self.side, 4096).decode()
        except OSError:
            return False
        self.shown += piece
        return True

    def expect(self, text, seconds=PATIENCE):
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            if not self.read(deadline - time.monotonic()):
                raise AssertionError(f"not shown: {text!r}, but {self.shown!r}")

    def type(self, text):
        os.write(self.side, text.encode())

    def end(self):
        """Waits for its end; the exit code."""
        while self.read(PATIENCE):
            pass
        _, state = os.waitpid(self.pid, 0)
        os.close(self.side)
        return os.waitstatus_to_exitcode(state)
