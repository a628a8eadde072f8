// KafkaCluster (kcl): what the brokers of all pools have in common. The brokers themselves come from BrokerPools.
#pragma once

#include "operator/api/metadata.h"
#include "operator/api/shared_fields.h"

namespace millrace::kube_operator::api {

struct ListenerSpec {
    std::string name;
    std::int64_t port = 9092;
    std::string type;  // internal
};

struct ListenerStatus {
    std::string name;
    std::string bootstrap;  // "host:port,host:port"
};

struct KafkaClusterSpec {
    std::string ensemble;  // name of a CoordinatorEnsemble; or
    std::string connect;   // a connect string of any ZooKeeper
    std::string chroot;    // empty: /<namespace>-<name>
    std::string image;
    std::map<std::string, std::string> config;  // keys of server.properties
    std::vector<ListenerSpec> listeners;
    std::string topic_deletion_policy;  // Delete or Retain
    std::string topic_drift_policy;     // Revert or Report
    Rollout rollout;
    bool paused = false;
};

struct KafkaClusterStatus {
    std::int64_t observed_generation = 0;
    std::string cluster_id;
    std::optional<std::int64_t> controller_id;
    std::string version;
    std::string brokers_summary;  // "3/3"
    std::int64_t offline_partitions = 0;
    std::int64_t under_replicated = 0;
    std::vector<ListenerStatus> listeners;
    std::vector<std::int64_t> used_ids;  // every broker.id ever given
    RolloutStatus rollout;
    std::vector<Condition> conditions;
};

struct KafkaCluster {
    Metadata metadata;
    KafkaClusterSpec spec;
    KafkaClusterStatus status;
};

void describe(FieldVisitor& visitor, KafkaClusterSpec& spec);
void describe(FieldVisitor& visitor, KafkaClusterStatus& status);

}  // namespace millrace::kube_operator::api
