#!/usr/bin/env python3
"""What the operator decides beside the ordinary life of a cluster: refused and impossible wishes, changes during changes, its own
sudden death, clusters that go and come back, names that meet.

Usage: operator_behaviour.py OPERATOR [STEP…]; without steps all of them. Speaks to the embedded API server with kubectl and to brokers with kcat; without either it is
skipped (77).
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from operator_cluster import delete_topic, is_ready, run_steps, wait_until

DATA = pathlib.Path(__file__).resolve().parent / "data" / "local_cluster.yaml"


def named(kind, name, spec, space="default"):
    return {"kind": kind, "metadata": {"name": name, "namespace": space}, "spec": spec}


def pool(name, cluster, replicas=1, space="default", **more):
    return named("BrokerPool", name, {"clusterRef": {"name": cluster}, "replicas": replicas, **more}, space)


def topic(name, cluster="demo", **more):
    return named("KafkaTopic", name, {"clusterRef": {"name": cluster}, **more})


def on_demo(name, **more):
    return named("KafkaCluster", name, {"ensembleRef": {"name": "demo"}, **more})


LISTENER = {"name": "plain", "port": 9092}
# What the API itself refuses: schema first, then rules, then what may not change in the objects of local_cluster.yaml.
REFUSED = [
    (named("CoordinatorEnsemble", "x", {"members": 3}), "ensembles of several members come with a later release"),
    (named("CoordinatorEnsemble", "x", {"members": 0}), "spec.members"),
    (named("CoordinatorEnsemble", "x", {"members": "one"}), "spec.members"),
    (named("CoordinatorEnsemble", "x", {"config": {"dataDir": "/x"}}), "config holds a key that the operator sets"),
    (named("CoordinatorEnsemble", "x", {"config": {"server.1": "a:1:2"}}), "config holds a key that the operator sets"),
    (named("CoordinatorEnsemble", "x", {"config": {"": "a"}}), "config holds an empty key"),
    (named("CoordinatorEnsemble", "x", {"storage": {"size": "0Gi"}}), "spec.storage.size"),
    (named("CoordinatorEnsemble", "x", {"storage": {"type": "Tape"}}), "spec.storage.type"),
    (named("CoordinatorEnsemble", "x", {"image": "a b"}), "spec.image"),
    (named("CoordinatorEnsemble", "9x", {}), "begin with a letter"),
    (named("CoordinatorEnsemble", "x.y", {}), "begin with a letter"),
    (named("CoordinatorEnsemble", "x" * 41, {}), "at most 40"),
    (named("KafkaCluster", "x", {}), "exactly one of ensembleRef and coordinator"),
    (named("KafkaCluster", "x", {"ensembleRef": {"name": ""}}), "spec.ensembleRef.name"),
    (named("KafkaCluster", "x", {"ensembleRef": {}}), "spec.ensembleRef.name"),
    (named("KafkaCluster", "x", {"ensembleRef": {"name": "a"}, "coordinator": {"connect": "a:1"}}), "exactly one"),
    (named("KafkaCluster", "x", {"coordinator": {}}), "spec.coordinator.connect"),
    (named("KafkaCluster", "x", {"coordinator": {"connect": "zoo:2181/path"}}), "spec.coordinator.connect"),
    (on_demo("x", chroot="kafka"), "spec.chroot"),
    (on_demo("x", chroot="/a//b"), "spec.chroot"),
    (on_demo("x", chroot="/a/../b"), "spec.chroot"),
    (on_demo("x", chroot="/zookeeper/x"), "belongs to the coordinators"),
    (on_demo("x", config={"broker.id": "7"}), "config holds a key that the operator sets"),
    (on_demo("x", config={"listeners": "PLAINTEXT://:1"}), "config holds a key that the operator sets"),
    (on_demo("x", config={"millrace.admin.listener": ":1"}), "config holds a key that the operator sets"),
    (on_demo("x", config={"log.retention.hours": 5}), "spec.config[log.retention.hours]"),
    (on_demo("x", listeners=[LISTENER, {"name": "other", "port": 9092}]), "each listener needs a port of its own"),
    (on_demo("x", listeners=[LISTENER, LISTENER]), "Duplicate value"),
    (on_demo("x", listeners=[{"name": "plain", "port": 80}]), "spec.listeners[0].port"),
    (on_demo("x", listeners=[{"name": "plain", "port": 9404}]), "admin listener"),
    (on_demo("x", listeners=[{"name": "Plain", "port": 9092}]), "spec.listeners[0].name"),
    (on_demo("x", listeners=[{"name": "plain", "port": 9092, "type": "nodeport"}]), "spec.listeners[0].type"),
    (on_demo("x", rollout={"stallTimeoutSeconds": 1}), "spec.rollout.stallTimeoutSeconds"),
    (pool("x", "demo", -1), "spec.replicas"),
    (pool("x", "demo", 101), "spec.replicas"),
    (pool("x", ""), "spec.clusterRef.name"),
    (named("BrokerPool", "x", {"replicas": 1}), "spec.clusterRef"),
    (pool("x", "demo", nodeIdRange={"start": 5, "end": 4}), "end must not be below start"),
    (topic("x", partitions=0), "spec.partitions"),
    (topic("x", replicas=40000), "spec.replicas"),
    (topic("x", topicName="a b"), "spec.topicName"),
    (topic("x", topicName=".."), "must not be '.' or '..'"),
    (topic("x", topicName="t" * 250), "spec.topicName"),
    (topic("x", deletionPolicy="Perhaps"), "spec.deletionPolicy"),
    (topic("x", nosuch=1), "unknown field"),
    # Immutable, or only in one direction.
    (named("CoordinatorEnsemble", "demo", {"storage": {"type": "Ephemeral"}}), "storage.type cannot change"),
    (named("CoordinatorEnsemble", "demo", {"storage": {"size": "1Mi"}}), "storage.size cannot shrink"),
    (named("KafkaCluster", "demo", {"ensembleRef": {"name": "other"}}), "ensembleRef cannot change"),
    (on_demo("demo", chroot="/elsewhere"), "chroot cannot change"),
    (on_demo("demo", listeners=[{"name": "other", "port": 9093}]), "first listener cannot change its name"),
    (pool("main", "other"), "clusterRef cannot change"),
    (pool("main", "demo", storage={"type": "Ephemeral"}), "storage.type cannot change"),
    (pool("main", "demo", storage={"storageClass": "fast"}), "storageClass cannot change"),
    (topic("orders", partitions=3), "partitions cannot be taken away"),
    (topic("orders", partitions=6, topicName="other"), "topicName cannot change"),
    (topic("orders", "other", partitions=6), "clusterRef cannot change"),
]


def refuse_at_apply(cluster):
    wrong = []
    for thing, says in REFUSED:
        try:
            cluster.refused(thing, says)
        except AssertionError as error:
            wrong.append(str(error))
    assert not wrong, "\n".join(wrong)


def uids(cluster, space="default"):
    return {p["metadata"]["name"]: p["metadata"]["uid"] for p in cluster.items("pods", space)}


def refuse_later(cluster):
    """What no rule can see is said in the status, with an Event, and nothing that runs is touched."""
    before = uids(cluster)
    cluster.apply(named("KafkaCluster", "lost", {"ensembleRef": {"name": "nowhere"}}), pool("lost", "lost"),
                  pool("alone", "nowhere"), topic("alone", "nowhere"), on_demo("empty"),
                  on_demo("twin", chroot="/default-demo"), pool("twin", "twin"),
                  pool("narrow", "demo", 2, nodeIdRange={"start": 500, "end": 500}),
                  on_demo("bad", config={"log.retention.hours": "never"}), pool("bad", "bad"),
                  named("CoordinatorEnsemble", "bad", {"config": {"tickTime": "fast"}}),
                  pool("p" * 40, "c" * 30), on_demo("c" * 30),
                  topic("second", topicName="orders", partitions=6), topic("wide", replicas=9),
                  topic("odd", config={"retention.ms": "long"}), topic("typo", config={"no.such.setting": "1"}))
    cluster.wait_reason("kcl", "lost", "EnsembleMissing")
    cluster.wait_reason("bpl", "lost", "EnsembleMissing")
    cluster.wait_reason("bpl", "alone", "ClusterMissing")
    cluster.wait_reason("ktp", "alone", "ClusterMissing")
    cluster.wait_reason("kcl", "empty", "NoBrokerPool")
    assert "KafkaCluster default/demo" in cluster.wait_reason("kcl", "twin", "ChrootTaken")["message"]
    assert "nodeIdRange 500-500" in cluster.wait_reason("bpl", "narrow", "NoFreeId")["message"]
    for kind in ("kcl", "bpl"):
        assert "log.retention.hours: 'never'" in cluster.wait_reason(kind, "bad", "ConfigRefused")["message"]
    assert "tickTime" in cluster.wait_reason("cens", "bad", "ConfigRefused")["message"]
    assert "at most 63" in cluster.wait_reason("bpl", "p" * 40, "NameTooLong")["message"]
    assert "belongs to KafkaTopic orders" in cluster.wait_reason("ktp", "second", "TopicOwned")["message"]
    cluster.wait_reason("ktp", "wide", "InvalidReplicationFactor")
    cluster.wait_reason("ktp", "odd", "InvalidConfig")
    cluster.wait_reason("ktp", "typo", "InvalidConfig")
    for name, reason in (("lost", "EnsembleMissing"), ("twin", "ChrootTaken"), ("bad", "ConfigRefused"),
                         ("second", "TopicOwned"), ("wide", "InvalidReplicationFactor")):
        wait_until(f"an Event of {name} says {reason}", lambda: reason in cluster.events(name))
    after = uids(cluster)
    assert {name: after.get(name) for name in before} == before, "a refused wish touched what runs"
    assert set(after) - set(before) == {"demo-narrow-500"}, set(after) - set(before)
    for kind, names in (("ktp", "alone second wide odd typo"), ("bpl", f"lost alone twin narrow bad {'p' * 40}"),
                        ("kcl", f"lost empty twin bad {'c' * 30}"), ("cens", "bad")):
        cluster.kubectl("delete", kind, *names.split(), "--timeout=20s")
    wait_until("only the first pods are left", lambda: uids(cluster) == before)
    cluster.wait_ready()


def bad_setting(operator, cluster):
    """A setting that brokers would refuse reaches no broker; one that dies meanwhile comes back with the settings it had."""
    before = uids(cluster)
    cluster.patch("kcl", "demo", {"spec": {"config": {"num.io.threads": "many"}}})
    assert "num.io.threads" in cluster.wait_reason("kcl", "demo", "ConfigRefused")["message"]
    cluster.kubectl("delete", "pod", "demo-main-2", "--wait=false")  # kubectl may miss a pod that is back at once
    wait_until("the pod is made again and serves",
               lambda: uids(cluster) != before and is_ready(cluster.get("pod", "demo-main-2") or {"status": {}}))
    after = uids(cluster)
    assert [name for name in before if before[name] != after[name]] == ["demo-main-2"]
    cluster.patch("kcl", "demo", {"spec": {"config": {"num.io.threads": None}}})
    cluster.wait_ready()
    assert uids(cluster) == after, "taking a refused setting back restarted something"


def scale_down(cluster):
    """Fewer brokers than there are: a warning, and everything goes on."""
    before = uids(cluster)
    cluster.kubectl("scale", "bpl/main", "--replicas=2")
    warned = cluster.wait_reason("bpl", "main", "ScaleDownRefused", "Warning")
    assert "all of them go on" in warned["message"], warned
    assert cluster.ready("bpl", "main") and cluster.ready("kcl", "demo") and uids(cluster) == before
    wait_until("an Event says so", lambda: "ScaleDownRefused" in cluster.events("main"))
    cluster.kubectl("scale", "bpl/main", "--replicas=3")
    wait_until("the warning is gone", lambda: cluster.ready("bpl", "main") and not cluster.condition("bpl", "main", "Warning"))


def settings_of(operator, pod):
    return (operator.directory / "pods" / f"default_{pod}" / "volumes/config/server.properties").read_text()


def watch_roll(cluster, before, done):
    """Follows until done(); never may more than one broker be away."""
    def look():
        pods = {p["metadata"]["name"]: p for p in cluster.items("pods") if "-main-" in p["metadata"]["name"]}
        away = [name for name in before if name not in pods or not is_ready(pods[name])]
        assert len(away) <= 1, f"{away} are away at the same time"
        return not away and done(pods)

    wait_until("the roll is over", look, 60)


def roll_interrupted(operator, cluster):
    """A second change and the operator's death in the middle of a roll: the next operator finishes it, one broker at a time."""
    before = {name: uid for name, uid in uids(cluster).items() if "-main-" in name}
    cluster.patch("kcl", "demo", {"spec": {"config": {"log.retention.hours": "48"}}})
    wait_until("the first broker is restarted", lambda: uids(cluster) != {**uids(cluster), **before})
    cluster.patch("kcl", "demo", {"spec": {"config": {"log.retention.hours": "47"}}})
    operator.kill()
    operator.start()
    watch_roll(cluster, before, lambda pods: all(
        "log.retention.hours=47" in settings_of(operator, name) and pods[name]["metadata"]["uid"] != before[name] for name in before))
    cluster.wait_ready()
    wait_until("the roll is announced as complete", lambda: "RollCompleted" in cluster.events("demo"))


