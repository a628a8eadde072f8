#!/usr/bin/env bash
# Loads an image archive (docker or OCI) into every node; nodes that start later load it by themselves.
# Nothing can be pulled: in pods use a tag other than `latest`, or imagePullPolicy IfNotPresent or Never.
# Usage: load_image.sh ARCHIVE
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# = 1 ] && [ -f "$1" ] || die "usage: load_image.sh ARCHIVE"

mkdir -p "$IMAGES"
kept=$IMAGES/$(basename "$1")
cp "$1" "$kept.partial"
mv "$kept.partial" "$kept"
jobs=()
for node in $(nodes_up); do
  load_image "$node" "$kept" &
  jobs+=($!)
done
for job in "${jobs[@]}"; do wait "$job"; done
say "loaded $(basename "$1") into ${#jobs[@]} nodes"
