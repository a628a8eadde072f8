#!/usr/bin/env bash
# Runs the two commands of the README on a machine that has nothing but Debian 12's base packages and make: a chroot made for it,
# with a clone of this checkout's HEAD. Needs root and debootstrap. Usage: fresh_machine.sh [TARGET…] (default: run test)
# FRESH_DIR is where the chroot is made (default build/fresh). FRESH_CCACHE names a compiler cache to lend it (default: none).
set -euo pipefail
cd "$(dirname "$0")/../.."
[ "$(id -u)" -eq 0 ] || { echo "fresh_machine.sh: a chroot needs root" >&2; exit 3; }
command -v debootstrap >/dev/null || { echo "fresh_machine.sh: debootstrap is not installed" >&2; exit 3; }
dir=${FRESH_DIR:-$PWD/build/fresh}
root=$dir/root
[ $# -gt 0 ] || set -- run test

release() {
  awk -v root="$root/" 'index($2, root) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mount; do
    umount -l "$mount"
  done
}
trap release EXIT
release
rm -rf "$root"
mkdir -p "$dir"
echo "Making a Debian 12 in $root"
debootstrap --variant=minbase --include=make,ca-certificates bookworm "$root" >"$dir/debootstrap.log" 2>&1 || {
  tail -n 5 "$dir/debootstrap.log" >&2; exit 1; }

# Its packages come from where this machine's come from, and it trusts whom this machine trusts.
rm -f "$root"/etc/apt/sources.list
cp -r /etc/apt/sources.list.d /etc/apt/apt.conf.d "$root/etc/apt/"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cp /etc/hosts "$root/etc/hosts"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
for config in /etc/pip.conf /root/.m2; do
  [ ! -e "$config" ] || cp -rL "$config" "$root$config"
done
mount -t proc proc "$root/proc"
# Slaves: what is unmounted here stays mounted on this machine.
for folder in sys dev; do
  mount --rbind "/$folder" "$root/$folder"
  mount --make-rslave "$root/$folder"
done
mount -t tmpfs tmpfs "$root/tmp"
if [ -n "${FRESH_CCACHE:-}" ]; then
  mkdir -p "$root/root/.cache/ccache"
  mount --bind "$FRESH_CCACHE" "$root/root/.cache/ccache"
fi

git clone -q --no-hardlinks . "$root/root/millrace"
for target in "$@"; do
  began=$SECONDS
  chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb CI=true \
    make -C /root/millrace "$target" </dev/null
  echo "make $target passed on a fresh machine after $((SECONDS - began)) s"
done
