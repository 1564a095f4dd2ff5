#!/usr/bin/env bash
# Installs the Debian packages of scripts/packages.txt that are missing:  scripts/packages.sh build [test]
set -euo pipefail
cd "$(dirname "$0")/.."
die() { echo "packages: error: $*" >&2; exit 1; }

wanted=()
for purpose in "$@"; do
  mapfile -t -O "${#wanted[@]}" wanted < <(awk -v purpose="$purpose" '$1 == purpose { print $2 }' scripts/packages.txt)
done

command -v dpkg-query >/dev/null || {
  echo "packages: not a Debian system, nothing installed; needed: ${wanted[*]}" >&2
  exit 0
}
installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p')
mapfile -t missing < <(printf '%s\n' "${wanted[@]}" | grep -vxF -f <(printf '%s\n' "$installed") || true)
[ "${#missing[@]}" -gt 0 ] || exit 0

sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || die "neither root nor sudo; as root run: apt-get install ${missing[*]}"
  sudo=(sudo)
fi
echo "packages: installing ${missing[*]}"
"${sudo[@]}" apt-get update -qq || die "apt-get update failed (see above)"
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
  || die "apt-get install failed (see above)"
