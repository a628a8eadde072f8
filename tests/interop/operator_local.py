#!/usr/bin/env python3
"""Runs millrace-operator --local through the life of a cluster: create, use, kill, roll, grow, topics, refusals, restart, end.

Usage: operator_local.py OPERATOR [RESOURCES.yaml]. Speaks to the embedded API server with kubectl and to the brokers with kcat;
without either it is skipped (77). Every wait has a deadline and follows what the API shows.
"""
import json
import os
import pathlib
import signal
import sys
import time

from operator_cluster import PodWatch, delete_topic, run_steps, wait_until

DATA = pathlib.Path(__file__).resolve().parent / "data" / "local_cluster.yaml"


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


def roll(operator, cluster):
    """A changed setting restarts the brokers one by one, the controller last."""
    before = starts_of(cluster)
    controller = cluster.get("kcl", "demo")["status"]["controllerId"]
    watch = PodWatch(operator)
    cluster.patch("kcl", "demo", {"spec": {"config": {"log.retention.hours": "48"}}})
    wait_until("all brokers were restarted", lambda: len(watch.restarts(before)) == len(before), 60)
    cluster.wait_ready()
    order = watch.restarts(before)
    assert len(order) == len(before) and order[-1] == f"demo-main-{controller}", f"{order}, the controller is {controller}"


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
    delete_topic(cluster.bootstrap(), "orders")
    wait_until("the topic is there again", lambda: cluster.topics().get("orders") == 8, 45)


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
    operator.kill()
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


def steps(operator, cluster):
    return [("create", cluster.wait_ready), ("use", lambda: use(cluster)),
            ("quiet", lambda: stay_quiet(operator, cluster)), ("kill", lambda: kill_a_broker(operator, cluster)),
            ("roll", lambda: roll(operator, cluster)), ("grow", lambda: grow(cluster)), ("topics", lambda: change_topics(cluster)),
            ("drift", lambda: revert_drift(cluster)), ("invalid", lambda: refuse_invalid(cluster)),
            ("restart", lambda: restart_operator(operator, cluster)), ("delete", lambda: delete_all(operator, cluster))]


if __name__ == "__main__":
    resources = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else DATA).resolve()
    run_steps(sys.argv[1], ["--apply", resources], steps)
