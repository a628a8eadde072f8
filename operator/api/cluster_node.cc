#include "operator/api/cluster_node.h"

#include "operator/api/shared_fields.h"

namespace millrace::kube_operator::api {

void describe(FieldVisitor& v, ClusterNodeSpec& spec) {
    describe_reference(v, "clusterRef", spec.cluster, "The cluster or ensemble of the node.", true);
    v.text("pool", spec.pool, {.doc = "BrokerPool of a broker.", .length_max = 63});
    v.text("role", spec.role,
           {.doc = "What the node is.", .allowed = {"broker", "coordinator"}, .required = true});
    v.integer("nodeId", spec.node_id,
              {.doc = "broker.id or myid.", .min = 0, .max = 1000000, .required = true});
}

void describe(FieldVisitor& v, ClusterNodeStatus& status) {
    v.text("phase", status.phase, {.doc = "Where the node is in its life.", .length_max = 32});
    v.text("pod", status.pod, {.doc = "Pod that runs it."});
    v.text("address", status.address, {.doc = "Address of the pod."});
    v.text("observedHash", status.observed_hash,
           {.doc = "Settings that it runs.", .length_max = 64});
    v.text("version", status.version, {.doc = "Version that it runs."});
    v.integer("leaders", status.leaders, {.doc = "Partitions that it leads."});
    v.integer("restarts", status.restarts, {.doc = "Restarts of its container."});
    v.text("lastRestartReason", status.last_restart_reason,
           {.doc = "Why it was restarted last.", .length_max = 512});
    v.integer("observedGeneration", status.observed_generation,
              {.doc = "Generation of the spec that this status belongs to."});
    describe(v, status.conditions);
}

}  // namespace millrace::kube_operator::api
