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


def check_reads(cluster):
    """Ways to look at things that go through the server, and what it refuses of them."""
    for number in range(7):
        cluster.ok("create", "configmap", f"page-{number}", f"--from-literal=n={number}")
    cluster.ok("label", "configmap", "--all", "kind-of=page")
    names = cluster.ok("get", "cm", "-l", "kind-of=page", "-o", "name", "--chunk-size=2").split()
    assert len(names) == 8 and len(set(names)) == 8, names  # the seventh page and the one of the pods beside them
    first = json.loads(cluster.ok("get", "--raw", "/api/v1/namespaces/default/configmaps?limit=3"))
    assert len(first["items"]) == 3 and first["metadata"]["remainingItemCount"] >= 5
    cluster.ok("get", "cm", "--field-selector", "metadata.name=page-3", "--show-labels", says="kind-of=page")
    cluster.refused("get", "cm", "--field-selector", "data.n=3", says="field label not supported: data.n")
    order = cluster.ok("get", "cm", "-l", "kind-of=page,kind-of!=x", "--sort-by={.data.n}", "-o", "custom-columns=N:.data.n",
                       "--no-headers").split()
    assert order[-7:] == sorted(order[-7:]), order
    for path, says in (("/healthz", "ok"), ("/readyz", "ok"), ("/livez", "ok"), ("/version", "gitVersion"), ("/openapi/v3", "serverRelativeURL")):
        cluster.ok("get", "--raw", path, says=says)
    cluster.ok("api-versions", says="test.example.dev/v1alpha1")
    cluster.ok("cluster-info", says="is running at")
    cluster.ok("explain", "widgets", "--recursive", says="replicas")
    cluster.ok("auth", "can-i", "--list", says="*.*")
    who = cluster.run("auth", "whoami")  # kubectl 1.27 asks for a version of the API that servers no longer have
    assert "millrace-local" in who.stdout or "is not enabled" in who.stderr, who
    cluster.ok("describe", "namespace", "default", says="Active")
    cluster.ok("describe", "node", says="Ready")


def check_writes(cluster, folder):
    """Ways to change things."""
    def file(name, text):
        (folder / name).write_text(text)
        return str(folder / name)

    maps = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, labels: {set: p}}\ndata: {k: %s}\n"
    both = file("both.yaml", maps % ("p1", "a") + "---\n" + maps % ("p2", "a"))
    one = file("one.yaml", maps % ("p1", "b"))
    cluster.ok("apply", "-f", both, says="p2 created")
    assert cluster.run("diff", "-f", one).returncode == 1
    cluster.ok("apply", "-f", one, "--dry-run=server", says="p1 configured (server dry run)")
    assert cluster.json("get", "cm", "p1")["data"] == {"k": "a"}
    done = cluster.run("apply", "-f", one)
    assert done.returncode == 0 and "warning" not in done.stderr.lower(), done
    cluster.ok("apply", "-f", one, "--prune", "-l", "set=p", says="configmap/p2 pruned")
    cluster.ok("replace", "-f", one, says="replaced")
    cluster.ok("replace", "--force", "-f", one, says="replaced")
    editor = file("editor.sh", "#!/bin/sh\nsed -i 's/k: b/k: edited/' \"$1\"\n")
    os.chmod(editor, 0o755)
    cluster.environment["KUBE_EDITOR"] = editor
    cluster.ok("edit", "cm", "p1", says="edited")
    cluster.ok("annotate", "cm", "p1", "note=x")
    cluster.ok("label", "cm", "p1", "set-")
    found = cluster.json("get", "cm", "p1")
    assert found["data"] == {"k": "edited"} and found["metadata"]["annotations"]["note"] == "x", found
    assert "set" not in found["metadata"].get("labels", {})
    cluster.refused("label", "cm", "p1", "note=a", "--resource-version=1", says="the object has been modified")
    for kind, patch, says in (("merge", '{"data":{"m":"1"}}', "patched"), ("json", '[{"op":"remove","path":"/data/m"}]', "patched"),
                              ("strategic", '{"data":{"k":null,"s":"2"}}', "patched")):
        cluster.ok("patch", "cm", "p1", f"--type={kind}", "-p", patch, says=says)
    assert cluster.json("get", "cm", "p1")["data"] == {"s": "2"}
    cluster.refused("patch", "cm", "p1", "--type=json", "-p", '[{"op":"test","path":"/data/s","value":"9"}]', says="does not apply")
    cluster.ok("create", "role", "r", "--verb=get", "--resource=pods")
    cluster.ok("create", "rolebinding", "r", "--role=r", "--user=u")
    assert cluster.json("get", "role", "r")["rules"][0]["verbs"] == ["get"]
    cluster.refused("create", "deployment", "d", "--image=x", says="deployments.apps is not offered")
    cluster.ok("get", "deployments,jobs,pv")
    cluster.ok("wait", "--for=jsonpath={.data.s}=2", "cm/p1", "--timeout=5s")
    cluster.ok("delete", "cm", "p1", "--dry-run=server", says="deleted (server dry run)")
    cluster.ok("get", "cm", "p1")
    cluster.ok("delete", "cm", "p1", "--cascade=orphan", "--wait=false")
    cluster.ok("wait", "--for=delete", "cm/p1", "--timeout=5s")
    cluster.refused("delete", "cm", "p1", says="not found")
    cluster.ok("delete", "cm", "p1", "--ignore-not-found")


def check_logs(cluster):
    """Logs with their times; and what pods cannot do here."""
    cluster.ok("run", "writer", "--image=none", "--labels=role=writer", "--command", "--", "sh", "-c",
               "echo early; exec tail -f /dev/null")
    cluster.ok("wait", "--for=condition=Ready", "pod/writer", "--timeout=10s")
    until(lambda: cluster.ok("logs", "writer") == "early\n", "the first line")
    stamped = cluster.ok("logs", "writer", "--timestamps")
    assert stamped.endswith("Z early\n") and stamped.startswith("20"), stamped
    assert cluster.ok("logs", "writer", "--since=1h") == "early\n"
    until(lambda: cluster.ok("logs", "writer", "--since=1s") == "", "the line to be older than a second")
    assert cluster.ok("logs", "writer", "--since-time=2020-01-01T00:00:00Z", "--tail=1") == "early\n"
    cluster.ok("logs", "-l", "role=writer", "--prefix", says="[pod/writer/writer] early")
    cluster.refused("logs", "writer", "--previous", says='previous terminated container "writer" in pod "writer" not found')
    for words in (("exec", "writer", "--", "ls"), ("attach", "writer"), ("port-forward", "pod/writer", "1:1"),
                  ("debug", "writer", "--image=x"), ("cp", "/etc/hostname", "writer:/x")):
        cluster.refused(*words, says="is not offered by the embedded API server")
    cluster.ok("delete", "pod", "writer", "--now")


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
        check_reads(cluster)
        check_writes(cluster, folder)
        check_logs(cluster)
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
