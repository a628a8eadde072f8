#!/usr/bin/env python3
"""The steps of tests/support/cluster_life.py on the embedded API server, with examples/quickstart.yaml: what tests/e2e/run.py
does on a real Kubernetes.

Usage: quickstart_local.py OPERATOR. Skipped (77) without kubectl.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from cluster_life import ClusterLife, Names, wait_until  # noqa: E402

SKIPPED = 77


class LocalCluster(ClusterLife):
    """The operator as a process, and what it runs."""

    def __init__(self, operator, directory):
        super().__init__(Names("zoo", "demo", "brokers", "demo"), self.run_kubectl, self.run_tool, self.kill_process)
        self.operator = operator
        self.directory = directory
        self.log = directory.with_suffix(".log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([operator, "--local", directory, "--apply", ROOT / "examples" / "quickstart.yaml"],
                                            stderr=log)

    def run_kubectl(self, *words, check=True, text_in=None):
        done = subprocess.run(["kubectl", "--kubeconfig", self.directory / "kubeconfig", *words], input=text_in or "",
                              text=True, capture_output=True, timeout=90)
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(map(str, words))}: {done.stderr}")
        return done

    def run_tool(self, name, *words, text_in=None):
        done = subprocess.run([self.operator.parent / name, *words], input=text_in or "", text=True, capture_output=True,
                              timeout=60)
        assert done.returncode == 0, f"{name} {' '.join(words)}: {done.stderr}"
        return done.stdout

    def processes(self):
        """Pids of the pods of this directory, by pod."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            prefix = f"{self.directory}/pods/default_"
            for word in words[:3]:
                if word.startswith(prefix):
                    found[word[len(prefix):].split("/")[0]] = int(entry.name)
        return found

    def kill_process(self, pod):
        os.kill(self.processes()[pod], signal.SIGKILL)

    def delete(self):
        self.delete_all(claims_stay=True)
        wait_until("no process is left", lambda: not self.processes())

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        assert code == 0, f"TERM ended the operator with {code}"

    def kill_all(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in self.processes().values():
            os.kill(pid, signal.SIGKILL)


def main():
    if shutil.which("kubectl") is None:
        print("skipped: kubectl is not installed")
        return SKIPPED
    folder = pathlib.Path(tempfile.mkdtemp(prefix="quickstart-local-"))
    life = LocalCluster(pathlib.Path(sys.argv[1]).resolve(), folder / "cluster")
    steps = [("Ready", life.wait_ready), ("get and describe", life.show), ("produce and consume", life.use),
             ("invalid is refused", life.refuse_invalid), ("broker killed", life.lose_a_broker),
             ("pod taken away", life.lose_a_pod), ("setting changed, roll", life.roll), ("kubectl scale", life.grow),
             ("kubectl delete", life.delete), ("TERM", life.end)]
    try:
        for name, step in steps:
            began = time.monotonic()
            step()
            print(f"ok  {name:<24}{time.monotonic() - began:6.1f} s", flush=True)
    except BaseException:
        sys.stderr.write(life.log.read_text(errors="replace")[-6000:])
        raise
    finally:
        life.kill_all()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
