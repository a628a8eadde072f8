#include "operator/api/broker_pool.h"

namespace millrace::kube_operator::api {

void describe(FieldVisitor& v, BrokerPoolSpec& spec) {
    describe_reference(v, "clusterRef", spec.cluster, "The KafkaCluster this pool belongs to.",
                       true);
    v.integer("replicas", spec.replicas,
              {.doc = "Brokers in the pool.", .default_value = 1, .min = 0, .max = 100});
    if (v.begin_object("nodeIdRange",
                       {.doc = "broker.id values that this pool takes from.",
                        .rules = {{"self.end >= self.start", "end must not be below start"}}})) {
        v.integer("start", spec.first_id,
                  {.doc = "First id.", .default_value = 0, .min = 0, .max = 1000000});
        v.integer("end", spec.last_id,
                  {.doc = "Last id.", .default_value = 999, .min = 0, .max = 1000000});
        v.end_object();
    }
    v.text_map("config", spec.config, {.doc = "Keys of server.properties for this pool."});
    describe(v, spec.storage);
    v.passthrough("resources", spec.resources, "Resource requests and limits of the container.");
}

void describe(FieldVisitor& v, BrokerPoolStatus& status) {
    v.integer("observedGeneration", status.observed_generation,
              {.doc = "Generation of the spec that this status belongs to."});
    v.integer("replicas", status.replicas, {.doc = "Brokers that exist."});
    v.integer("readyReplicas", status.ready_replicas, {.doc = "Brokers that serve."});
    v.text("selector", status.selector, {.doc = "Label selector of the pods.", .length_max = 512});
    v.integer_list("nodeIds", status.node_ids,
                   {.doc = "broker.id of each broker.", .items_max = 1024});
    v.text("nodeIdsText", status.node_ids_text, {.doc = "The same as text.", .length_max = 8192});
    describe(v, status.conditions);
}

}  // namespace millrace::kube_operator::api
