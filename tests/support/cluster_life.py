"""The life of a cluster as a user of Kubernetes sees it: the same steps for the embedded server (tests/interop/quickstart_local.py)
and for a real Kubernetes (tests/e2e/run.py). A step knows neither: it speaks through the functions it was given.
"""
import dataclasses
import json
import time
import typing

READY_SECONDS = 60
ROLL_SECONDS = 180
MESSAGES = 100
# What an operator makes for a cluster, beside claims, whose life is their own.
MADE = ("pods", "services", "configmaps", "poddisruptionbudgets", "clusternodes.millrace.dev")
OWN = "millrace.dev/cluster"


def wait_until(what, condition, seconds=READY_SECONDS):
    """The first true value of the condition."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)


@dataclasses.dataclass
class Names:
    ensemble: str
    cluster: str
    pool: str
    topic: str


def is_ready(thing):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in thing.get("status", {}).get("conditions", []))


@dataclasses.dataclass
class ClusterLife:
    """kubectl(*words, check=True, text_in=None) gives a CompletedProcess; tool(name, *words, text_in=None) runs one of our
    commands where it reaches the brokers, and gives what it printed; kill(pod) ends a pod's process without a warning."""
    names: Names
    kubectl: typing.Callable
    tool: typing.Callable
    kill: typing.Callable
    sent: list = dataclasses.field(default_factory=list)

    # --- what there is ---

    def get(self, kind, name):
        done = self.kubectl("get", kind, name, "-o", "json", check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def items(self, kind):
        return json.loads(self.kubectl("get", kind, "-o", "json").stdout)["items"]

    def patch(self, kind, name, patch):
        self.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps(patch))

    def settled(self, kind, name):
        found = self.get(kind, name)
        conditions = (found or {}).get("status", {}).get("conditions", [])
        ready = next((c for c in conditions if c["type"] == "Ready"), {"status": "Unknown"})
        return ready["status"] == "True" and ready.get("observedGeneration") == found["metadata"]["generation"]

    def wait_ready(self):
        for kind, name in (("cens", self.names.ensemble), ("kcl", self.names.cluster), ("bpl", self.names.pool),
                           ("ktp", self.names.topic)):
            wait_until(f"{kind} {name} is ready", lambda: self.settled(kind, name))

    def bootstrap(self):
        return self.get("kcl", self.names.cluster)["status"]["listeners"][0]["bootstrap"]

    def broker(self, number):
        return f"{self.names.cluster}-{self.names.pool}-{number}"

    def brokers(self):
        return {p["metadata"]["name"]: p for p in self.items("pods") if f"-{self.names.pool}-" in p["metadata"]["name"]}

    # --- the steps ---

    def show(self):
        """What people look at first says something."""
        table = self.kubectl("get", "millrace").stdout
        for word in ("coordinatorensemble.millrace.dev/" + self.names.ensemble, "kafkacluster.millrace.dev/" + self.names.cluster,
                     "brokerpool.millrace.dev/" + self.names.pool, "kafkatopic.millrace.dev/" + self.names.topic):
            assert word in table, f"kubectl get millrace does not show {word}:\n{table}"
        rows = self.kubectl("get", "kcl").stdout.splitlines()
        replicas = self.get("bpl", self.names.pool)["spec"]["replicas"]
        assert "READY" in rows[0] and "True" in rows[1] and f"{replicas}/{replicas}" in rows[1], rows
        told = self.kubectl("describe", "kcl", self.names.cluster).stdout
        assert "Conditions:" in told and "Serving" in told and "Bootstrap:" in told, told

    def use(self):
        lines = [f"m{len(self.sent) + i}" for i in range(MESSAGES)]
        self.tool("kafka-console-producer.sh", "--bootstrap-server", self.bootstrap(), "--topic", self.names.topic,
                  text_in="".join(line + "\n" for line in lines))
        self.sent += lines
        self.read_back()

    def read_back(self):
        """Everything that was ever sent, once each."""
        printed = self.tool("kafka-console-consumer.sh", "--bootstrap-server", self.bootstrap(), "--topic", self.names.topic,
                            "--from-beginning", "--max-messages", str(len(self.sent)), "--timeout-ms", "20000")
        received = [line for line in printed.splitlines() if line.startswith("m")]
        assert sorted(received) == sorted(self.sent), f"{len(self.sent)} sent, {len(received)} read: {printed[-500:]}"

    def lose_a_broker(self):
        """Its process is killed: it starts again in its pod, and every message is still there."""
        pod = self.broker(1)

        def restarts():
            state = (self.get("pod", pod) or {}).get("status", {}).get("containerStatuses", [{}])[0]
            return state.get("restartCount", 0)

        before = restarts()
        self.kill(pod)
        wait_until("the restart is counted", lambda: restarts() == before + 1)
        wait_until("the broker serves again", lambda: is_ready(self.get("pod", pod)))
        self.wait_ready()
        self.read_back()

    def lose_a_pod(self):
        """The pod itself is taken away: another one of its name takes over its id and its data."""
        pod = self.broker(2)
        before = self.get("pod", pod)["metadata"]["uid"]
        self.kubectl("delete", "pod", pod, "--grace-period=0", "--force")
        wait_until("there is another pod", lambda: (self.get("pod", pod) or {"metadata": {"uid": before}})["metadata"]["uid"]
                   != before)
        wait_until("it serves", lambda: is_ready(self.get("pod", pod) or {}))
        self.wait_ready()
        self.read_back()

    def roll(self):
        """A changed setting restarts the brokers one by one, the controller last."""
        brokers = self.brokers()
        before = {name: pod["metadata"]["uid"] for name, pod in brokers.items()}
        controller = self.broker(self.get("kcl", self.names.cluster)["status"]["controllerId"])
        completed = self.count_events("RollCompleted")
        path = f"/api/v1/namespaces/{brokers[controller]['metadata']['namespace']}/pods"
        since = json.loads(self.kubectl("get", "--raw", path).stdout)["metadata"]["resourceVersion"]
        self.patch("kcl", self.names.cluster, {"spec": {"config": {"log.retention.hours": "48"}}})
        wait_until("the end of the roll is an Event", lambda: self.count_events("RollCompleted") > completed, ROLL_SECONDS)
        self.wait_ready()
        order = self.restarts(f"{path}?watch=1&timeoutSeconds=2&resourceVersion={since}", before)
        assert sorted(order) == sorted(before) and order[-1] == controller, f"restarted {order}; the controller was {controller}"
        self.read_back()

    def restarts(self, watch, before):
        """The brokers in the order of their new pods, from the API's own record of changes; never two of them away at a time."""
        serving, order = set(before), []
        for line in self.kubectl("get", "--raw", watch).stdout.splitlines():
            event = json.loads(line)
            pod, name = event["object"], event["object"]["metadata"].get("name")
            if name not in before:
                continue
            away = event["type"] == "DELETED" or "deletionTimestamp" in pod["metadata"] or not is_ready(pod)
            serving = serving - {name} if away else serving | {name}
            assert len(serving) >= len(before) - 1, f"{set(before) - serving} are away at the same time"
            if event["type"] == "ADDED" and pod["metadata"]["uid"] != before[name]:
                order.append(name)
        return order

    def count_events(self, reason):
        return sum(e.get("count") or 1 for e in self.items("events") if e["reason"] == reason)

    def grow(self):
        replicas = self.get("bpl", self.names.pool)["spec"]["replicas"] + 1
        self.kubectl("scale", "brokerpool", self.names.pool, f"--replicas={replicas}")
        wait_until(f"the pool has {replicas} ready brokers",
                   lambda: self.get("bpl", self.names.pool)["status"].get("readyReplicas") == replicas)
        self.wait_ready()
        self.use()

    def refuse_invalid(self):
        """What the schema or a rule can refuse is refused when it is applied."""
        kind = {"apiVersion": "millrace.dev/v1alpha1", "kind": "KafkaCluster", "metadata": {"name": "bad"}}
        reserved = dict(kind, spec={"ensembleRef": {"name": self.names.ensemble}, "config": {"broker.id": "7"}})
        done = self.kubectl("apply", "-f", "-", text_in=json.dumps(reserved), check=False)
        assert done.returncode != 0 and "config holds a key that the operator sets" in done.stderr, done.stderr
        done = self.kubectl("apply", "-f", "-", text_in=json.dumps(dict(kind, spec={})), check=False)
        assert done.returncode != 0 and "exactly one of ensembleRef and coordinator" in done.stderr, done.stderr

    def delete_all(self, claims_stay):
        """Every object that was made goes with the resources; a claim only when its resource says so."""
        claims = {c["metadata"]["name"] for c in self.items("persistentvolumeclaims")}
        for kind in ("ktp", "bpl", "kcl", "cens"):
            self.kubectl("delete", kind, "--all", "--timeout=60s")

        def left():
            return [f"{kind}/{item['metadata']['name']}" for kind in MADE for item in self.items(kind)
                    if OWN in item["metadata"].get("labels", {}) or kind == "pods"]

        wait_until("nothing is left", lambda: not left(), 90)
        stayed = {c["metadata"]["name"] for c in self.items("persistentvolumeclaims")}
        assert claims and stayed == (claims if claims_stay else set()), f"claims {claims}, afterwards {stayed}"
