"""What tests of the operator's local mode share: the operator as a process, and its cluster as seen by kubectl and kcat."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from cluster_life import is_ready, wait_until  # noqa: E402

SKIPPED = 77


class Operator:
    """The operator as a process, with its directory."""

    def __init__(self, binary, directory):
        self.binary = binary
        self.directory = directory
        self.process = None

    def start(self, *arguments):
        self.spawn(*arguments)
        wait_until("the API server listens", self.listens)

    def spawn(self, *arguments):
        with open(self.directory.with_suffix(".log"), "ab") as log:
            self.process = subprocess.Popen([self.binary, "--local", self.directory, *arguments], stderr=log)

    def listens(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the operator ended with {self.process.returncode}")
        return (self.directory / "api-server.url").exists()

    def kill(self):
        """As a crash would; the pods outlive it."""
        self.process.kill()
        self.process.wait()
        (self.directory / "api-server.url").unlink()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def processes(self):
        """Pids of the pods of this directory, by pod."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                arguments = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            for argument in arguments[:3]:
                prefix = f"{self.directory}/pods/"
                if argument.startswith(prefix):
                    found[argument[len(prefix):].split("/")[0].split("_", 1)[1]] = int(entry.name)
        return found

    def kill_all(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in self.processes().values():
            os.kill(pid, signal.SIGKILL)


class Cluster:
    """What the test sees through kubectl and kcat."""

    def __init__(self, operator):
        self.kubeconfig = operator.directory / "kubeconfig"

    def kubectl(self, *arguments, check=True, text_in=None):
        done = subprocess.run(["kubectl", "--kubeconfig", self.kubeconfig, *arguments], input=text_in, text=True,
                              capture_output=True, timeout=60)
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(map(str, arguments))}: {done.stderr}")
        return done

    def get(self, kind, name, space="default"):
        done = self.kubectl("get", kind, name, "-n", space, "-o", "json", check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def apply(self, *objects):
        """Each object gets the group of the project unless it names its own."""
        items = [{"apiVersion": "millrace.dev/v1alpha1", **one} for one in objects]
        self.kubectl("apply", "-f", "-", text_in=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))

    def refused(self, thing, says):
        """The API refuses the object with these words."""
        text = json.dumps({"apiVersion": "millrace.dev/v1alpha1", **thing})
        done = self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text_in=text, check=False)
        if done.returncode == 0 or says not in done.stderr:
            raise AssertionError(f"{text}\n{done.stdout}{done.stderr}\nexpected a refusal with: {says}")

    def condition(self, kind, name, condition="Ready", space="default"):
        """The condition, if it was concluded from the present spec."""
        found = self.get(kind, name, space) or {}
        for one in found.get("status", {}).get("conditions", []):
            if one["type"] == condition and one.get("observedGeneration") == found["metadata"].get("generation"):
                return one
        return None

    def wait_reason(self, kind, name, reason, condition="Ready", space="default"):
        def holds():
            found = self.condition(kind, name, condition, space)
            return found if found and found["reason"] == reason else None

        return wait_until(f"{kind} {name} says {reason}", holds)

    def events(self, name, space="default"):
        """Reasons of the Events about an object."""
        items = json.loads(self.kubectl("get", "events", "-n", space, "-o", "json", "--field-selector",
                                        f"involvedObject.name={name}").stdout)["items"]
        return {item["reason"] for item in items}

    def items(self, kind, space="default"):
        return json.loads(self.kubectl("get", kind, "-n", space, "-o", "json").stdout)["items"]

    def patch(self, kind, name, patch, space="default"):
        self.kubectl("patch", kind, name, "-n", space, "--type=merge", "-p", json.dumps(patch))

    def ready(self, kind, name, space="default"):
        found = self.condition(kind, name, "Ready", space)
        return found if found and found["status"] == "True" else None

    def bootstrap(self, name="demo", space="default"):
        found = self.get("kcl", name, space)
        return found["status"]["listeners"][0]["bootstrap"]

    def kcat(self, *arguments, text_in=None, bootstrap=None):
        done = subprocess.run(["kcat", "-b", bootstrap or self.bootstrap(), *arguments], input=text_in, text=True,
                              capture_output=True, timeout=60)
        if done.returncode != 0:
            raise AssertionError(f"kcat {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def topics(self):
        told = json.loads(self.kcat("-L", "-J"))["topics"]
        return {t["topic"]: len(t["partitions"]) for t in told}

    def wait_ready(self):
        for kind, name in (("cens", "demo"), ("kcl", "demo"), ("bpl", "main"), ("ktp", "orders")):
            wait_until(f"{kind} {name} is ready", lambda: self.ready(kind, name))


# DeleteTopics version 1 by hand: header (api key 20, correlation id 1, no client id), one name, timeout. Only the controller takes
# it; Metadata version 1 tells which broker that is.
DELETE_TOPIC = r'''
import socket, struct, sys
def call(at, key, version, body):
    with socket.create_connection(at, 10) as s:
        head = struct.pack(">hhih", key, version, 1, -1)
        s.sendall(struct.pack(">i", len(head + body)) + head + body)
        f = s.makefile("rb")
        return f.read(struct.unpack(">i", f.read(4))[0])[4:]
def text(t):
    return struct.pack(">h", len(t)) + t.encode()
host, port = sys.argv[1].rsplit(":", 1)
told = call((host, int(port)), 3, 1, struct.pack(">i", 0))
count, at, brokers = struct.unpack_from(">i", told)[0], 4, {}
for _ in range(count):
    node, length = struct.unpack_from(">ih", told, at); at += 6
    name = told[at:at + length].decode(); at += length
    brokers[node] = (name, struct.unpack_from(">i", told, at)[0]); at += 4
    rack = struct.unpack_from(">h", told, at)[0]; at += 2 + max(rack, 0)
controller = struct.unpack_from(">i", told, at)[0]
answer = call(brokers[controller], 20, 1, struct.pack(">i", 1) + text(sys.argv[2]) + struct.pack(">i", 10000))
code = struct.unpack(">h", answer[-2:])[0]
sys.exit(f"DeleteTopics answered {code}" if code else 0)
'''


class PodWatch:
    """Every change of the pods of a namespace, in order: a roll is over too soon for somebody who only looks now and then."""

    def __init__(self, operator, space="default"):
        url = (operator.directory / "api-server.url").read_text().strip()
        self.events = []  # (type, pod)
        self.stream = urllib.request.urlopen(f"{url}/api/v1/namespaces/{space}/pods?watch=1&timeoutSeconds=90")
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.stream:
            event = json.loads(line)
            self.events.append((event["type"], event["object"]))

    def restarts(self, before):
        """Names in the order in which their pods were made anew; fails if two of them were ever away at once."""
        serving, order = set(before), []
        for kind, pod in list(self.events):
            name = pod["metadata"]["name"]
            if name not in before:
                continue
            going = kind == "DELETED" or "deletionTimestamp" in pod["metadata"]
            serving = serving - {name} if going or not is_ready(pod) else serving | {name}
            if kind == "ADDED" and pod["metadata"]["uid"] != before[name]:
                order.append(name)
            away = set(before) - serving
            assert len(away) <= 1, f"{away} are away at the same time"
        return order


def delete_topic(bootstrap, topic):
    """As another tool would, behind the operator's back."""
    subprocess.run([sys.executable, "-c", DELETE_TOPIC, bootstrap.split(",")[0], topic], check=True, timeout=30)


def run_steps(binary, arguments, make_steps):
    """Starts an operator in a fresh directory, runs the named steps, ends it with TERM; on a failure its log is shown."""
    for tool in ("kubectl", "kcat"):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed")
            sys.exit(SKIPPED)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="operator-local-"))
    operator = Operator(pathlib.Path(binary).resolve(), folder / "cluster")
    cluster = Cluster(operator)
    try:
        operator.start(*arguments)
        for name, step in make_steps(operator, cluster):
            began = time.monotonic()
            step()
            print(f"{name}: {time.monotonic() - began:.1f} s", flush=True)
        code = operator.terminate()
        assert code == 0, f"TERM ended the operator with {code}"
        assert not operator.processes()
    except BaseException:
        log = operator.directory.with_suffix(".log")
        sys.stderr.write(log.read_text(errors="replace")[-6000:] if log.exists() else "")
        raise
    finally:
        operator.kill_all()
        shutil.rmtree(folder, ignore_errors=True)
