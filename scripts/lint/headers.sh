#!/usr/bin/env bash
# Every public header compiles alone, with each compiler that is there. (Objects rather than -fsyntax-only, and a fixed
# folder, so that ccache remembers what it has seen.)
set -uo pipefail
export folder=build/lint
export ccache=
ccache=$(command -v ccache) || true
mkdir -p "$folder/polyquant"

# The generated header, as CMake would write it.
version=$(sed -nE 's/^project\(polyquant VERSION ([0-9]+\.[0-9]+\.[0-9]+).*/\1/p' CMakeLists.txt)
IFS=. read -r major minor patch <<<"$version"
sed -e "s/@PROJECT_VERSION_MAJOR@/$major/; s/@PROJECT_VERSION_MINOR@/$minor/; s/@PROJECT_VERSION_PATCH@/$patch/" \
    -e "s/@PROJECT_VERSION@/$version/" cmake/version.hpp.in >"$folder/polyquant/version.hpp"

check() {  # COMPILER HEADER
  local name=${2#framework/include/}
  local unit=$folder/${name//\//.}
  printf '#include "%s"\n' "$name" >"$unit.cpp"
  # shellcheck disable=SC2086  # no ccache: no word
  $ccache "$1" -std=c++20 -Wall -Wextra -Wconversion -Wshadow -Werror -I framework/include -I "$folder" \
    -c "$unit.cpp" -o "$unit.$1.o" >"$unit.$1.log" 2>&1 && return
  echo "$2: does not compile alone with $1:"
  head -n 5 "$unit.$1.log"
  return 1
}
export -f check

status=0
for compiler in g++ clang++; do
  command -v "$compiler" >/dev/null || { echo "warning: $compiler is missing"; continue; }
  git ls-files -co --exclude-standard 'framework/include/*.hpp' |
    xargs -r -P 2 -I{} bash -c 'check "$0" "$1"' "$compiler" {} || status=1
done
exit "$status"