def kill_when_started(operator, pod):
    """As soon as the process of a pod is there: before its operator can have written down anything about it."""
    deadline = time.monotonic() + 30
    while pod not in operator.processes():
        assert time.monotonic() < deadline, f"{pod} was never started"
    operator.kill()
    return operator.processes()[pod]


def grow_interrupted(operator, cluster):
    """The operator dies while it creates brokers, again and again: the next one goes on with those that run, creates what is
    missing, and no id is given twice or skipped."""
    cluster.kubectl("scale", "bpl/main", "--replicas=6")
    for pod in ("demo-main-3", "demo-main-4", "demo-main-5"):
        process = kill_when_started(operator, pod)
        operator.start()
        wait_until(f"{pod} is ready", lambda: is_ready(cluster.get("pod", pod) or {}))
        assert operator.processes()[pod] == process, f"{pod} ran already and was started again"
        assert cluster.get("pod", pod)["status"]["containerStatuses"][0]["restartCount"] == 0
    cluster.wait_ready()
    assert cluster.get("bpl", "main")["status"]["nodeIds"] == [0, 1, 2, 3, 4, 5]
    assert "NodeCreated" in cluster.events("main")


def survive(operator, cluster):
    """A pod that outlived its operator is the next one's in every respect. What belongs to no pod any more is killed."""
    container = {"name": "c", "image": "i", "command": ["sleep", "1000"], "env": [{"name": "WORD", "value": "yes"}],
                 "readinessProbe": {"exec": {"command": ["sh", "-c", "test $WORD = yes"]}, "periodSeconds": 1},
                 "volumeMounts": [{"name": "notes", "mountPath": "/notes"}]}
    spec = {"containers": [container], "volumes": [{"name": "notes", "configMap": {"name": "notes"}}]}
    note = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "notes"}, "data": {"note": "one"}}
    cluster.apply(note, {"apiVersion": "v1", **named("Pod", "survivor", spec)})
    wait_until("the pod is ready", lambda: is_ready(cluster.get("pod", "survivor") or {}))
    operator.kill()
    mark = {"directory": str(operator.directory), "uid": "gone", "container": "c"}
    stray = subprocess.Popen(["sleep", "1000"], env={**os.environ, "MILLRACE_CONTAINER": json.dumps(mark)}, start_new_session=True)
    operator.start()
    assert stray.wait(timeout=10) == -signal.SIGKILL
    wait_until("the pod is ready again", lambda: is_ready(cluster.get("pod", "survivor")))
    assert cluster.get("pod", "survivor")["status"]["containerStatuses"][0]["restartCount"] == 0
    cluster.patch("configmap", "notes", {"data": {"note": "two"}})
    file = operator.directory / "pods" / "default_survivor" / "volumes" / "notes" / "note"
    wait_until("the file has changed", lambda: file.read_text() == "two", 5)
    cluster.kubectl("delete", "pod/survivor", "configmap/notes", "--grace-period=1", "--timeout=20s")


