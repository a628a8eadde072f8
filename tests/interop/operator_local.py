#!/usr/bin/env python3
"""Runs millrace-operator --local through the life of a cluster: create, use, kill, roll, grow, topics, refusals, restart, end.

Usage: operator_local.py OPERATOR [RESOURCES.yaml]. Speaks to the embedded API server with kubectl and to the brokers with kcat;
without either it is skipped (77). Every wait has a deadline and follows what the API shows.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
READY_SECONDS = 30
DATA = pathlib.Path(__file__).resolve().parent / "data" / "local_cluster.yaml"


def wait_until(what, condition, seconds=READY_SECONDS):
    """The first true value of the condition; the last thing seen is in the error."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)


class Operator:
    """The operator as a process, with its directory."""

    def __init__(self, binary, directory):
        self.binary = binary
        self.directory = directory
        self.process = None

    def start(self, *arguments):
        with open(self.directory.with_suffix(".log"), "ab") as log:
            self.process = subprocess.Popen([self.binary, "--local", self.directory, *arguments], stderr=log)
        wait_until("the API server listens", self.listens)

    def listens(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the operator ended with {self.process.returncode}")
        return (self.directory / "api-server.url").exists()

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

    def get(self, kind, name):
        done = self.kubectl("get", kind, name, "-o", "json", check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def items(self, kind):
        return json.loads(self.kubectl("get", kind, "-o", "json").stdout)["items"]

    def patch(self, kind, name, patch):
        self.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps(patch))

    def ready(self, kind, name):
        found = self.get(kind, name)
        conditions = (found or {}).get("status", {}).get("conditions", [])
        ready = next((c for c in conditions if c["type"] == "Ready"), None)
        settled = ready and ready.get("observedGeneration") == found["metadata"]["generation"]
        return ready if settled and ready["status"] == "True" else None

    def bootstrap(self):
        return self.get("kcl", "demo")["status"]["listeners"][0]["bootstrap"]

    def kcat(self, *arguments, text_in=None):
        done = subprocess.run(["kcat", "-b", self.bootstrap(), *arguments], input=text_in, text=True, capture_output=True,
                              timeout=60)
        if done.returncode != 0:
            raise AssertionError(f"kcat {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def topics(self):
        told = json.loads(self.kcat("-L", "-J"))["topics"]
        return {t["topic"]: len(t["partitions"]) for t in told}

    def wait_ready(self):
        for kind, name in (("cens", "demo"), ("kcl", "demo"), ("bpl", "main"), ("ktp", "orders")):
            wait_until(f"{kind} {name} is ready", lambda: self.ready(kind, name))


def use(cluster):
    cluster.kcat("-t", "orders", "-P", "-K", ":", text_in="".join(f"k{i}:v{i}\n" for i in range(100)))
    values = cluster.kcat("-t", "orders", "-C", "-e", "-q").split()
    assert sorted(values) == sorted(f"v{i}" for i in range(100)), values


def kill_a_broker(operator, cluster):
    before = operator.processes()["demo-main-1"]
    os.kill(before, signal.SIGKILL)
    wait_until("the broker runs again", lambda: operator.processes().get("demo-main-1", before) != before)
    wait_until("its restart is counted",
               lambda: cluster.get("pod", "demo-main-1")["status"]["containerStatuses"][0]["restartCount"] == 1)
    cluster.wait_ready()


def starts_of(cluster):
    return {p["metadata"]["name"]: p["metadata"]["uid"] for p in cluster.items("pods") if "-main-" in p["metadata"]["name"]}


def roll(cluster):
    """A changed setting restarts the brokers one by one, the controller last."""
    before = starts_of(cluster)
    controller = cluster.get("kcl", "demo")["status"]["controllerId"]
    cluster.patch("kcl", "demo", {"spec": {"config": {"log.retention.hours": "48"}}})
    order = []

    def watch():
        pods = cluster.items("pods")
        away = [p for p in before if not any(q["metadata"]["name"] == p and is_ready(q) for q in pods)]
        assert len(away) <= 1, f"{away} are away at the same time"
        for name, uid in starts_of(cluster).items():
            if uid != before[name] and name not in order:
                order.append(name)
        return len(order) == len(before) and not away

    wait_until("all brokers were restarted", watch, 60)
    assert order[-1] == f"demo-main-{controller}", f"{order}, the controller is {controller}"
    cluster.wait_ready()


def is_ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))


def grow(cluster):
    cluster.kubectl("scale", "brokerpool", "main", "--replicas=4")
    wait_until("the pool has 4 ready brokers", lambda: cluster.get("bpl", "main")["status"].get("readyReplicas") == 4)
    cluster.wait_ready()
    assert len(cluster.bootstrap().split(",")) == 4


