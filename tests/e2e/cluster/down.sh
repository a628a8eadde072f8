#!/usr/bin/env bash
# Ends what up.sh started, and nothing else.
#   down.sh          keeps the state: the next up.sh is like the machine's reboot
#   down.sh --wipe   forgets it, logs included
#   down.sh NAME…    ends only these, as a crash: node2, etcd, kube-apiserver; up.sh starts them again
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
if [ $# -gt 0 ] && [ "$*" != --wipe ]; then
  for name; do
    alive "$name" || die "$name does not run"
    stop "$name" KILL
  done
  exit
fi

# A node is one tree of processes in namespaces of its own: its mounts and its network end with its first process.
for file in "$RUN"/node*.pid; do
  [ -e "$file" ] && stop "$(basename "$file" .pid)" KILL
done
for name in coredns provisioner kube-scheduler kube-controller-manager kube-apiserver etcd; do
  stop $name
done

for link in /sys/class/net/mr-node*; do
  if [ -e "$link" ]; then ip link delete "$(basename "$link")"; fi
done
if ip link show $BRIDGE >/dev/null 2>&1; then ip link delete $BRIDGE; fi
# The route that refuses the block stays: a client that still tries an address of the cluster is told so, and no packet
# leaves this machine.

remove_groups() { # DIRECTORY: a group can go when its last process has ended
  find "$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
  [ ! -d "$1" ]
}
for groups in /sys/fs/cgroup/millrace-cluster /sys/fs/cgroup/*/millrace-cluster; do
  [ -d "$groups" ] || continue
  for ((turn = 0; turn < 50; turn++)); do
    remove_groups "$groups" && break
    sleep 0.1
  done
done
if [ "${1:-}" = --wipe ]; then
  rm -rf "${CLUSTER_DIR:?}"/{etcd,volumes,images,log,pki,run,kubeconfig,Corefile} "$CLUSTER_DIR"/node[0-9]*
  rmdir "$CLUSTER_DIR" 2>/dev/null || true
fi
say "down"
