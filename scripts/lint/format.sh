#!/usr/bin/env bash
# clang-format decides layout:  format.sh [--fix]
set -uo pipefail
command -v clang-format >/dev/null || { echo "warning: clang-format is missing, layout was not checked"; exit 0; }
list() { git ls-files -z -co --exclude-standard '*.cpp' '*.hpp' '*.cu' '*.cuh'; }
if [ "${1:-}" = --fix ]; then
  list | xargs -0 -r clang-format -i
  exit
fi
list | xargs -0 -r -P 2 -n 1 bash -c 'clang-format --dry-run --Werror "$0" >/dev/null 2>&1 || echo "$0"' | sort |
  sed 's/$/: not as clang-format writes it; run: bash scripts\/lint\/format.sh --fix/' | { ! grep .; }
