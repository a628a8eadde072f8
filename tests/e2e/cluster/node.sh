#!/usr/bin/env bash
# The first process of node N, started by up.sh in namespaces of its own (network, mounts, processes, host name). Nothing of
# the node touches the machine, and with this process every other one of the node ends, pods included.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
i=$1
name=node$i
N=$CLUSTER_DIR/$name

mount --make-rshared /
hostname "$name"

# What the programs keep at their usual paths lies in the node's directory.
rm -rf "$N/run"
mkdir -p "$N"/{run/containerd,run/netns,run/lock,kubelet,containerd,cni-state,cni,log,sysctl}
for pair in run:/run kubelet:/var/lib/kubelet containerd:/var/lib/containerd cni-state:/var/lib/cni log:/var/log; do
  mount --bind "$N/${pair%%:*}" "${pair#*:}"
done

# The kubelet writes these for the whole machine, a reboot on any kernel fault among them. It finds files that hold what it
# wants already, and the machine stays as it is.
for pair in kernel/panic=10 kernel/panic_on_oops=1 vm/overcommit_memory=1 vm/panic_on_oom=0 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  file=$N/sysctl/$(basename "${pair%=*}")
  echo "${pair#*=}" >"$file"
  mount --bind "$file" "/proc/sys/${pair%=*}"
done

# up.sh puts eth0 in. Without a default route whatever leaves the cluster fails at once; the services' route only brings
# packets as far as kube-proxy's rules.
ip link set lo up
wait_for 20 eth0 /dev/null ip link show eth0
ip addr add "$(node_ip "$i")/24" dev eth0
ip link set eth0 up
ip route add "$SERVICE_CIDR" dev eth0
for ((other = 1; other <= 9; other++)); do
  ((other == i)) || ip route add "$(pod_cidr "$other")" via "$(node_ip "$other")"
done
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables

cat >"$N/cni/10-pods.conflist" <<END
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isDefaultGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "$(pod_cidr "$i")"}]]}}]}
END
# restrict_oom_score_adj: where the machine lacks CAP_SYS_RESOURCE nobody may lower a score.
cat >"$N/containerd.toml" <<END
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$N/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
END
# Images cannot be pulled again, so they are never collected; a disk that others fill evicts nobody.
cat >"$N/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $PKI/$name.crt
tlsPrivateKeyFile: $PKI/$name.key
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /millrace-cluster/$name
clusterDomain: cluster.local
clusterDNS: [$HOST_IP]
resolvConf: ""
volumePluginDir: /var/lib/kubelet/volume-plugins
failSwapOn: false
oomScoreAdj: 0
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
END
cat >"$N/kube-proxy.yaml" <<END
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $PKI/kube-proxy.kubeconfig}
hostnameOverride: $name
mode: iptables
clusterCIDR: $POD_CIDR
oomScoreAdj: 0
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
END

# keep COMMAND…: runs it again whenever it ends.
keep() {
  while :; do
    "$@" >>"$N/log/$1.log" 2>&1 || true
    echo "node.sh: $1 ended" >>"$N/log/$1.log"
    sleep 1
  done &
}
keep containerd --config "$N/containerd.toml"
wait_for 60 containerd "$N/log/containerd.log" ctr version
for archive in "$IMAGES"/*.tar; do
  load_image "$i" "$archive" 2>>"$N/log/images.log" || true
done
keep kubelet --config "$N/kubelet.yaml" --kubeconfig "$PKI/$name.kubeconfig" --hostname-override "$name" \
  --node-ip "$(node_ip "$i")" --node-labels "topology.kubernetes.io/zone=zone-$i"
keep kube-proxy --config "$N/kube-proxy.yaml"
while :; do wait -n || sleep 1; done # and reaps what the runtime leaves behind
