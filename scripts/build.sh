#!/usr/bin/env bash
# Configures, if that was not done yet, and builds:  scripts/build.sh PRESET [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."
die() { echo "build: error: $*" >&2; exit 1; }

preset=${1:-release}
[ "$#" -eq 0 ] || shift
command -v cmake >/dev/null || die "cmake is missing; run: bash scripts/packages.sh build"

folder=build/$preset
if [ ! -f "$folder/build.ninja" ]; then
  mkdir -p "$folder"
  cmake --preset "$preset" >"$folder/configure.log" 2>&1 || {
    tail -n 30 "$folder/configure.log" >&2
    die "configuring failed; all of it: $folder/configure.log"
  }
  # The summary of what is built and what is left out.
  sed -n '/^-- polyquant [0-9]/,/^-- *$/s/^-- //p' "$folder/configure.log"
fi
targets=()
[ "$#" -eq 0 ] || targets=(--target "$@")
cmake --build --preset "$preset" "${targets[@]}" || die "building failed (see above)"
