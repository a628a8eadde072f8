#!/usr/bin/env python3
"""Drives the embedded Kubernetes API server with real kubectl: definitions, custom objects, apply in both forms, scale, wait,
watch, explain, logs, deletion, and a restart in between.

Usage: operator_kubectl.py SERVER. Exit code 77: there is no kubectl here.
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

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.test.example.dev}
spec:
  group: test.example.dev
  scope: Namespaced
  names: {plural: widgets, kind: Widget, shortNames: [wdg], categories: [gadgets]}
  versions:
  - name: v1alpha1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}
    additionalPrinterColumns:
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    - {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status'}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            description: What is wanted.
            required: [size]
            x-kubernetes-validations:
            - {rule: "self.replicas % 2 == 1", message: replicas must be odd}
            - {rule: "quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0", message: size may not shrink}
            properties:
              replicas: {type: integer, maximum: 7, default: 3, description: How many.}
              size: {type: string, pattern: '^[0-9]+Gi$', maxLength: 20}
              color: {type: string, enum: [red, green]}
              ports:
                type: array
                maxItems: 4
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name, port]
                  properties: {name: {type: string, maxLength: 20}, port: {type: integer}}
          status:
            type: object
            properties:
              replicas: {type: integer}
              conditions:
                type: array
                items: {type: object, properties: {type: {type: string}, status: {type: string}}}
"""

WIDGET = """
apiVersion: test.example.dev/v1alpha1
kind: Widget
metadata: {name: %(name)s, labels: {app: x}}
spec: {size: %(size)s, color: %(color)s, ports: [{name: a, port: 80}]}
"""

