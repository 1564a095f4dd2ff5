#!/usr/bin/env bash
# docs/reference must be what the program writes:  reference.sh POLYQUANT FOLDER
set -euo pipefail
polyquant=$1 folder=$2
written=$(mktemp -d)
trap 'rm -rf "$written"' EXIT
"$polyquant" help --markdown "$written"
if grep -nE '^\| `[^`]*(U?INT|FLOAT|BOOLEAN|ENUM)\b|^\| `[^`]* in \[' "$written/commands.md"; then
  echo "commands.md shows types of the parser; give these options a type_name()" >&2
  exit 1
fi
if grep -E '^\| `-[^`]* N` \|' "$written/commands.md" | grep -vE '\(-?[0-9]+ to [0-9]+\)'; then
  echo "commands.md does not say which numbers these options take; add them with between()" >&2
  exit 1
fi
# json.md is written by hand; tests/acceptance/test_json.py compares it with real output. scripts/plugin_interface.py writes its page.
if ! diff -ru --exclude=json.md --exclude=plugin-interface.md "$folder" "$written"; then
  echo "docs/reference is out of date; run: polyquant help --markdown docs/reference" >&2
  exit 1
fi
