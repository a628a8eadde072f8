#!/usr/bin/env python3
"""Checks the chart: helm lint, templates for several values, refused values, and that the files of the repository are what
scripts/render_manifests.sh writes now.

Usage: chart.py OPERATOR.
"""
import filecmp
import itertools
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "millrace"
WRITTEN = ("charts/millrace/files/crds.yaml", "manifests/millrace.yaml")


def run(*command, check=True):
    done = subprocess.run(command, text=True, capture_output=True, timeout=240)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}")
    return done


def template(helm, *values):
    settings = [part for value in values for part in ("--set", value)]
    return run(helm, "template", "demo", CHART, "--namespace", "ops", *settings, check=False)


def check_values(helm):
    one = template(helm, "watchNamespace=kafka").stdout
    assert "--namespace=kafka" in one and "kind: Role\n" in one, "one namespace needs a Role and the argument"
    bare = template(helm, "crds.install=false").stdout
    assert "CustomResourceDefinition\n" not in bare, "crds.install=false installs definitions"
    for refused in ("replicas=many", "replicas=-1", "replicas=6", "image.repository=", "image.repository=a b", "image.tag=a b",
                    "image.pullPolicy=Sometimes", "image.digest=x", "watchNamespace=Not_A_Name", "crds.keep=true",
                    "imagePullSecrets[0].secret=x", "serviceAccount.name=A", "serviceAccount.annotations.a=1",
                    "resources.memory=1Gi", "resources.limits.memory=much", "tolerations=x", "affinity.disk=ssd",
                    "nodeSelector.a=1", "nosuchvalue=1"):
        done = template(helm, refused)
        assert done.returncode != 0, f"{refused} is taken"
    done = template(helm, "serviceAccount.create=false")
    assert "serviceAccount.name is needed" in done.stderr, done.stderr
    rendered = template(helm).stdout
    for wanted in ("runAsUser: 10001", "readOnlyRootFilesystem: true", "path: /readyz", "helm.sh/resource-policy: keep"):
        assert wanted in rendered, f"{wanted} is missing"
    assert 'resources: ["*"]' not in rendered and 'verbs: ["*"]' not in rendered


def documents(text):
    return [part for part in text.split("\n---\n") if "\nkind: " in "\n" + part]


def field(document, name):
    """The first line of the form "name: value", at any depth."""
    return next((line.split(":", 1)[1].strip() for line in document.splitlines() if line.strip().startswith(name + ":")), "")


def check_combinations(helm):
    """Every combination of switches renders; what is looked after and what may be touched is one namespace or all of them."""
    for space, install, account, extra in itertools.product(("", "kafka"), ("true", "false"), ("true", "false"), (False, True)):
        values = [f"watchNamespace={space}", f"crds.install={install}", f"serviceAccount.create={account}", "serviceAccount.name=op"]
        if extra:
            values += ["imagePullSecrets[0].name=pull", "podLabels.team=x", "podAnnotations.note=y", "nodeSelector.disk=ssd",
                       "tolerations[0].operator=Exists", "image.tag=1.2.3", "replicas=2", "resources.limits.cpu=1",
                       "affinity.podAntiAffinity.x=y"]
        done = template(helm, *values)
        assert done.returncode == 0, done.stderr
        rendered = documents(done.stdout)
        kinds = [field(document, "kind") for document in rendered]
        assert kinds.count("CustomResourceDefinition") == (5 if install == "true" else 0)
        assert kinds.count("ServiceAccount") == (1 if account == "true" else 0) and kinds.count("Deployment") == 1
        scoped = [d for d in rendered if "resources: [pods]" in d]
        assert len(scoped) == 1 and field(scoped[0], "kind") == ("Role" if space else "ClusterRole")
        assert not space or field(scoped[0], "namespace") == space
        deployment = rendered[kinds.index("Deployment")]
        assert ("--namespace=kafka" in deployment) == bool(space) and "serviceAccountName: op" in deployment
        assert not extra or all(text in deployment for text in ("name: pull", "team: x", "note: \"y\"", "disk: ssd", ":1.2.3",
                                                                "operator: Exists", "replicas: 2", "cpu: 1"))


def main(operator):
    helm = run(ROOT / "tests" / "support" / "kubernetes_tools.sh").stdout.strip() + "/helm"
    run(helm, "lint", "--strict", CHART)
    check_values(helm)
    check_combinations(helm)
    with tempfile.TemporaryDirectory(prefix="chart-") as folder:
        run(ROOT / "scripts" / "render_manifests.sh", operator, folder)
        for path in WRITTEN:
            same = filecmp.cmp(ROOT / path, pathlib.Path(folder) / path, shallow=False)
            assert same, f"{path} is out of date: run scripts/render_manifests.sh {operator}"
    print("chart: lint, values and manifests agree")


if __name__ == "__main__":
    main(sys.argv[1])