def change_topics(cluster):
    cluster.patch("ktp", "orders", {"spec": {"partitions": 8}})
    wait_until("the topic has 8 partitions", lambda: cluster.topics().get("orders") == 8)
    done = cluster.kubectl("patch", "ktp", "orders", "--type=merge", "-p", '{"spec":{"partitions":4}}', check=False)
    assert done.returncode != 0 and "partitions cannot be taken away" in done.stderr, done.stderr
    refused = {"apiVersion": "millrace.dev/v1alpha1", "kind": "KafkaTopic", "metadata": {"name": "wide"},
               "spec": {"clusterRef": {"name": "demo"}, "partitions": 1, "replicas": 9}}
    cluster.kubectl("apply", "-f", "-", text_in=json.dumps(refused))
    wait_until("the broker's refusal is in the status", lambda: "InvalidReplicationFactor" in json.dumps(
        (cluster.get("ktp", "wide") or {}).get("status", {})))
    cluster.kubectl("delete", "ktp", "wide", "--timeout=20s")


def revert_drift(cluster):
    """A topic that somebody deletes behind the operator's back comes back with the next look, at most 30 s later."""
    subprocess.run([sys.executable, "-c", DELETE_TOPIC, cluster.bootstrap().split(",")[0]], check=True, timeout=30)
    wait_until("the topic is there again", lambda: cluster.topics().get("orders") == 8, 45)


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
answer = call(brokers[controller], 20, 1, struct.pack(">i", 1) + text("orders") + struct.pack(">i", 10000))
code = struct.unpack(">h", answer[-2:])[0]
sys.exit(f"DeleteTopics answered {code}" if code else 0)
'''


def refuse_invalid(cluster):
    bad = {"apiVersion": "millrace.dev/v1alpha1", "kind": "KafkaCluster", "metadata": {"name": "bad"},
           "spec": {"ensembleRef": {"name": "demo"}, "config": {"broker.id": "7"}}}
    done = cluster.kubectl("apply", "-f", "-", text_in=json.dumps(bad), check=False)
    assert done.returncode != 0 and "config holds a key that the operator sets" in done.stderr, done.stderr
    both = dict(bad, spec={})
    done = cluster.kubectl("apply", "-f", "-", text_in=json.dumps(both), check=False)
    assert done.returncode != 0 and "exactly one of ensembleRef and coordinator" in done.stderr, done.stderr


def restart_operator(operator, cluster):
    """The brokers outlive an operator that dies, and the next one takes them over."""
    before = operator.processes()
    operator.process.kill()
    operator.process.wait()
    (operator.directory / "api-server.url").unlink()
    operator.start()
    cluster.wait_ready()
    assert operator.processes() == before, "the operator's end restarted pods"


def stay_quiet(operator, cluster):
    """With nothing to change nothing is written."""
    def revision():
        return json.loads(cluster.kubectl("get", "--raw", "/api/v1/pods").stdout)["metadata"]["resourceVersion"]

    def unchanged():
        before = revision()
        time.sleep(3)
        return revision() == before

    wait_until("three seconds without a write", unchanged)


def delete_all(operator, cluster):
    for kind in ("ktp", "bpl", "kcl", "cens"):
        cluster.kubectl("delete", kind, "--all", "--timeout=30s")
    wait_until("no pod is left", lambda: not cluster.items("pods"))
    wait_until("no process is left", lambda: not operator.processes())


def run(binary, resources):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="operator-local-"))
    operator = Operator(binary, folder / "cluster")
    cluster = Cluster(operator)
    steps = [("create", lambda: cluster.wait_ready()), ("use", lambda: use(cluster)),
             ("quiet", lambda: stay_quiet(operator, cluster)), ("kill", lambda: kill_a_broker(operator, cluster)),
             ("roll", lambda: roll(cluster)), ("grow", lambda: grow(cluster)), ("topics", lambda: change_topics(cluster)),
             ("drift", lambda: revert_drift(cluster)), ("invalid", lambda: refuse_invalid(cluster)),
             ("restart", lambda: restart_operator(operator, cluster)), ("delete", lambda: delete_all(operator, cluster))]
    try:
        operator.start("--apply", resources)
        for name, step in steps:
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


if __name__ == "__main__":
    for tool in ("kubectl", "kcat"):
        if shutil.which(tool) is None:
            print(f"skipped: {tool} is not installed")
            sys.exit(SKIPPED)
    run(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else DATA).resolve())
