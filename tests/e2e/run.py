#!/usr/bin/env python3
"""The operator on a real Kubernetes: builds the image, brings up the cluster of tests/e2e/cluster, installs the chart, applies
the quickstart and walks through the life of tests/support/cluster_life.py. Ends with "N passed, N failed" and takes the cluster
down again, however it ends. What a failed run left to look at lies in build/e2e.

Usage: run.py [--nodes N] [--keep]. Needs root and the binaries of `make build`; `make e2e` does all of it.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from cluster_life import ClusterLife, Names, is_ready, wait_until  # noqa: E402

CLUSTER = ROOT / "tests" / "e2e" / "cluster"
KEPT = ROOT / "build" / "e2e"
IMAGE = "millrace:e2e"
ARCHIVE = ROOT / "build" / "millrace-image.tar"
OPERATORS = "millrace"  # namespace and release of the operator
SHOP = "shop"           # namespace of the quickstart
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
USER = 10001
ACCOUNT = f"system:serviceaccount:{OPERATORS}:millrace"


def run(*words, check=True, text_in=None, seconds=120):
    done = subprocess.run([str(w) for w in words], input=text_in or "", text=True, capture_output=True, timeout=seconds)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done


def restricted_pod(name, command, has_input):
    """A pod of our image for one command, as the strictest of the Pod Security Standards wants it."""
    container = {"name": "tool", "image": IMAGE, "command": command, "stdin": has_input, "stdinOnce": has_input,
                 "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                     "capabilities": {"drop": ["ALL"]}}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "tool"}},
            "spec": {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [container],
                     "securityContext": {"runAsNonRoot": True, "runAsUser": USER,
                                         "seccompProfile": {"type": "RuntimeDefault"}}}}


class Shop(ClusterLife):
    """The quickstart in its namespace."""

    def __init__(self, kubectl_path):
        super().__init__(Names("zoo", "demo", "brokers", "demo"), self.run_kubectl, self.run_in_pod, self.kill_process)
        self.kubectl_path = kubectl_path
        self.tools_run = 0

    def run_kubectl(self, *words, check=True, text_in=None):
        return run(self.kubectl_path, "--namespace", SHOP, *words, check=check, text_in=text_in)

    def run_in_pod(self, name, *words, text_in=None):
        """A pod of its own for each command. One with input waits until somebody is attached, so none of it is lost."""
        self.tools_run += 1
        pod = f"tool-{self.tools_run}"
        self.kubectl("apply", "-f", "-", text_in=json.dumps(restricted_pod(pod, [name, *words], text_in is not None)))
        if text_in is not None:
            wait_until(f"{pod} runs", lambda: self.get("pod", pod)["status"]["phase"] != "Pending")
            self.kubectl("attach", "-i", "-q", pod, text_in=text_in)
        phase = wait_until(f"{pod} ends", lambda: {"Succeeded": "ok", "Failed": "failed"}.get(
            self.get("pod", pod)["status"]["phase"]))
        printed = self.kubectl("logs", pod).stdout
        self.kubectl("delete", "pod", pod)
        assert phase == "ok", f"{name} {' '.join(words)}: {printed[-1000:]}"
        return printed

    def process_of(self, pod):
        """The pid on this machine of a pod's process: nodes are namespaces of the same kernel. Pods of an operator in local
        mode have such names too, and are told apart by not being in a namespace."""
        here = os.readlink("/proc/self/ns/pid")
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                variables = (entry / "environ").read_bytes().split(b"\0")
                is_contained = os.readlink(entry / "ns" / "pid") != here
            except OSError:
                continue
            if is_contained and f"POD_NAME={pod}".encode() in variables:
                return int(entry.name)
        raise AssertionError(f"no process on this machine belongs to {pod}")

    def kill_process(self, pod):
        os.kill(self.process_of(pod), signal.SIGKILL)


class Run:
    """The steps of one run, in their order."""

    def __init__(self, nodes):
        self.nodes = nodes
        os.environ["CLUSTER_NODES"] = str(nodes)
        settings = run("bash", "-c", f'. {CLUSTER}/lib.sh; echo "$CLUSTER_DIR $BIN"').stdout.split()
        self.directory, binaries = map(pathlib.Path, settings)
        os.environ["KUBECONFIG"] = str(self.directory / "kubeconfig")
        self.kubectl_path = binaries / "kubectl"
        self.shop = Shop(self.kubectl_path)

    def steps(self):
        shop = self.shop
        return [("Kubernetes is built", self.build), ("image", self.build_image), ("cluster is up", self.bring_up),
                ("image is loaded", lambda: run(CLUSTER / "load_image.sh", ARCHIVE)), ("helm install", self.install),
                ("kubectl apply, Ready", self.apply), ("get and describe", shop.show), ("produce and consume", shop.use),
                ("pods are confined", self.check_confined), ("rights are few", self.check_rights),
                ("invalid is refused", shop.refuse_invalid), ("helm test", self.helm_test),
                ("port-forward", self.forward), ("broker killed", shop.lose_a_broker), ("pod taken away", shop.lose_a_pod),
                ("coordinator killed", self.lose_the_coordinator), ("eviction", self.evict),
                ("setting changed, roll", shop.roll), ("kubectl scale", shop.grow),
                ("operator replaced", self.replace_operator), ("one namespace only", self.narrow),
                ("kubectl delete", lambda: shop.delete_all(claims_stay=True)), ("helm uninstall", self.uninstall)]

    def kubectl(self, *words, **options):
        return run(self.kubectl_path, *words, **options)

    # --- setting up ---

    def build(self):
        run(CLUSTER / "build.sh", seconds=3600)
        self.helm = run(ROOT / "tests" / "support" / "kubernetes_tools.sh").stdout.strip() + "/helm"

    def build_image(self):
        run(ROOT / "scripts" / "image.sh", IMAGE, seconds=300)

    def bring_up(self):
        run(CLUSTER / "down.sh", "--wipe")
        # Its processes stay: they may not hold the pipes that are waited for.
        with open(KEPT / "up.log", "w", encoding="utf-8") as log:
            subprocess.run([CLUSTER / "up.sh"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True, timeout=400)

    def install(self):
        self.kubectl("create", "namespace", OPERATORS)
        self.kubectl("label", "namespace", OPERATORS, RESTRICTED)
        repository, tag = IMAGE.split(":")
        run(self.helm, "install", "millrace", ROOT / "charts" / "millrace", "--namespace", OPERATORS, "--wait", "--timeout",
            "90s", "--set", f"image.repository={repository},image.tag={tag}")

    def apply(self):
        self.kubectl("create", "namespace", SHOP)
        self.kubectl("label", "namespace", SHOP, RESTRICTED)
        self.shop.kubectl("apply", "-f", ROOT / "examples" / "quickstart.yaml")
        self.shop.wait_ready()

    # --- what only a real cluster shows ---

    def check_confined(self):
        """What the kernel knows of the processes, not what the pods ask for."""
        pods = [*self.shop.brokers(), "zoo-coordinator-1"]
        for pod in pods:
            lines = pathlib.Path(f"/proc/{self.shop.process_of(pod)}/status").read_text(encoding="utf-8").splitlines()
            status = {line.split(":")[0]: line.split(":")[1].split() for line in lines}
            seen = (set(status["Uid"]), set(status["CapEff"] + status["CapPrm"]), status["NoNewPrivs"], status["Seccomp"])
            assert seen == ({str(USER)}, {"0" * 16}, ["1"], ["2"]), f"{pod}: {seen}"
            mounts = pathlib.Path(f"/proc/{self.shop.process_of(pod)}/mounts").read_text(encoding="utf-8").splitlines()
            root = next(m.split() for m in mounts if m.split()[1] == "/")
            assert "ro" in root[3].split(","), f"{pod}: the root file system can be written: {root}"
        hosts = [p["spec"]["nodeName"] for p in self.shop.brokers().values()]
        assert len(set(hosts)) == min(len(hosts), self.nodes), f"the brokers share machines: {hosts}"

    def may(self, verb, *kind, space=SHOP):
        words = ("auth", "can-i", verb, *kind, "--as", ACCOUNT, "--namespace", space)
        return self.kubectl(*words, check=False).stdout.strip() == "yes"

    def check_rights(self):
        """It may do what it does, and not what would let it, or who takes it over, do more."""
        for verb, kind in (("create", "pods"), ("delete", "pods"), ("create", "persistentvolumeclaims")):
            assert self.may(verb, kind), f"the operator may not {verb} {kind}"
        for verb, *kind in (("get", "secrets"), ("delete", "persistentvolumeclaims"), ("create", "pods", "--subresource=exec"),
                            ("get", "nodes"), ("delete", "kafkaclusters.millrace.dev"), ("create", "clusterrolebindings"),
                            ("delete", "namespaces"), ("update", "customresourcedefinitions.apiextensions.k8s.io"), ("*", "*")):
            assert not self.may(verb, *kind), f"the operator may {verb} {kind}"

    def helm_test(self):
        run(self.helm, "test", "millrace", "--namespace", OPERATORS, "--timeout", "60s")

    def forward(self):
        """kubectl port-forward comes to a pod's loopback; whoever looks at a broker from a desk uses it."""
        for pod, port in ((self.shop.broker(0), 9404), ("zoo-coordinator-1", 8080)):
            words = [self.kubectl_path, "--namespace", SHOP, "port-forward", f"pod/{pod}", f":{port}"]
            with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as forwarding:
                try:
                    local = re.search(r":(\d+) ->", forwarding.stdout.readline()).group(1)
                    with urllib.request.urlopen(f"http://127.0.0.1:{local}/version", timeout=20) as answer:
                        assert answer.status == 200
                finally:
                    forwarding.terminate()

    def lose_the_coordinator(self):
        """Brokers keep their ids and their records while the coordinator is away and comes back at another address."""
        pod = "zoo-coordinator-1"
        before = {name: p["metadata"]["uid"] for name, p in self.shop.brokers().items()}
        old = self.shop.get("pod", pod)["metadata"]["uid"]
        self.shop.kubectl("delete", "pod", pod, "--grace-period=0", "--force")
        wait_until("there is another coordinator", lambda: (self.shop.get("pod", pod) or {"metadata": {"uid": old}})
                   ["metadata"]["uid"] != old)
        self.shop.wait_ready()
        self.shop.use()
        assert before == {name: p["metadata"]["uid"] for name, p in self.shop.brokers().items()}, "brokers were replaced"

    def evict(self):
        """What `kubectl drain` does: one broker may go, a second one not before the first is back."""
        def evict(pod):
            eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": SHOP}}
            return self.kubectl("create", "--raw", f"/api/v1/namespaces/{SHOP}/pods/{pod}/eviction", "-f", "-",
                                text_in=json.dumps(eviction), check=False)

        wait_until("every budget allows an eviction", lambda: all(
            b["status"].get("disruptionsAllowed") == 1 for b in self.shop.items("poddisruptionbudgets")))
        first, second = self.shop.broker(0), self.shop.broker(1)
        before = self.shop.get("pod", first)["metadata"]["uid"]
        done = evict(first)
        assert done.returncode == 0, done.stderr
        done = evict(second)
        assert done.returncode != 0 and "disruption budget" in done.stderr, f"{done.stdout}{done.stderr}"
        wait_until("the evicted broker is back", lambda: is_ready(self.shop.get("pod", first) or {}) and
                   self.shop.get("pod", first)["metadata"]["uid"] != before)
        self.shop.wait_ready()
        self.shop.read_back()

    def operator_pods(self):
        listed = self.kubectl("--namespace", OPERATORS, "get", "pods", "-l", "app.kubernetes.io/name=millrace-operator",
                              "-o", "json").stdout
        return [p for p in json.loads(listed)["items"] if "deletionTimestamp" not in p["metadata"]]

    def replace_operator(self):
        """The next operator takes the Lease over, restarts nothing, and acts."""
        before = {name: p["metadata"]["uid"] for name, p in self.shop.brokers().items()}
        old = self.operator_pods()[0]["metadata"]["name"]
        self.check_log()
        self.kubectl("--namespace", OPERATORS, "delete", "pod", old)
        wait_until("the next operator is ready", lambda: any(
            is_ready(p) and p["metadata"]["name"] != old for p in self.operator_pods()))
        self.widen_topic(8)
        assert before == {name: p["metadata"]["uid"] for name, p in self.shop.brokers().items()}, "brokers were replaced"

    def widen_topic(self, partitions):
        self.shop.patch("ktp", "demo", {"spec": {"partitions": partitions}})
        self.shop.wait_ready()
        told = self.shop.tool("kafka-topics.sh", "--bootstrap-server", self.shop.bootstrap(), "--describe", "--topic", "demo")
        assert told.count("Leader:") == partitions, told

    def narrow(self):
        """With watchNamespace a Role in that namespace is enough, and all there is."""
        self.check_log()
        run(self.helm, "upgrade", "millrace", ROOT / "charts" / "millrace", "--namespace", OPERATORS, "--reuse-values", "--wait",
            "--timeout", "90s", "--set", f"watchNamespace={SHOP}")
        assert self.may("create", "pods") and not self.may("create", "pods", space="default")
        self.widen_topic(9)
        self.check_log()

    def check_log(self):
        """The operator was never denied what it asked for."""
        for pod in self.operator_pods():
            log = self.kubectl("--namespace", OPERATORS, "logs", pod["metadata"]["name"]).stdout
            denied = [line for line in log.splitlines() if "forbidden" in line.lower()]
            assert not denied, denied[:5]

    def uninstall(self):
        run(self.helm, "uninstall", "millrace", "--namespace", OPERATORS, "--wait", "--timeout", "60s")
        listed = self.kubectl("get", "clusterroles,clusterrolebindings,deployments,roles,leases", "--all-namespaces",
                              "--selector", "app.kubernetes.io/part-of=millrace", "-o", "name").stdout
        assert not listed, f"left behind: {listed}"
        kinds = self.kubectl("get", "crds", "-o", "name").stdout
        assert kinds.count("millrace.dev") == 5, f"the definitions went with the release: {kinds}"

    # --- the end ---

    def keep_logs(self):
        """Whatever helps to understand a failure; each part on its own, for the cluster may be in any state."""
        kinds = "pods,services,configmaps,pvc,pdb,deployments,leases,events,cens,kcl,bpl,cnode,ktp"
        for name, words in (("objects.yaml", ("get", kinds, "-A", "-o", "yaml")), ("pods.txt", ("describe", "pods", "-A")),
                            ("nodes.txt", ("describe", "nodes")), ("events.txt", ("get", "events", "-A"))):
            self.save(name, *words)
        found = self.kubectl("get", "pods", "-A", "--no-headers", check=False).stdout.splitlines()
        for space, pod in (line.split()[:2] for line in found):
            self.save(f"{space}_{pod}.log", "--namespace", space, "logs", pod)
            self.save(f"{space}_{pod}.previous.log", "--namespace", space, "logs", pod, "--previous")
        for log in [*self.directory.glob("log/*.log"), *self.directory.glob("node*/log/*.log")]:
            name = "_".join(part for part in log.relative_to(self.directory).parts if part != "log")
            shutil.copy(log, KEPT / name)

    def save(self, name, *words):
        try:
            done = self.kubectl(*words, check=False, seconds=30)
        except subprocess.TimeoutExpired:
            return
        if done.stdout:
            (KEPT / name).write_text(done.stdout, encoding="utf-8")


