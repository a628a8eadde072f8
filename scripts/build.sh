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
# The binaries alone need none of the packages that tests need.
tests=ON
[ "$*" != binaries ] || tests=OFF
if [ ! -f "build/$preset/build.ninja" ] || { [ "$tests" = ON ] && grep -q '^MILLRACE_TESTS:BOOL=OFF' "build/$preset/CMakeCache.txt"; }; then
  cmake --preset "$preset" "-DMILLRACE_TESTS=$tests" >"$log" 2>&1 || { tail -n 30 "$log" >&2; exit 1; }
fi
if [ -t 1 ]; then
  ninja -C "build/$preset" -j "$jobs" "$@"
else
  ninja -C "build/$preset" -j "$jobs" "$@" >"$log" 2>&1 || { grep -vE '^\[[0-9]+/[0-9]+\] ' "$log" | tail -n 60 >&2; exit 1; }
fi
echo "Built $* ($preset) in $((SECONDS - started)) s"