def mend_all(cluster):
    """Every broker of a cluster waits for coordinators that are not there. A spec that is mended reaches all of them."""
    address = cluster.get("cens", "demo")["status"]["clientEndpoint"]
    wrong = {"coordinator": {"connect": "127.0.0.1:1"}, "chroot": "/mended"}
    cluster.apply(named("KafkaCluster", "mended", wrong), pool("mended", "mended", 2))
    wait_until("both brokers run and wait", lambda: len([n for n in uids(cluster) if n.startswith("mended-")]) == 2)
    assert not cluster.ready("kcl", "mended")
    cluster.patch("kcl", "mended", {"spec": {"coordinator": {"connect": address}}})
    wait_until("the cluster serves", lambda: cluster.ready("kcl", "mended"))
    cluster.kubectl("delete", "kcl,bpl", "mended", "--timeout=20s")


def crash_loop(operator, cluster):
    """A broker that cannot start says why: in the pod, in its log, in the status of its pool."""
    cluster.apply(on_demo("full", chroot="/full"), pool("full", "full"))
    wait_until("the cluster serves", lambda: cluster.ready("kcl", "full"))
    claim = next((operator.directory / "volumes").glob("default_full-full-0-data_*"))
    os.kill(operator.processes()["full-full-0"], signal.SIGSTOP)
    (claim / "kafka" / "meta.properties").write_text("version=0\nbroker.id=77\n")
    os.kill(operator.processes()["full-full-0"], signal.SIGKILL)
    wait_until("the pod is held back", lambda: "CrashLoopBackOff" in cluster.kubectl("get", "pod", "full-full-0").stdout)
    told = cluster.wait_reason("bpl", "full", "Starting")["message"]
    assert "CrashLoopBackOff" in told and "meta.properties" in told, told
    assert "meta.properties" in cluster.kubectl("logs", "full-full-0", "--previous").stdout + cluster.kubectl("logs", "full-full-0").stdout
    assert "meta.properties" in cluster.kubectl("describe", "pod", "full-full-0").stdout
    assert cluster.get("cnode", "full-full-0")["status"]["phase"] == "Stuck"
    cluster.kubectl("delete", "kcl,bpl", "full", "--timeout=20s")


