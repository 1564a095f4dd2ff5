#!/usr/bin/env bash
# Compiles every source that uses Highway for AArch64, with the warnings of the build:  aarch64.sh FLAG...
# Highway reads such a file for the instruction sets of the machine that is compiled for: so the NEON code is seen without one. The objects are thrown
# away; nothing runs.
set -uo pipefail
cd "$(dirname "$0")/../.."
compiler=${PQ_AARCH64_CXX:-aarch64-linux-gnu-g++}
command -v "$compiler" >/dev/null || exec bash tests/support/left_out.sh "no $compiler (package g++-aarch64-linux-gnu)"

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# Highway and Eigen are headers of any machine; the compiler's own come first.
flags=(-std=c++20 -O0 -ffp-contract=off -fPIC -Wall -Wextra -Wconversion -Wshadow -Werror
       -Iframework/include -Iframework/src -Iplugins -Ibackends)
flags+=("$@" -idirafter /usr/include)

compile() {
  local source=$1 start=$SECONDS
  "$compiler" "${flags[@]}" -c "$source" -o "$out/$(tr / _ <<<"$source").o" 2>"$out/$(tr / _ <<<"$source").log"
  local status=$?
  echo "$([ "$status" = 0 ] && echo ok || echo FAILED)  $source ($((SECONDS - start)) s)"
  [ "$status" = 0 ] || head -n 40 "$out/$(tr / _ <<<"$source").log"
  return "$status"
}

mapfile -t sources < <(grep -rl --include='*.cpp' 'hwy/foreach_target.h' plugins backends formats framework | sort)
[ "${#sources[@]}" -gt 0 ] || { echo "no source uses Highway: has its include another name?"; exit 1; }
status=0
for source in "${sources[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n || status=1; done
  compile "$source" &
done
while [ -n "$(jobs -p)" ]; do wait -n || { [ $? = 127 ] && break; status=1; }; done
echo "${#sources[@]} files compiled for AArch64: $([ "$status" = 0 ] && echo all ok || echo some do not compile)"
exit "$status"
