#!/usr/bin/env bash
# Configures (when needed) and builds. Usage: scripts/build.sh PRESET JOBS TARGET…
# The compiler cache lives in ${CCACHE_DIR:-~/.cache/ccache} and also serves other clones.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1 jobs=$2
shift 2

started=$SECONDS
log=build/$preset/build.log
mkdir -p "build/$preset"
[ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" >"$log" 2>&1 || { tail -n 30 "$log" >&2; exit 1; }
if [ -t 1 ]; then
  ninja -C "build/$preset" -j "$jobs" "$@"
else
  ninja -C "build/$preset" -j "$jobs" "$@" >"$log" 2>&1 || { grep -vE '^\[[0-9]+/[0-9]+\] ' "$log" | tail -n 60 >&2; exit 1; }
fi
echo "Built $* ($preset) in $((SECONDS - started)) s"
