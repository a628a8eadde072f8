// BrokerPool (bpl): a number of equal brokers of one KafkaCluster.
#pragma once

#include "operator/api/metadata.h"
#include "operator/api/shared_fields.h"

namespace millrace::kube_operator::api {

struct BrokerPoolSpec {
    std::string cluster;
    std::int64_t replicas = 1;
    std::int64_t first_id = 0;
    std::int64_t last_id = 999;
    std::map<std::string, std::string> config;  // wins over the cluster's
    Storage storage;
    std::string resources;  // JSON of the container's resources
};

struct BrokerPoolStatus {
    std::int64_t observed_generation = 0;
    std::int64_t replicas = 0;
    std::int64_t ready_replicas = 0;
    std::string selector;
    std::vector<std::int64_t> node_ids;
    std::string node_ids_text;  // "0,1,2"
    std::vector<Condition> conditions;
};

struct BrokerPool {
    Metadata metadata;
    BrokerPoolSpec spec;
    BrokerPoolStatus status;
};

void describe(FieldVisitor& visitor, BrokerPoolSpec& spec);
void describe(FieldVisitor& visitor, BrokerPoolStatus& status);

}  // namespace millrace::kube_operator::api
