#!/usr/bin/env bash
# Installs what is missing, builds, and runs all tests:  scripts/test.sh [PRESET [--target TARGET]... [CTEST-OPTION...]]
# With --target only these are built; choose tests that need no more.
# The last line counts; a skipped test is never counted as passed.
set -euo pipefail
cd "$(dirname "$0")/.."
die() { echo "test: error: $*" >&2; exit 1; }

preset=${1:-release}
[ "$#" -eq 0 ] || shift
targets=()
while [ "${1:-}" = --target ]; do
  targets+=("${2:?--target needs a name}")
  shift 2
done
bash scripts/packages.sh build test
bash scripts/build.sh "$preset" "${targets[@]}"

report=$PWD/build/$preset/tests.xml
rm -f "$report"
status=0
ctest --preset "$preset" -j 2 --output-on-failure --output-junit "$report" "$@" || status=$?
[ -f "$report" ] || die "ctest made no report"

# ctest writes <testsuite ... tests="9" failures="1" disabled="0" skipped="1" ...>
count() { grep -m 1 -oE "^[[:space:]]*$1=\"[0-9]+\"" "$report" | grep -oE '[0-9]+'; }
total=$(count tests) failed=$(count failures) skipped=$(($(count skipped) + $(count disabled)))
passed=$((total - failed - skipped))
echo "tests ($preset): $passed passed, $failed failed, $skipped skipped"
[ "$passed" -gt 0 ] || die "no test has run"
exit "$status"
