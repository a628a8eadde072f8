#!/usr/bin/env bash
# Runs every test and prints one line each; output only of what failed. Usage: scripts/test.sh PRESET [ctest options]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
shift
tests/support/java_artifacts.sh zookeeper >/dev/null
tests/support/java_artifacts.sh kafka >/dev/null
PATH=$(tests/support/kubernetes_tools.sh):$PATH
export PATH
ctest --test-dir "build/$preset" --output-on-failure --parallel 2 --timeout 600 "$@"
