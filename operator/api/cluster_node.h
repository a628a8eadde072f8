// ClusterNode (cnode): one broker or coordinator and the identity it keeps. Made and changed by the operator alone.
#pragma once

#include "operator/api/metadata.h"

namespace millrace::kube_operator::api {

struct ClusterNodeSpec {
    std::string cluster;  // KafkaCluster or CoordinatorEnsemble
    std::string pool;     // BrokerPool; empty for coordinators
    std::string role;     // broker or coordinator
    std::int64_t node_id = 0;
};

struct ClusterNodeStatus {
    std::string phase;  // Pending, Starting, Running, Restarting, Stuck
    std::string pod;
    std::string address;
    std::string observed_hash;
    std::string version;
    std::int64_t leaders = 0;
    std::int64_t restarts = 0;
    std::string last_restart_reason;
    std::int64_t observed_generation = 0;
    std::vector<Condition> conditions;
};

struct ClusterNode {
    Metadata metadata;
    ClusterNodeSpec spec;
    ClusterNodeStatus status;
};

void describe(FieldVisitor& visitor, ClusterNodeSpec& spec);
void describe(FieldVisitor& visitor, ClusterNodeStatus& status);

}  // namespace millrace::kube_operator::api
