// KafkaTopic (ktp): a topic as wanted; the operator makes the cluster agree, or says what differs.
#pragma once

#include "operator/api/metadata.h"

namespace millrace::kube_operator::api {

struct KafkaTopicSpec {
    std::string cluster;
    std::string topic_name;  // empty: the name of the resource
    std::optional<std::int64_t> partitions;
    std::optional<std::int64_t> replicas;
    std::map<std::string, std::string> config;
    std::string management_policy;  // Managed, Observe, Unmanaged
    std::string deletion_policy;    // Delete, Retain; empty: the cluster's
    std::string drift_policy;       // Revert, Report; empty: the cluster's
};

struct TopicDrift {
    std::string key;
    std::string desired;
    std::string actual;
};

struct KafkaTopicStatus {
    std::int64_t observed_generation = 0;
    std::string topic_name;
    std::string topic_id;
    std::optional<std::int64_t> partitions;
    std::optional<std::int64_t> replicas;
    std::vector<TopicDrift> drift;
    std::string drift_summary;  // "-" or the keys
    std::vector<Condition> conditions;
};

struct KafkaTopic {
    Metadata metadata;
    KafkaTopicSpec spec;
    KafkaTopicStatus status;
};

void describe(FieldVisitor& visitor, KafkaTopicSpec& spec);
void describe(FieldVisitor& visitor, KafkaTopicStatus& status);

}  // namespace millrace::kube_operator::api
