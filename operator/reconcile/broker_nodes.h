// Which brokers a cluster is to have, with which ids and settings.
#pragma once

#include "operator/reconcile/plan.h"

namespace millrace::kube_operator::reconcile {

// The brokers of one pool. Ids that have a ClusterNode or a pod stay; new brokers take the lowest id of the pool's range that
// nothing of the cluster ever used, and only when all were used the lowest that nothing uses now.
struct PoolNodes {
    const api::BrokerPool* pool = nullptr;
    std::vector<resources::Node> nodes;  // by id
    // Why the pool cannot be as wanted: a reason for programs and a sentence; empty: it can.
    std::string problem_reason;
    std::string problem;
    // What is asked for and not done, while all that runs goes on: fewer brokers than there are.
    std::string warning;
    bool frozen = false;  // nothing that runs is restarted: the settings are refused
};

// Names of listeners as Kafka spells them, with ports. Without a declared listener: PLAINTEXT on 9092.
std::vector<api::ListenerSpec> listeners_of(const api::KafkaClusterSpec& spec);

// Text of the server.properties that a pool's brokers are to have, with the id of one of them: what the broker's own check is asked
// about before anything is changed.
std::string settings_text(const ClusterInput& input, const api::BrokerPool& pool);

// connect: the coordinators' connect string with the chroot.
std::vector<PoolNodes> wanted_brokers(const ClusterInput& input, const std::string& connect);

}  // namespace millrace::kube_operator::reconcile
