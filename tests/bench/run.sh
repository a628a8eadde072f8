#!/usr/bin/env bash
# Our servers beside the Java ones, in pairs. Usage: run.sh BIN_DIRECTORY [--pairs N] [--quick] [--only TITLE]
set -euo pipefail
cd "$(dirname "$0")"
zookeeper=$(../support/java_artifacts.sh zookeeper)
kafka=$(../support/java_artifacts.sh kafka)
bin=$(cd "../../$1" && pwd)
shift
exec python3 run.py --bin "$bin" --zookeeper "$zookeeper" --kafka "$kafka" "$@"
