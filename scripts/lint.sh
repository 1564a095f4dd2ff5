#!/usr/bin/env bash
# Runs every check of scripts/lint/, or those that are named:  scripts/lint.sh [CHECK...]
# A check prints what is wrong, one line each, and exits with 1; warnings begin with "warning:" and do not fail.
set -uo pipefail
cd "$(dirname "$0")/.."
git rev-parse --git-dir >/dev/null || { echo "lint: error: the checks read the list of files from git" >&2; exit 1; }

checks=("$@")
[ "$#" -gt 0 ] || checks=(abi_lock class_names file_length includes format headers golden_size machine_paths scripts todo)
failed=()
for check in "${checks[@]}"; do
  echo "lint: $check"
  if [ -f "scripts/lint/$check.py" ]; then
    python3 "scripts/lint/$check.py"
  else
    bash "scripts/lint/$check.sh"
  fi || failed+=("$check")
done
[ "${#failed[@]}" -eq 0 ] || { echo "lint: failed: ${failed[*]}"; exit 1; }
echo "lint: ${#checks[@]} checks passed"
