#include "operator/api/coordinator_ensemble.h"

namespace millrace::kube_operator::api {

void describe(FieldVisitor& v, CoordinatorEnsembleSpec& spec) {
    v.integer("members", spec.members,
              {.doc = "Voting members.", .default_value = 1, .min = 1, .max = 7});
    describe_image(v, spec.image);
    v.text_map("config", spec.config, {.doc = "Keys of zoo.cfg, as ZooKeeper names them."});
    describe(v, spec.storage);
    describe(v, spec.rollout);
    v.passthrough("resources", spec.resources, "Resource requests and limits of the container.");
    describe_paused(v, spec.paused);
}

void describe(FieldVisitor& v, CoordinatorEnsembleStatus& status) {
    v.integer("observedGeneration", status.observed_generation,
              {.doc = "Generation of the spec that this status belongs to."});
    v.text("membersSummary", status.members_summary, {.doc = "Ready members of those wanted."});
    v.text("leader", status.leader, {.doc = "Pod of the leader."});
    v.text("version", status.version, {.doc = "Version that the members run."});
    v.text("clientEndpoint", status.client_endpoint, {.doc = "Where clients connect."});
    v.integer_list("usedIds", status.used_ids,
                   {.doc = "Every myid that was ever given.", .items_max = 1024});
    describe(v, status.rollout);
    describe(v, status.conditions);
}

}  // namespace millrace::kube_operator::api