def walk(steps):
    """Prints a line for each step; the first that fails ends the walk. (passed, failed)"""
    for number, (name, step) in enumerate(steps):
        began = time.monotonic()
        try:
            step()
        except Exception as error:  # a step fails by whatever it raises
            (KEPT / "failure.txt").write_text(traceback.format_exc(), encoding="utf-8")
            print(f"FAIL  {name:<24}{time.monotonic() - began:6.1f} s\n{error}", flush=True)
            rest = [name for name, _ in steps[number + 1:]]
            if rest:
                print(f"not run: {', '.join(rest)}")
            return number, 1
        print(f"ok    {name:<24}{time.monotonic() - began:6.1f} s", flush=True)
    return len(steps), 0


def main():
    parser = argparse.ArgumentParser(description="The operator on a real Kubernetes.")
    parser.add_argument("--nodes", type=int, default=3, choices=range(1, 10), help="machines of the cluster (3)")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("run.py: the nodes of the cluster are namespaces with networks of their own: root is needed")
    shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir(parents=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    whole = Run(options.nodes)
    passed, failed = 0, 1
    try:
        passed, failed = walk(whole.steps())
        if failed:
            whole.keep_logs()
    finally:
        if options.keep:
            print(f"The cluster stays up: export KUBECONFIG={whole.directory}/kubeconfig; {CLUSTER}/down.sh --wipe ends it")
        else:
            run(CLUSTER / "down.sh", "--wipe", check=False)
    print(f"{passed} passed, {failed} failed" + (f"; see {KEPT}" if failed else ""))
    return failed


if __name__ == "__main__":
    sys.exit(main())
