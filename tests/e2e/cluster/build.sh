#!/usr/bin/env bash
# Installs and builds what the cluster runs on. Binaries stay in ${MILLRACE_CACHE:-~/.cache/millrace}/cluster and are made
# again only when their sources here change: the first build takes about 1000 CPU seconds, every later one none.
# CLUSTER_BUILD_JOBS: compilers at a time, default 2.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

go_needed=1.24
mkdir -p "$BIN"
"$HERE/../../../scripts/install_packages.sh" build image e2e

stamp() { cat "$HERE/src/$1"/* | sha256sum; }
is_current() { [ -x "$BIN/$1" ] && [ "$(stamp "$1")" = "$(cat "$BIN/$1.stamp" 2>/dev/null)" ]; }

check_go() {
  local version
  version=$(go env GOVERSION 2>/dev/null) || die "Go $go_needed or newer is needed to build Kubernetes, and there is no go in PATH"
  printf 'go%s\n%s\n' "$go_needed" "$version" | sort -VC || die "Go $go_needed or newer is needed; this is $version"
}

# go_build NAME [LINKER-FLAGS]: the binary NAME from src/NAME, without cgo and machine paths.
go_build() {
  is_current "$1" && return
  check_go
  say "building $1; the first time this takes minutes"
  (cd "$HERE/src/$1" && CGO_ENABLED=0 nice -n 19 go build -p "${CLUSTER_BUILD_JOBS:-2}" -mod=readonly -buildvcs=false \
    -trimpath -ldflags "-s -w ${2:-}" -o "$BIN/$1" .)
  stamp "$1" >"$BIN/$1.stamp"
  say "$1, $(du -h "$BIN/$1" | cut -f1)"
}

# The programs look at the name they are called by. Their version, which API server and kubelet compare, comes from flags.
build_kube() {
  local version minor flags='' package program
  version=$(awk '$1 == "k8s.io/kubernetes" {print $2}' "$HERE/src/kube/go.mod")
  minor=${version#v1.}
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"
    flags+=" -X $package.gitTreeState=clean"
  done
  go_build kube "$flags"
  for program in etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl provisioner; do
    ln -sf kube "$BIN/$program"
  done
}

# The image of the container that holds a pod's namespaces, as an archive.
build_pause() {
  is_current pause && [ -e "$BIN/pause.tar" ] && return
  local store container
  clang-19 -Os -static -s -o "$BIN/pause" "$HERE/src/pause/pause.c"
  store=$(mktemp -d "$BIN/buildah.XXXXXX")
  bah() { buildah --root "$store/root" --runroot "$store/run" --storage-driver vfs "$@"; }
  container=$(bah from scratch)
  bah copy -q "$container" "$BIN/pause" /pause >/dev/null
  bah config --entrypoint '["/pause"]' "$container"
  bah commit -q --rm "$container" localhost/pause:1 >/dev/null
  rm -f "$BIN/pause.tar"
  bah push -q localhost/pause:1 "docker-archive:$BIN/pause.tar:localhost/pause:1"
  rm -rf "$store"
  stamp pause >"$BIN/pause.stamp"
}

build_kube
go_build coredns
build_pause
say "built"
