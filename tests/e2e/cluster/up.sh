#!/usr/bin/env bash
# Starts a Kubernetes of CLUSTER_NODES nodes on this machine; what runs already stays as it is. Needs root and build.sh.
# Then: export KUBECONFIG=$CLUSTER_DIR/kubeconfig
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# = 0 ] || die "usage: up.sh, with CLUSTER_DIR and CLUSTER_NODES in the environment"
[ "$(id -u)" = 0 ] || die "nodes are namespaces with mounts and networks of their own: root is needed"
[ -e "$BIN/pause.tar" ] || die "there are no binaries in $BIN: run build.sh first"
mkdir -p "$PKI" "$RUN" "$LOG" "$IMAGES" "$CLUSTER_DIR/volumes"
cp -u "$BIN/pause.tar" "$IMAGES/"

# --- certificates and kubeconfigs ---
new_key() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "$@" 2>/dev/null; }
authority() { # NAME
  [ -e "$PKI/$1.crt" ] || new_key -x509 -days 3650 -subj "/CN=$1" -keyout "$PKI/$1.key" -out "$PKI/$1.crt"
}
certificate() { # NAME AUTHORITY SUBJECT [ALTERNATIVE-NAMES]
  [ -e "$PKI/$1.crt" ] && return
  local extensions=$'keyUsage=digitalSignature\nextendedKeyUsage=clientAuth,serverAuth'
  [ -z "${4:-}" ] || extensions+=$'\n'"subjectAltName=$4"
  new_key -subj "$3" -keyout "$PKI/$1.key" -out "$PKI/$1.csr"
  openssl x509 -req -in "$PKI/$1.csr" -CA "$PKI/$2.crt" -CAkey "$PKI/$2.key" -CAcreateserial -days 3650 \
    -extfile <(echo "$extensions") -out "$PKI/$1.crt" 2>/dev/null
}
kubeconfig() { # FILE CERTIFICATE
  cat >"$1" <<END
apiVersion: v1
kind: Config
clusters:
- name: test
  cluster: {server: "https://$HOST_IP:$CLUSTER_API_PORT", certificate-authority-data: $(base64 -w0 "$PKI/ca.crt")}
users:
- name: user
  user: {client-certificate-data: $(base64 -w0 "$PKI/$2.crt"), client-key-data: $(base64 -w0 "$PKI/$2.key")}
contexts:
- {name: test, context: {cluster: test, user: user}}
current-context: test
END
}
umask 077
authority ca
authority front-proxy-ca
service_name=kubernetes.default.svc
certificate apiserver ca /CN=kube-apiserver \
  "DNS:kubernetes,DNS:kubernetes.default,DNS:$service_name,DNS:$service_name.cluster.local,IP:$HOST_IP,IP:$SERVICE_API"
certificate apiserver-to-kubelet ca "/O=system:masters/CN=kube-apiserver-kubelet-client"
certificate front-proxy front-proxy-ca /CN=front-proxy-client
certificate admin ca "/O=system:masters/CN=admin"
certificate controllers ca /CN=system:kube-controller-manager
certificate scheduler ca /CN=system:kube-scheduler
certificate kube-proxy ca /CN=system:kube-proxy
[ -e "$PKI/accounts.key" ] || openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/accounts.key"
kubeconfig "$KUBECONFIG" admin
for name in controllers scheduler kube-proxy; do kubeconfig "$PKI/$name.kubeconfig" $name; done
for ((i = 1; i <= CLUSTER_NODES; i++)); do
  certificate "node$i" ca "/O=system:nodes/CN=system:node:node$i" "DNS:node$i,IP:$(node_ip "$i")"
  kubeconfig "$PKI/node$i.kubeconfig" "node$i"
done
umask 022

# --- this machine's end of the network ---
ip route replace unreachable $BLOCK metric 4278198272
if ! ip link show $BRIDGE >/dev/null 2>&1; then
  ip link add $BRIDGE type bridge
  ip addr add $HOST_IP/24 dev $BRIDGE
  ip link set $BRIDGE up
fi
ip route replace $SERVICE_CIDR via "$(node_ip 1)" dev $BRIDGE
for ((i = 1; i <= CLUSTER_NODES; i++)); do
  ip route replace "$(pod_cidr "$i")" via "$(node_ip "$i")" dev $BRIDGE
done

# --- control plane: processes of this machine ---
start etcd etcd --name default --data-dir "$CLUSTER_DIR/etcd" --unsafe-no-fsync --log-level warn \
  --listen-client-urls "http://127.0.0.1:$CLUSTER_ETCD_PORT" --listen-peer-urls http://127.0.0.1:0 \
  --advertise-client-urls "http://127.0.0.1:$CLUSTER_ETCD_PORT"
