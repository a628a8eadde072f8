// The controller's picture of the cluster: what it has read from ZooKeeper and what it has written there. Memory follows
// ZooKeeper, never the other way round.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/controller/zk_records.h"

namespace millrace::broker::controller {

struct LiveBroker {
    BrokerRegistration registration;
    std::int64_t epoch = -1;  // czxid of its node

    bool operator==(const LiveBroker&) const = default;
};

struct PartitionInfo {
    PartitionAssignment assignment;
    std::optional<PartitionState> state;    // nullopt: never had a leader
    std::optional<PartitionState> writing;  // on its way to ZooKeeper
    bool node_exists = false;               // …/partitions/P
};

struct TopicInfo {
    TopicRecord record;
    std::int32_t node_version = 0;
    bool partitions_node_exists = false;  // …/partitions
    bool id_being_written = false;
    bool unclean_election = false;
    std::map<std::int32_t, PartitionInfo> partitions;
};

// A topic as one read found it.
struct TopicView {
    TopicRecord record;
    std::int32_t node_version = 0;
    bool partitions_node_exists = false;
    std::set<std::int32_t> partition_nodes;
    std::map<std::int32_t, PartitionState> states;
    bool unclean_election = false;  // the topic's setting, or the broker's
};

struct ClusterState {
    std::map<std::int32_t, LiveBroker> brokers;  // shutting down or not
    std::set<std::int32_t> shutting_down;
    std::map<std::string, TopicInfo, std::less<>> topics;

    TopicInfo* topic(std::string_view name);
    const TopicInfo* topic(std::string_view name) const;
    PartitionInfo* partition(const kafka::TopicPartition& at);
    std::set<std::int32_t> live_ids() const;
    std::vector<std::int32_t> broker_ids() const;
    std::set<std::string, std::less<>> topic_names() const;
    // Partitions with a replica on the broker.
    std::vector<kafka::TopicPartition> partitions_on(std::int32_t broker_id) const;
    // Takes over what a read found; a state that is older than the known one is ignored.
    void take(const std::string& name, const TopicView& view);
};

}  // namespace millrace::broker::controller
