#!/usr/bin/env python3
"""Other clients than kubectl against the embedded API server: Python's kubernetes package and Helm.

Usage: operator_clients.py SERVER. The package comes from the Python registry, Helm as tests/support/kubernetes_tools.sh gets it; what cannot be
had is skipped, and with neither the test is (77).
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from operator_kubectl import DEFINITION, Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = "kubernetes==31.0.0"

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: small\nversion: 0.1.0\n",
    "values.yaml": "color: red\nextra: false\n",
    "crds/widgets.yaml": DEFINITION,
    "templates/all.yaml": """
apiVersion: test.example.dev/v1alpha1
kind: Widget
metadata: {name: {{ .Release.Name }}}
spec: {size: 1Gi, color: {{ .Values.color }}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-map}
data: {color: {{ .Values.color }}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: {{ .Release.Name }}}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
{{- if .Values.extra }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec: {}
{{- end }}
""",
}


def python_with_package():
    """A virtual environment with the package, kept for the next run; None when it cannot be had."""
    cache = pathlib.Path(os.environ.get("MILLRACE_CACHE", pathlib.Path.home() / ".cache/millrace")) / PACKAGE
    python = cache / "bin" / "python3"
    if not (cache / "complete").exists():
        shutil.rmtree(cache, ignore_errors=True)
        for command in ([sys.executable, "-m", "venv", cache], [cache / "bin/pip", "install", "--quiet", PACKAGE]):
            done = subprocess.run(command, capture_output=True, text=True, timeout=150)
            if done.returncode != 0:
                print(f"skipped: {PACKAGE} cannot be had: {done.stderr.strip()[-300:]}")
                return None
        (cache / "complete").touch()
    return python


USE_PACKAGE = '''
import sys
import kubernetes
from kubernetes import client, config, watch

config.load_kube_config(sys.argv[1])
core, custom = client.CoreV1Api(), client.CustomObjectsApi()
WIDGETS = dict(group="test.example.dev", version="v1alpha1", namespace="default", plural="widgets")

def widget(name, **spec):
    return {"apiVersion": "test.example.dev/v1alpha1", "kind": "Widget", "metadata": {"name": name},
            "spec": {"size": "1Gi", **spec}}

def refused(status, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except client.ApiException as error:
        assert error.status == status, error
        return error.body
    raise AssertionError(f"{call.__name__} was not refused")

for name in "abc":
    made = custom.create_namespaced_custom_object(body=widget(name, color="red"), **WIDGETS)
assert made["spec"]["replicas"] == 3 and made["metadata"]["generation"] == 1
refused(409, custom.create_namespaced_custom_object, body=widget("a"), **WIDGETS)
assert "Unsupported value" in refused(422, custom.create_namespaced_custom_object, body=widget("d", color="blue"), **WIDGETS)
refused(404, custom.get_namespaced_custom_object, name="nothing", **WIDGETS)

first = custom.list_namespaced_custom_object(limit=2, **WIDGETS)
rest = custom.list_namespaced_custom_object(limit=2, _continue=first["metadata"]["continue"], **WIDGETS)
assert [w["metadata"]["name"] for w in first["items"] + rest["items"]] == ["a", "b", "c"]

# A watch from a list tells every change after it, in order, and ends by itself.
version = custom.list_namespaced_custom_object(**WIDGETS)["metadata"]["resourceVersion"]
custom.patch_namespaced_custom_object(name="a", body={"spec": {"color": "green"}}, **WIDGETS)
custom.patch_namespaced_custom_object_status(name="a", body={"status": {"replicas": 2}}, **WIDGETS)
custom.patch_namespaced_custom_object_scale(name="b", body={"spec": {"replicas": 5}}, **WIDGETS)
custom.delete_namespaced_custom_object(name="c", **WIDGETS)
stream = watch.Watch().stream(custom.list_namespaced_custom_object, resource_version=version, timeout_seconds=2, **WIDGETS)
told = [(e["type"], e["object"]["metadata"]["name"]) for e in stream]
assert told == [("MODIFIED", "a"), ("MODIFIED", "a"), ("MODIFIED", "b"), ("DELETED", "c")], told
a = custom.get_namespaced_custom_object(name="a", **WIDGETS)
assert a["spec"]["color"] == "green" and a["status"]["replicas"] == 2 and a["metadata"]["generation"] == 2, a
stale = dict(a, spec=dict(a["spec"], color="red"))
custom.replace_namespaced_custom_object(name="a", body=stale, **WIDGETS)
refused(409, custom.replace_namespaced_custom_object, name="a", body=stale, **WIDGETS)
assert custom.get_namespaced_custom_object_scale(name="b", **WIDGETS)["spec"]["replicas"] == 5

core.create_namespaced_config_map("default", client.V1ConfigMap(metadata=client.V1ObjectMeta(name="m"), data={"k": "v"}))
core.patch_namespaced_config_map("m", "default", {"data": {"k": None, "l": "w"}})
assert core.read_namespaced_config_map("m", "default").data == {"l": "w"}
core.create_namespaced_secret("default", client.V1Secret(metadata=client.V1ObjectMeta(name="s"), string_data={"k": "v"}))
assert core.read_namespaced_secret("s", "default").data == {"k": "dg=="}
assert [m.metadata.name for m in core.list_namespaced_config_map("default", field_selector="metadata.name=m").items] == ["m"]
refused(400, core.list_namespaced_config_map, "default", field_selector="data.l=w")
core.delete_namespaced_config_map("m", "default", body=client.V1DeleteOptions(propagation_policy="Foreground"))
refused(404, core.read_namespaced_config_map, "m", "default")
custom.delete_collection_namespaced_custom_object(**WIDGETS)
assert custom.list_namespaced_custom_object(**WIDGETS)["items"] == []

pod = client.V1Pod(metadata=client.V1ObjectMeta(name="p"), spec=client.V1PodSpec(restart_policy="Never", containers=[
    client.V1Container(name="c", image="none", command=["sh", "-c", "echo one; echo two"])]))
core.create_namespaced_pod("default", pod)
for event in watch.Watch().stream(core.list_namespaced_pod, "default", timeout_seconds=20):
    if event["object"].status.phase == "Succeeded":
        break
else:
    raise AssertionError("the pod did not end")
assert core.read_namespaced_pod_log("p", "default", tail_lines=1) == "two\\n"
stamped = core.read_namespaced_pod_log("p", "default", timestamps=True).splitlines()
assert [line.split(" ", 1)[1] for line in stamped] == ["one", "two"] and stamped[0][:2] == "20", stamped
refused(405, core.connect_post_namespaced_pod_exec, "p", "default", command="ls")
core.delete_namespaced_pod("p", "default")
assert client.AuthenticationV1Api().create_self_subject_review({}).status.user_info.username == "millrace-local"
assert kubernetes.client.VersionApi().get_code().major == "1"
print("python: ok")
'''


def use_helm(helm, folder, kubeconfig):
    chart = folder / "chart"
    for name, text in CHART.items():
        (chart / name).parent.mkdir(parents=True, exist_ok=True)
        (chart / name).write_text(text)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "KUBECONFIG": str(kubeconfig)}

    def run(*words, refused=""):
        done = subprocess.run([helm, *map(str, words)], capture_output=True, text=True, timeout=60, env=environment)
        wrong = done.returncode == 0 or refused not in done.stderr if refused else done.returncode != 0
        if wrong:
            raise AssertionError(f"helm {' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
        return done.stdout

    run("install", "one", chart, "--wait", "--timeout=20s")
    assert "deployed" in run("list")
    run("upgrade", "one", chart, "--set=color=green", "--wait", "--timeout=20s")
    assert "color: green" in run("get", "manifest", "one")
    run("upgrade", "one", chart, "--set=extra=true",
        refused="deployments.apps is not offered by the embedded API server")
    run("rollback", "one", "2", "--timeout=20s")
    assert "REVISION" in run("history", "one")
    run("uninstall", "one", "--wait", "--timeout=20s")
    assert "one" not in run("list")
    # The project's own chart asks for a Deployment, and is told that there are none.
    run("install", "millrace", ROOT / "charts/millrace",
        refused="deployments.apps is not offered by the embedded API server")
    print("helm: ok")


def main(program):
    python = python_with_package()
    found = subprocess.run([ROOT / "tests/support/kubernetes_tools.sh"], capture_output=True, text=True, timeout=150)
    helm = found.stdout.strip() + "/helm" if found.returncode == 0 else None
    if helm is None:
        print(f"skipped: {found.stderr.strip()}")
    if not python and not helm:
        return 77
    folder = pathlib.Path(tempfile.mkdtemp(prefix="operator-clients-"))
    server = Server(program, folder)
    try:
        server.start()
        if helm:
            use_helm(helm, folder, server.kubeconfig)
        if python:
            if not helm:
                subprocess.run(["kubectl", "--kubeconfig", server.kubeconfig, "apply", "-f", "-"], input=DEFINITION, text=True, check=True)
            subprocess.run([python, "-c", USE_PACKAGE, server.kubeconfig], check=True, timeout=90)
    finally:
        server.stop()
        server.log.close()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
