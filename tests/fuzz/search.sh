#!/usr/bin/env bash
# Looks for inputs that break a decoder, two targets at a time, and says what became of each; inputs that crash, hang or take too
# much memory lie in build/fuzz/found. Usage: tests/fuzz/search.sh SECONDS [TARGET …], without targets all of them.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=$1
shift
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    mapfile -t targets < <(sed -n 's/^millrace_fuzz_target(\([a-z_]*\) .*/\1/p' tests/fuzz/CMakeLists.txt)
fi
scripts/build.sh fuzz "$(nproc)" "${targets[@]/%/_fuzz}"
mkdir -p build/fuzz/found

search() {
    local found=build/fuzz/found/$2
    mkdir -p "$found/inputs"
    if build/fuzz/fuzz/"$2"_fuzz -max_total_time="$1" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$found/" \
        "$found/inputs" tests/fuzz/corpus/"$2" >"$found/log" 2>&1; then
        echo "$2: nothing found in $1 s, $(sed -n 's/^stat::number_of_executed_units: //p;s/^Done \([0-9]*\) runs.*/\1/p' "$found/log") inputs"
    else
        echo "$2: FAILED, see $found"
        return 1
    fi
}
export -f search
printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -c 'search "$@"' _ "$seconds" {}
