# shellcheck shell=bash disable=SC2034
# Settings of the test cluster and the words its scripts share. Sourced by them.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CLUSTER_DIR=${CLUSTER_DIR:-/var/tmp/millrace-cluster}   # all state; a short path (sockets), not on a tmpfs (overlayfs)
CLUSTER_NODES=${CLUSTER_NODES:-1}                       # 1 to 9
CLUSTER_API_PORT=${CLUSTER_API_PORT:-6443}
CLUSTER_ETCD_PORT=${CLUSTER_ETCD_PORT:-12379}
BIN=${MILLRACE_CACHE:-$HOME/.cache/millrace}/cluster    # what build.sh made; outlives every cluster

PKI=$CLUSTER_DIR/pki
RUN=$CLUSTER_DIR/run
LOG=$CLUSTER_DIR/log
IMAGES=$CLUSTER_DIR/images
export KUBECONFIG=$CLUSTER_DIR/kubeconfig PATH=$BIN:$PATH:/usr/sbin:/sbin

# Every address lies in the block that is set aside for tests of networks (RFC 2544).
BRIDGE=millrace0
BLOCK=198.18.0.0/15
HOST_IP=198.18.0.1           # this machine: API server and DNS
POD_CIDR=198.18.64.0/18
SERVICE_CIDR=198.19.0.0/16
SERVICE_API=198.19.0.1
node_ip() { echo "198.18.0.$((10 + $1))"; }
pod_cidr() { echo "198.18.$((64 + $1)).0/24"; }

BEGAN=$EPOCHREALTIME
say() { printf '%6.1fs  %s\n' "$(awk -v a="$EPOCHREALTIME" -v b="$BEGAN" 'BEGIN {print a - b}')" "$*"; }
die() { echo "$(basename "$0"): $*" >&2; exit 1; }

# A pid file also holds the time at which the process began, in ticks since boot: the kernel gives numbers out again, and a
# stranger must never be taken for ours. Zombies count as ended.
began_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 !~ /[ZX]/ {print $20}'; }
alive() {
  local pid at
  read -r pid at 2>/dev/null <"$RUN/$1.pid" && [ -n "$at" ] && [ "$(began_at "$pid")" = "$at" ]
}

# start NAME COMMAND…: in the background with a log file, unless it runs.
start() {
  local name=$1 pid
  shift
  alive "$name" && return
  setsid "$@" </dev/null >>"$LOG/$name.log" 2>&1 &
  pid=$!
  echo "$pid $(began_at $pid)" >"$RUN/$name.pid"
}

# stop NAME [SIGNAL]: ends what `start` began and waits for its end, ten seconds at most before KILL.
stop() {
  local name=$1 signal=${2:-TERM} pid turn
  if alive "$name"; then
    read -r pid _ <"$RUN/$name.pid"
    kill "-$signal" "$pid" 2>/dev/null || true
    for ((turn = 0; turn < 100; turn++)); do alive "$name" || break; sleep 0.1; done
    if alive "$name"; then kill -KILL "$pid" 2>/dev/null || true; sleep 0.2; fi
  fi
  rm -f "$RUN/$name.pid"
}

# wait_for SECONDS WHAT LOG COMMAND…: until the command succeeds; otherwise the end of the log and exit 1.
wait_for() {
  local deadline=$((SECONDS + $1)) what=$2 log=$3
  shift 3
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS >= deadline)); then
      tail -n 20 "$log" >&2 || true
      die "$what did not come up; see $log"
    fi
    sleep 0.2
  done
}

nodes_up() {
  local file name
  for file in "$RUN"/node*.pid; do
    name=$(basename "$file" .pid)
    if [ -e "$file" ] && alive "$name"; then echo "${name#node}"; fi
  done
}

# node_pid N: the node's first process, by the number it has on this machine.
node_pid() {
  local pid
  read -r pid _ <"$RUN/node$1.pid"
  pid=$(cat "/proc/$pid/task/$pid/children")
  [ -n "$pid" ] && echo "${pid%% *}"
}

# in_node N COMMAND…: as if typed on the node.
in_node() {
  local pid
  pid=$(node_pid "$1")
  shift
  nsenter --target "$pid" --net --mount --pid --uts "$@"
}

# load_image N ARCHIVE: into the node's containerd, once for each state of the archive.
load_image() {
  local mark
  mark=$CLUSTER_DIR/node$1/containerd/loaded.$(basename "$2")
  [ "$mark" -nt "$2" ] && return
  ctr --address "$CLUSTER_DIR/node$1/run/containerd/containerd.sock" --namespace k8s.io images import "$2" >/dev/null
  touch "$mark"
}
