#!/usr/bin/env bash
# Checks the root of the image as scripts/image_root.sh makes it: its size, that every binary finds its libraries in it, that
# it starts there as a user without rights on a file system that cannot be written, and that nothing in it gives rights.
# Usage: image_root.sh BIN_DIRECTORY. Exit 77 (skipped) where this user may not change the root.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$1
limit_kib=$((30 * 1024))
user=10001

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
scripts/image_root.sh "$bin" "$root"
fail() { echo "image_root: $*" >&2; exit 1; }

size=$(du -sk --apparent-size "$root" | cut -f1)
[ "$size" -le "$limit_kib" ] || fail "$size KiB, at most $limit_kib are allowed"
found=$(find "$root" -perm /6000)
[ -z "$found" ] || fail "setuid or setgid: $found"
found=$(find "$root" ! -type l -perm /0002 ! -path "$root/tmp")
[ -z "$found" ] || fail "anybody may write: $found"
found=$(find "$root" -xtype l)
[ -z "$found" ] || fail "links to nothing: $found"
# One program for all tools: a link for each, and no shell or other program beside ours.
found=$(find "$root/usr/bin" -type f -printf '%f\n' | sort | tr '\n' ' ')
[ "$found" = "millrace millrace-broker millrace-coordinator millrace-operator " ] || fail "/usr/bin holds $found"
[ "$(readlink "$root/usr/bin/kafka-topics.sh")" = millrace ] || fail "kafka-topics.sh is no link to millrace"

# in_image COMMAND…: in the root, read-only, as the image's user.
in_image() {
  unshare --mount bash -c '
    set -e
    mount --bind "$1" "$1"
    mount -o remount,bind,ro "$1"
    root=$1 user=$2
    shift 2
    exec chroot --userspec="$user:$user" "$root" "$@"' in_image "$root" "$user" "$@"
}
if ! unshare --mount true 2>/dev/null || ! chroot / true 2>/dev/null; then
  echo "skipped: this user may not change the root; the files were checked"
  exit 77
fi
loader=$(readelf -l "$root/usr/bin/millrace" | sed -n 's/.*interpreter: \(.*\)]/\1/p')
for program in millrace millrace-coordinator millrace-broker millrace-operator; do
  libraries=$(in_image "$loader" --list "/usr/bin/$program" 2>&1) || fail "$program: $libraries"
  ! grep -q 'not found' <<<"$libraries" || fail "$program: $libraries"
  version=$(in_image "/usr/bin/$program" --version) || fail "$program --version ended with $?"
  [[ $version == "$program "[0-9]* ]] || fail "$program --version printed '$version'"
  echo "$version"
done
in_image /usr/bin/kafka-topics.sh --help >/dev/null || fail "kafka-topics.sh --help ended with $?"
[ "$(in_image /usr/bin/millrace-operator --print-crds | grep -c '^kind: CustomResourceDefinition')" = 5 ] ||
  fail "the operator does not print its definitions"
echo "image root: $((size / 1024)) MiB, $(find "$root" -name '*.so*' | wc -l) libraries"
