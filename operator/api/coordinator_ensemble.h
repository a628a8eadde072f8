// CoordinatorEnsemble (cens): the coordinators that a Kafka cluster, or any client of ZooKeeper, uses.
#pragma once

#include "operator/api/metadata.h"
#include "operator/api/shared_fields.h"

namespace millrace::kube_operator::api {

struct CoordinatorEnsembleSpec {
    std::int64_t members = 1;
    std::string image;
    std::map<std::string, std::string> config;  // keys of zoo.cfg
    Storage storage;
    Rollout rollout;
    std::string resources;  // JSON of the container's resources
    bool paused = false;
};

struct CoordinatorEnsembleStatus {
    std::int64_t observed_generation = 0;
    std::string members_summary;  // "1/1": ready of wanted
    std::string leader;           // pod name
    std::string version;
    std::string client_endpoint;         // host:port
    std::vector<std::int64_t> used_ids;  // every myid ever given
    RolloutStatus rollout;
    std::vector<Condition> conditions;
};

struct CoordinatorEnsemble {
    Metadata metadata;
    CoordinatorEnsembleSpec spec;
    CoordinatorEnsembleStatus status;
};

void describe(FieldVisitor& visitor, CoordinatorEnsembleSpec& spec);
void describe(FieldVisitor& visitor, CoordinatorEnsembleStatus& status);

}  // namespace millrace::kube_operator::api
