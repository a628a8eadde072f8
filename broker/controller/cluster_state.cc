#include "broker/controller/cluster_state.h"

#include <algorithm>

namespace millrace::broker::controller {

TopicInfo* ClusterState::topic(std::string_view name) {
    const auto at = topics.find(name);
    return at == topics.end() ? nullptr : &at->second;
}

const TopicInfo* ClusterState::topic(std::string_view name) const {
    const auto at = topics.find(name);
    return at == topics.end() ? nullptr : &at->second;
}

PartitionInfo* ClusterState::partition(const kafka::TopicPartition& at) {
    TopicInfo* info = topic(at.topic);
    if (info == nullptr) {
        return nullptr;
    }
    const auto found = info->partitions.find(at.partition.value());
    return found == info->partitions.end() ? nullptr : &found->second;
}

std::set<std::int32_t> ClusterState::live_ids() const {
    std::set<std::int32_t> ids;
    for (const auto& [id, broker] : brokers) {
        ids.insert(id);
    }
    return ids;
}

std::vector<std::int32_t> ClusterState::broker_ids() const {
    std::vector<std::int32_t> ids;
    for (const auto& [id, broker] : brokers) {
        ids.push_back(id);
    }
    return ids;
}

std::set<std::string, std::less<>> ClusterState::topic_names() const {
    std::set<std::string, std::less<>> names;
    for (const auto& [name, info] : topics) {
        names.insert(name);
    }
    return names;
}

std::vector<kafka::TopicPartition> ClusterState::partitions_on(std::int32_t broker_id) const {
    std::vector<kafka::TopicPartition> found;
    for (const auto& [name, info] : topics) {
        for (const auto& [number, partition] : info.partitions) {
            const auto& replicas = partition.assignment.replicas;
            if (std::ranges::find(replicas, broker_id) != replicas.end()) {
                found.push_back({name, kafka::PartitionId(number)});
            }
        }
    }
    return found;
}

void ClusterState::take(const std::string& name, const TopicView& view) {
    const auto known = topics.find(name);
    // Another id under the same name: the topic was deleted and made again behind our back.
    if (known != topics.end() && !known->second.record.id.is_zero() &&
        known->second.record.id != view.record.id) {
        topics.erase(known);
    }
    TopicInfo& info = topics[name];
    info.record = view.record;
    info.node_version = view.node_version;
    info.partitions_node_exists = view.partitions_node_exists;
    info.unclean_election = view.unclean_election;
    for (const auto& [number, assignment] : view.record.partitions) {
        PartitionInfo& partition = info.partitions[number];
        partition.assignment = assignment;
        partition.node_exists = view.partition_nodes.contains(number);
        const auto state = view.states.find(number);
        const bool later =
            state != view.states.end() &&
            (!partition.state || partition.state->partition_epoch < state->second.partition_epoch);
        if (later) {
            partition.state = state->second;
        }
    }
}

}  // namespace millrace::broker::controller
