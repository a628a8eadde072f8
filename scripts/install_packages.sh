#!/usr/bin/env bash
# Installs the packages of the named sections of packages.txt, if any is missing. Needs root, or sudo.
# Usage: scripts/install_packages.sh build run [test]
set -euo pipefail
cd "$(dirname "$0")"

wanted=()
for section in "$@"; do
  mapfile -t -O "${#wanted[@]}" wanted < <(
    awk -v want="[$section]" '/^\[/ { on = ($0 == want); next } on && !/^#/ && NF' packages.txt)
done
[ "${#wanted[@]}" -gt 0 ] || { echo "install_packages.sh: no section named '$*' in packages.txt" >&2; exit 2; }

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "install_packages.sh: root or sudo is needed to install: ${missing[*]}" >&2; exit 3; }
  as_root=(sudo)
fi
echo "Installing ${#missing[@]} Debian packages"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c '
  apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"' install "${missing[@]}" >"$log" 2>&1 || {
  tail -n 20 "$log" >&2
  echo "install_packages.sh: apt-get failed; is the network there, is the machine Debian 12?" >&2
  exit 1
}