def drift(cluster):
    cluster.apply(topic("report", topicName="Report_It", partitions=1, driftPolicy="Report"))
    wait_until("the topic is there under its own name", lambda: cluster.topics().get("Report_It") == 1)
    wait_until("the resource is ready", lambda: cluster.ready("ktp", "report"))
    delete_topic(cluster.bootstrap(), "Report_It")
    cluster.kubectl("annotate", "ktp", "report", "look=now")
    assert "deleted by somebody else" in cluster.wait_reason("ktp", "report", "TopicMissing")["message"]
    assert "Report_It" not in cluster.topics()
    delete_topic(cluster.bootstrap(), "orders")
    cluster.kubectl("annotate", "ktp", "orders", "look=now", "--overwrite")
    wait_until("the topic is there again", lambda: cluster.topics().get("orders") == 6)
    wait_until("the loss is told", lambda: "TopicRecreated" in cluster.events("orders"))
    cluster.kubectl("delete", "ktp", "report", "--timeout=20s")


def delete_while_away(operator, cluster):
    """A topic whose brokers do not answer keeps its resource until they do."""
    cluster.apply(topic("away", partitions=1))
    wait_until("the topic is there", lambda: cluster.ready("ktp", "away"))
    brokers = [pid for name, pid in operator.processes().items() if "-main-" in name]
    for pid in brokers:
        os.kill(pid, signal.SIGSTOP)
    try:
        wait_until("no broker is ready", lambda: cluster.get("bpl", "main")["status"].get("readyReplicas", 0) == 0)
        cluster.kubectl("delete", "ktp", "away", "--wait=false")
        wait_until("the resource says what it waits for", lambda: "ClusterUnreachable" in json.dumps(cluster.get("ktp", "away")))
    finally:
        for pid in brokers:
            os.kill(pid, signal.SIGCONT)
    cluster.kubectl("wait", "--for=delete", "ktp/away", "--timeout=30s")
    cluster.wait_ready()
    assert "away" not in cluster.topics()