start kube-apiserver kube-apiserver --etcd-servers "http://127.0.0.1:$CLUSTER_ETCD_PORT" \
  --bind-address $HOST_IP --advertise-address $HOST_IP --secure-port "$CLUSTER_API_PORT" \
  --service-cluster-ip-range $SERVICE_CIDR --allow-privileged \
  --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
  --client-ca-file "$PKI/ca.crt" --tls-cert-file "$PKI/apiserver.crt" --tls-private-key-file "$PKI/apiserver.key" \
  --kubelet-certificate-authority "$PKI/ca.crt" --kubelet-preferred-address-types InternalIP \
  --kubelet-client-certificate "$PKI/apiserver-to-kubelet.crt" --kubelet-client-key "$PKI/apiserver-to-kubelet.key" \
  --service-account-issuer https://$service_name.cluster.local \
  --service-account-key-file "$PKI/accounts.key" --service-account-signing-key-file "$PKI/accounts.key" \
  --requestheader-client-ca-file "$PKI/front-proxy-ca.crt" --requestheader-allowed-names front-proxy-client \
  --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
  --requestheader-extra-headers-prefix X-Remote-Extra- \
  --proxy-client-cert-file "$PKI/front-proxy.crt" --proxy-client-key-file "$PKI/front-proxy.key"
wait_for 120 "the API server" "$LOG/kube-apiserver.log" kubectl get --raw /readyz

as() { # NAME: the three options by which a controller finds and trusts the API server
  echo "--kubeconfig=$PKI/$1.kubeconfig --authentication-kubeconfig=$PKI/$1.kubeconfig --authorization-kubeconfig=$PKI/$1.kubeconfig"
}
# shellcheck disable=SC2046
start kube-controller-manager kube-controller-manager $(as controllers) --bind-address 127.0.0.1 --leader-elect=false \
  --use-service-account-credentials --service-account-private-key-file "$PKI/accounts.key" \
  --root-ca-file "$PKI/ca.crt" --service-cluster-ip-range $SERVICE_CIDR
# shellcheck disable=SC2046
start kube-scheduler kube-scheduler $(as scheduler) --bind-address 127.0.0.1 --leader-elect=false
start provisioner provisioner --kubeconfig "$KUBECONFIG" --dir "$CLUSTER_DIR/volumes"
kubectl apply -f "$HERE/storage_class.yaml" >/dev/null
wait_for 60 "the default service account" "$LOG/kube-controller-manager.log" kubectl get serviceaccount default
say "control plane"

cat >"$CLUSTER_DIR/Corefile" <<END
.:53 {
  bind $HOST_IP
  errors
  ready 127.0.0.1:8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig $KUBECONFIG
    ttl 5
  }
  cache {
    success 1000 5
    denial 1000 1
  }
  loadbalance
}
END
start coredns coredns -conf "$CLUSTER_DIR/Corefile"

# --- nodes ---
# The groups under which kubelets put their pods. In cgroup version 1 each controller is a tree of its own, and a new
# cpuset group has no processors.
make_group() { # ROOT PATH
  mkdir -p "$1/$2"
  if [ -e "$1/cpuset.mems" ] && [ -e "$1/cgroup.clone_children" ]; then
    cat "$(dirname "$1/$2")/cpuset.cpus" >"$1/$2/cpuset.cpus"
    cat "$(dirname "$1/$2")/cpuset.mems" >"$1/$2/cpuset.mems"
  fi
}
for tree in /sys/fs/cgroup/*/; do
  [ -e "$tree/cgroup.clone_children" ] || continue
  make_group "$tree" millrace-cluster
  for ((i = 1; i <= CLUSTER_NODES; i++)); do make_group "$tree" "millrace-cluster/node$i"; done
done
mkdir -p /var/lib/kubelet /var/lib/containerd /var/lib/cni # the nodes mount their own directories over them
for ((i = 1; i <= CLUSTER_NODES; i++)); do
  alive "node$i" && continue
  mkdir -p "$CLUSTER_DIR/node$i"
  start "node$i" unshare --net --mount --pid --uts --fork --kill-child=KILL --mount-proc \
    --propagation private bash "$HERE/node.sh" "$i"
  wait_for 10 "node$i" "$LOG/node$i.log" node_pid "$i"
  ip link delete "mr-node$i" 2>/dev/null || true
  ip link add "mr-node$i" type veth peer name eth0 netns "$(node_pid "$i")"
  ip link set "mr-node$i" master $BRIDGE up
done
for ((i = 1; i <= CLUSTER_NODES; i++)); do
  log=$CLUSTER_DIR/node$i/log/kubelet.log
  wait_for 60 "the kubelet of node$i" "$log" in_node "$i" curl -fsS http://127.0.0.1:10248/healthz
  wait_for 120 "node$i" "$log" kubectl wait --for condition=Ready "node/node$i" --timeout 1s
done
wait_for 30 DNS "$LOG/coredns.log" curl -fsS http://127.0.0.1:8181/ready
say "up, $CLUSTER_NODES nodes"