PODS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {text: "dir=/data address=0.0.0.0\\n"}
---
apiVersion: v1
kind: Pod
metadata: {name: loop}
spec:
  terminationGracePeriodSeconds: 2
  containers:
  - name: main
    image: none
    command: [sh, -c, "cat /conf/text; echo i am $(NAME); echo ready > /data/ready; exec tail -f /dev/null"]
    env: [{name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
    readinessProbe: {exec: {command: [test, -f, /data/ready]}, periodSeconds: 1}
    volumeMounts: [{name: conf, mountPath: /conf}, {name: data, mountPath: /data}]
  volumes: [{name: conf, configMap: {name: conf}}, {name: data, emptyDir: {}}]
---
apiVersion: v1
kind: Pod
metadata: {name: crash}
spec:
  containers: [{name: main, image: none, command: [sh, -c, "echo crashing; exit 3"]}]
"""


class Server:
    def __init__(self, program, folder):
        self.command = [program, str(folder / "state"), "/usr/bin"]
        self.kubeconfig = folder / "state" / "kubeconfig"
        self.log = open(folder / "server.log", "ab")
        self.process = None

    def start(self):
        self.kubeconfig.parent.mkdir(exist_ok=True)
        self.kubeconfig.unlink(missing_ok=True)
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)
        until(lambda: self.kubeconfig.exists(), "the server to listen")

    def stop(self, how=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=20)
            self.process = None


class Cluster:
    def __init__(self, kubectl, folder, kubeconfig):
        self.kubectl = kubectl
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "KUBECONFIG": str(kubeconfig)}

    def run(self, *words, text=None):
        return subprocess.run([self.kubectl, *words], input=text, capture_output=True, text=True, timeout=60,
                              env=self.environment)

    def ok(self, *words, text=None, says=""):
        done = self.run(*words, text=text)
        if done.returncode != 0 or says not in done.stdout:
            raise AssertionError(f"kubectl {' '.join(words)}\n{done.stdout}{done.stderr}\nexpected success with: {says}")
        return done.stdout

    def refused(self, *words, text=None, says):
        done = self.run(*words, text=text)
        if done.returncode == 0 or says not in done.stderr:
            raise AssertionError(f"kubectl {' '.join(words)}\n{done.stdout}{done.stderr}\nexpected a refusal with: {says}")

    def json(self, *words):
        return json.loads(self.ok(*words, "-o", "json"))


def until(condition, what, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.02)


def widget(name="a", size="10Gi", color="red"):
    return WIDGET % {"name": name, "size": size, "color": color}


def check_definition(cluster):
    cluster.ok("apply", "-f", "-", text=DEFINITION, says="created")
    cluster.ok("wait", "--for=condition=Established", "crd/widgets.test.example.dev", "--timeout=5s")
    cluster.refused("apply", "-f", "-", text=DEFINITION.replace("self.replicas % 2 == 1", "self.replicas.odd()"),
                    says="undeclared reference to 'odd'")
    cluster.ok("explain", "widgets.spec.replicas", says="How many.")
    cluster.ok("api-resources", says="wdg")


def check_apply(cluster):
    cluster.ok("apply", "-f", "-", text=widget(), says="created")
    cluster.ok("apply", "-f", "-", text=widget(), says="unchanged")
    cluster.ok("apply", "-f", "-", text=widget(color="green"), says="configured")
    assert cluster.json("get", "wdg", "a")["spec"]["replicas"] == 3
    cluster.ok("get", "gadgets", says="REPLICAS")
    cluster.refused("apply", "-f", "-", text=widget(color="blue"),
                    says='spec.color: Unsupported value: "blue": supported values: "red", "green"')
    cluster.refused("apply", "-f", "-", text=widget(size="5Gi"), says="size may not shrink")
    cluster.refused("create", "-f", "-", text=widget("b").replace("color", "colour"), says='unknown field "spec.colour"')
    cluster.refused("get", "wdg", "nothing", says='widgets.test.example.dev "nothing" not found')
    cluster.refused("create", "-f", "-", text=widget(), says="already exists")
    cluster.ok("diff", "-f", "-", text=widget(color="green"))


def check_server_side_apply(cluster):
    cluster.ok("apply", "--server-side", "-f", "-", text=widget("s"), says="serverside-applied")
    cluster.refused("apply", "--server-side", "--field-manager=other", "-f", "-", text=widget("s", color="green"),
                    says='conflict with "kubectl" using test.example.dev/v1alpha1: .spec.color')
    cluster.ok("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", "-",
               text=widget("s", color="green"))
    assert cluster.json("get", "wdg", "s")["spec"]["color"] == "green"
    second_port = widget("s").replace("color: red, ", "").replace("{name: a, port: 80}", "{name: b, port: 81}")
    cluster.ok("apply", "--server-side", "-f", "-", text=second_port)
    names = [port["name"] for port in cluster.json("get", "wdg", "s")["spec"]["ports"]]
    assert sorted(names) == ["a", "b"], names  # the other manager still has "a"
    cluster.ok("delete", "wdg", "s")


def check_patch_and_status(cluster):
    cluster.ok("scale", "wdg/a", "--replicas=5", says="scaled")
    cluster.refused("scale", "wdg/a", "--replicas=4", says="replicas must be odd")
    cluster.ok("patch", "wdg", "a", "--type=json", "-p", '[{"op":"replace","path":"/spec/color","value":"red"}]')
    status = '{"status":{"replicas":5,"conditions":[{"type":"Ready","status":"True"}]}}'
    cluster.ok("patch", "wdg", "a", "--subresource=status", "--type=merge", "-p", status)
    cluster.ok("wait", "--for=condition=Ready", "wdg/a", "--timeout=5s")
    cluster.ok("get", "wdg", says="True")
    cluster.ok("describe", "wdg", "a", says="Replicas:  5")
    cluster.ok("label", "wdg", "a", "tier=x")
    cluster.ok("get", "wdg", "-l", "tier in (x)", "-o", "name", says="widget.test.example.dev/a")


def check_watch(cluster):
    words = [cluster.kubectl, "get", "wdg", "-w", "-o", "name"]
    watch = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=cluster.environment)
    try:
        assert watch.stdout.readline().strip().endswith("/a")
        cluster.ok("create", "-f", "-", text=widget("fresh"))
        assert watch.stdout.readline().strip().endswith("/fresh")
    finally:
        watch.terminate()
        watch.communicate()
    cluster.ok("delete", "wdg", "fresh")


def check_pods(cluster, server):
    cluster.ok("apply", "-f", "-", text=PODS)
    cluster.ok("wait", "--for=condition=Ready", "pod/loop", "--timeout=15s")
    address = cluster.json("get", "pod", "loop")["status"]["podIP"]
    text = cluster.ok("logs", "loop", says="i am loop")
    assert f"address={address}" in text and "dir=/data" not in text, text
    until(lambda: "CrashLoopBackOff" in cluster.ok("get", "pods"), "the crashing pod to be held back")
    cluster.ok("logs", "crash", "--previous", says="crashing")
    cluster.ok("describe", "pod", "crash", says="Back-off restarting failed container main")
    cluster.ok("events", "--for", "pod/loop", says="Started container main")
    assert cluster.json("get", "pod", "crash")["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 3

    server.stop(signal.SIGKILL)
    server.start()
    status = cluster.json("get", "pod", "loop")["status"]
    assert status["podIP"] == address and status["containerStatuses"][0]["restartCount"] == 0, status
    cluster.ok("delete", "pod", "loop", "crash", "--timeout=15s")
    assert cluster.json("get", "pods")["items"] == []


def check_deletion(cluster):
    cluster.ok("create", "namespace", "gone")
    cluster.ok("create", "secret", "generic", "s", "--from-literal=k=v")
    assert cluster.json("get", "secret", "s")["data"] == {"k": "dg=="}
    cluster.ok("create", "configmap", "c", "-n", "gone", "--from-literal=a=b")
    cluster.ok("delete", "namespace", "gone", "--timeout=15s")
    cluster.refused("create", "configmap", "c", "-n", "gone", "--from-literal=a=b", says='namespaces "gone" not found')
    cluster.ok("delete", "crd", "widgets.test.example.dev", "--timeout=15s")
    cluster.refused("get", "wdg", says="the server")  # kubectl may remember the kind: either of two messages


def run(program, kubectl):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="operator-kubectl-"))
    server = Server(program, folder)
    try:
        server.start()
        cluster = Cluster(kubectl, folder, server.kubeconfig)
        print(cluster.ok("version", says="Server Version").splitlines()[0])
        check_definition(cluster)
        check_apply(cluster)
        check_server_side_apply(cluster)
        check_patch_and_status(cluster)
        check_watch(cluster)
        check_pods(cluster, server)
        shutil.rmtree(folder / ".kube", ignore_errors=True)  # kubectl's own memory of the kinds
        assert cluster.json("get", "wdg", "a")["spec"]["replicas"] == 5
        cluster.ok("auth", "can-i", "create", "pods", says="yes")
        check_deletion(cluster)
    finally:
        server.stop()
        server.log.close()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    kubectls = sys.argv[2:] or [shutil.which("kubectl")]
    if kubectls == [None]:
        print("skipped: no kubectl on this machine")
        return 77
    for kubectl in kubectls:
        run(sys.argv[1], kubectl)
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