def coordinator_restart(cluster):
    """A changed setting of the coordinator restarts it alone; brokers keep their sessions."""
    before = uids(cluster)
    cluster.patch("cens", "demo", {"spec": {"config": {"tickTime": "1900"}}})
    wait_until("the coordinator was restarted", lambda: uids(cluster).get("demo-coordinator-1") not in (None, before["demo-coordinator-1"]))
    cluster.wait_ready()
    after = uids(cluster)
    assert [name for name in before if before[name] != after.get(name)] == ["demo-coordinator-1"]
    cluster.kcat("-t", "orders", "-P", text_in="after\n")
    assert "after" in cluster.kcat("-t", "orders", "-C", "-e", "-q")


def same_names(cluster):
    """One name in two namespaces, and two clusters on one ensemble, know nothing of each other."""
    cluster.kubectl("create", "namespace", "other")
    cluster.apply(named("CoordinatorEnsemble", "demo", {}, "other"),
                  named("KafkaCluster", "demo", {"ensembleRef": {"name": "demo"}}, "other"), pool("main", "demo", 1, "other"),
                  on_demo("beside", chroot="/beside"), pool("beside", "beside"))
    wait_until("the other namespace serves", lambda: cluster.ready("kcl", "demo", "other"))
    wait_until("the second cluster serves", lambda: cluster.ready("kcl", "beside"))
    ids = [cluster.get("kcl", *which)["status"]["clusterId"] for which in (("demo",), ("demo", "other"), ("beside",))]
    assert len(set(ids)) == 3, ids
    cluster.kcat("-t", "only-here", "-P", text_in="x\n", bootstrap=cluster.bootstrap("beside"))
    assert "only-here" not in cluster.topics()
    cluster.kubectl("delete", "namespace", "other", "--timeout=40s")
    cluster.kubectl("delete", "kcl,bpl", "beside", "--timeout=20s")
    cluster.wait_ready()


