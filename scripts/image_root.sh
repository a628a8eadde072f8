#!/usr/bin/env bash
# Puts the binaries and the libraries they load into a directory that is the root of the image.
# Usage: scripts/image_root.sh BIN_DIRECTORY ROOT
set -euo pipefail
bin=$1 root=$2
rm -rf "$root"
mkdir -p "$root"/usr/bin "$root"/etc "$root"/tmp "$root"/var/lib/millrace
chmod 1777 "$root/tmp"
chown 10001:10001 "$root/var/lib/millrace" 2>/dev/null || true

for program in millrace millrace-coordinator millrace-broker millrace-operator; do
  cp "$bin/$program" "$root/usr/bin/"
done
# The tools are names of one binary.
find "$bin" -maxdepth 1 -type l -printf '%f\n' | while read -r name; do ln -sf millrace "$root/usr/bin/$name"; done

for program in "$root"/usr/bin/*; do
  [ -L "$program" ] || ldd "$program"
done | grep -oE '/[^ ]+\.so[^ ]*' | sort -u | while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done

echo 'millrace:x:10001:10001::/var/lib/millrace:/usr/sbin/nologin' >"$root/etc/passwd"
echo 'millrace:x:10001:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
  mkdir -p "$root/etc/ssl/certs"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
fi
