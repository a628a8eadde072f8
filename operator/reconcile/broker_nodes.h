// Which brokers a cluster is to have, with which ids and settings.
#pragma once

#include "operator/reconcile/plan.h"

namespace millrace::kube_operator::reconcile {

// The brokers of one pool. Ids that have a ClusterNode or a pod stay; new brokers take the lowest id of the pool's range that
// nothing of the cluster ever used, and only when all were used the lowest that nothing uses now.
struct PoolNodes {
    const api::BrokerPool* pool = nullptr;
    std::vector<resources::Node> nodes;  // by id
    std::string problem;                 // why the pool cannot be as wanted; empty: it can
};

// Names of listeners as Kafka spells them, with ports. Without a declared listener: PLAINTEXT on 9092.
std::vector<api::ListenerSpec> listeners_of(const api::KafkaClusterSpec& spec);

// connect: the coordinators' connect string with the chroot.
std::vector<PoolNodes> wanted_brokers(const ClusterInput& input, const std::string& connect);

}  // namespace millrace::kube_operator::reconcile