def come_back(operator, cluster):
    """A deleted KafkaCluster takes its brokers along and leaves pools and data; the same cluster made again finds both."""
    cluster.kcat("-t", "orders", "-P", text_in="kept\n")
    kept = cluster.get("kcl", "demo")
    cluster.kubectl("delete", "kcl", "demo", "--timeout=20s")
    wait_until("no broker runs", lambda: not [name for name in operator.processes() if "-main-" in name])
    cluster.wait_reason("bpl", "main", "ClusterMissing")
    cluster.wait_reason("ktp", "orders", "ClusterMissing")
    cluster.apply(named("KafkaCluster", "demo", kept["spec"]))
    cluster.wait_ready()
    assert cluster.get("kcl", "demo")["status"]["clusterId"] == kept["status"]["clusterId"]
    assert "kept" in cluster.kcat("-t", "orders", "-C", "-e", "-q").split()


def pause(cluster):
    before = uids(cluster)
    hours = cluster.get("kcl", "demo")["spec"]["config"]["log.retention.hours"]
    cluster.patch("kcl", "demo", {"spec": {"paused": True, "config": {"log.retention.hours": "12"}}})
    cluster.wait_reason("kcl", "demo", "Paused", "Paused")
    time.sleep(1.5)  # longer than an unpaused operator takes to begin a roll
    assert uids(cluster) == before
    cluster.patch("kcl", "demo", {"spec": {"paused": None, "config": {"log.retention.hours": hours}}})
    cluster.wait_ready()
    assert not cluster.condition("kcl", "demo", "Paused") and uids(cluster) == before


def idle(operator, cluster):
    """Settled means settled: over more than a whole period nothing is written and next to nothing is done."""
    def written():
        return json.loads(cluster.kubectl("get", "--raw", "/api/v1/pods").stdout)["metadata"]["resourceVersion"]

    def cpu_seconds():
        fields = pathlib.Path(f"/proc/{operator.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def quiet():
        before, used, began = written(), cpu_seconds(), time.monotonic()
        time.sleep(11)
        share = (cpu_seconds() - used) / (time.monotonic() - began)
        print(f"  {share * 100:.2f} % of a core, {resident_kib(operator)} KiB", flush=True)
        return written() == before and share < 0.02

    wait_until("a period without a write", quiet, 60)


def resident_kib(operator):
    status = pathlib.Path(f"/proc/{operator.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def delete_all(operator, cluster):
    """Everything at once, as "kubectl delete -f" does it."""
    cluster.kubectl("delete", "-f", DATA, "--timeout=40s")
    wait_until("no process is left", lambda: not operator.processes())
    wait_until("claims with deleteClaim are gone", lambda: not [
        claim for claim in cluster.items("pvc") if claim["metadata"]["name"].startswith(("demo-main-", "demo-coordinator-"))])


def steps(operator, cluster):
    everything = [("create", cluster.wait_ready), ("idle", lambda: idle(operator, cluster)),
                  ("refuse", lambda: refuse_at_apply(cluster)), ("refuse later", lambda: refuse_later(cluster)),
            ("bad setting", lambda: bad_setting(operator, cluster)), ("scale down", lambda: scale_down(cluster)),
            ("roll interrupted", lambda: roll_interrupted(operator, cluster)), ("drift", lambda: drift(cluster)),
            ("away", lambda: delete_while_away(operator, cluster)),
            ("coordinator", lambda: coordinator_restart(cluster)), ("names", lambda: same_names(cluster)),
            ("mend", lambda: mend_all(cluster)), ("crash", lambda: crash_loop(operator, cluster)),
            ("pause", lambda: pause(cluster)), ("come back", lambda: come_back(operator, cluster)),
            ("survive", lambda: survive(operator, cluster)), ("grow interrupted", lambda: grow_interrupted(operator, cluster)),
            ("delete", lambda: delete_all(operator, cluster))]
    wanted = {"create", "delete", *sys.argv[2:]}
    return [step for step in everything if len(sys.argv) == 2 or step[0] in wanted]


if __name__ == "__main__":
    run_steps(sys.argv[1], ["--apply", DATA], steps)
