#!/usr/bin/env bash
# Format, house rules, and clang-tidy on the files changed since BASE (all: the whole tree). Usage: scripts/lint.sh [BASE|all]
set -euo pipefail
cd "$(dirname "$0")/.."
base=${1:-origin/main}

git ls-files -z '*.cc' '*.h' | xargs -0 -r clang-format-19 --dry-run -Werror
python3 tests/tidy/tidy.py
if [ "$base" = all ]; then
  files=$(git ls-files '*.cc')
else
  git rev-parse -q --verify "$base" >/dev/null || base=HEAD~1
  files=$(git diff --name-only --diff-filter=d "$base" -- '*.cc')
fi
[ -z "$files" ] || echo "$files" | xargs -P 2 -n 4 clang-tidy-19 -p build/release --quiet --warnings-as-errors='*' 
echo "lint: clean"
