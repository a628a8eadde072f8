#!/usr/bin/env python3
"""Checks the chart: helm lint, templates for several values, refused values, and that the files of the repository are what
scripts/render_manifests.sh writes now.

Usage: chart.py OPERATOR.
"""
import filecmp
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
    for refused in ("replicas=many", "image.repository=", "nosuchvalue=1"):
        done = template(helm, refused)
        assert done.returncode != 0, f"{refused} is taken"
    rendered = template(helm).stdout
    for wanted in ("runAsUser: 10001", "readOnlyRootFilesystem: true", "path: /readyz", "helm.sh/resource-policy: keep"):
        assert wanted in rendered, f"{wanted} is missing"
    assert 'resources: ["*"]' not in rendered and 'verbs: ["*"]' not in rendered


def main(operator):
    helm = run(ROOT / "tests" / "support" / "kubernetes_tools.sh").stdout.strip() + "/helm"
    run(helm, "lint", "--strict", CHART)
    check_values(helm)
    with tempfile.TemporaryDirectory(prefix="chart-") as folder:
        run(ROOT / "scripts" / "render_manifests.sh", operator, folder)
        for path in WRITTEN:
            same = filecmp.cmp(ROOT / path, pathlib.Path(folder) / path, shallow=False)
            assert same, f"{path} is out of date: run scripts/render_manifests.sh {operator}"
    print("chart: lint, values and manifests agree")


if __name__ == "__main__":
    main(sys.argv[1])
