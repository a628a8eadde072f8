#!/usr/bin/env bash
# render_manifests.sh OPERATOR [OUTPUT]: writes charts/millrace/files/crds.yaml and manifests/millrace.yaml below OUTPUT (default:
# the repository). OPERATOR is the binary that prints the definitions.
set -euo pipefail

operator=$(realpath "${1:?usage: render_manifests.sh OPERATOR [OUTPUT]}")
root=$(cd "$(dirname "$0")/.." && pwd)
output=${2:-$root}
helm=$("$root/tests/support/kubernetes_tools.sh")/helm

mkdir -p "$output/charts/millrace/files" "$output/manifests"
# Removing a release must not remove the definitions, and with them every cluster.
"$operator" --print-crds | sed 's|^metadata:$|metadata:\n  annotations:\n    helm.sh/resource-policy: keep|' \
  >"$output/charts/millrace/files/crds.yaml"

chart=$root/charts/millrace
if [ "$output" != "$root" ]; then
  chart=$output/chart
  cp -r "$root/charts/millrace" "$chart"
  cp "$output/charts/millrace/files/crds.yaml" "$chart/files/crds.yaml"
fi
{
  echo "# The chart with its default values, for kubectl apply --server-side -f. Written by scripts/render_manifests.sh."
  printf '%s\n' '---' 'apiVersion: v1' 'kind: Namespace' 'metadata:' '  name: millrace'
  "$helm" template millrace "$chart" --namespace millrace --skip-tests | grep -v '^# Source: '
} >"$output/manifests/millrace.yaml"
