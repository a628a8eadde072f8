#!/usr/bin/env bash
# Packs the binaries of build/release into a container image without an engine, as build/millrace-image.tar (docker archive).
# With an engine, `docker build .` makes the same image. Usage: scripts/image.sh [NAME:TAG]
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:-millrace:dev}
limit_kib=$((30 * 1024))
root=build/image-root
archive=build/millrace-image.tar

scripts/image_root.sh build/release/bin "$root"
size=$(du -sk --apparent-size "$root" | cut -f1)
[ "$size" -le "$limit_kib" ] || { echo "image.sh: the root has $size KiB, at most $limit_kib are allowed" >&2; exit 1; }

store=build/buildah
bah() { buildah --root "$store/root" --runroot "$store/run" --storage-driver vfs "$@"; }
container=$(bah from scratch)
bah copy -q "$container" "$root" / >/dev/null
bah config --user 10001:10001 --workingdir /var/lib/millrace --env PATH=/usr/bin --cmd '["millrace","--help"]' "$container"
bah commit -q --rm "$container" "$name" >/dev/null
rm -f "$archive"
bah push -q "$name" "docker-archive:$archive:$name"
bah rmi "$name" >/dev/null
echo "image $name: $((size / 1024)) MiB unpacked, $archive"
