#include "lib/kafka/cluster_view.h"

namespace millrace::kafka {

namespace {

std::vector<BrokerId> broker_ids(const std::vector<std::int32_t>& numbers) {
    std::vector<BrokerId> ids;
    ids.reserve(numbers.size());
    for (const std::int32_t number : numbers) {
        ids.emplace_back(number);
    }
    return ids;
}

ClusterView::Topic read_topic(const MetadataResponse::Topic& from) {
    ClusterView::Topic topic;
    topic.error = error_from_wire(from.error_code);
    topic.id = from.topic_id;
    for (const auto& partition : from.partitions) {
        topic.partitions[PartitionId(partition.partition_index)] = {
            BrokerId(partition.leader_id), LeaderEpoch(partition.leader_epoch),
            broker_ids(partition.replica_nodes), broker_ids(partition.isr_nodes)};
    }
    return topic;
}

}  // namespace

void ClusterView::merge(const MetadataResponse& response) {
    x_brokers.clear();
    for (const auto& broker : response.brokers) {
        x_brokers[BrokerId(broker.node_id)] = {broker.host,
                                               static_cast<std::uint16_t>(broker.port)};
    }
    x_controller = BrokerId(response.controller_id);
    if (response.cluster_id) {
        x_cluster_id = response.cluster_id;
    }
    if (x_topics.size() + response.topics.size() > kTopicsMax) {
        x_topics.clear();
    }
    for (const auto& topic : response.topics) {
        if (topic.name) {
            x_topics[*topic.name] = read_topic(topic);
        }
    }
}

const ClusterView::Topic* ClusterView::topic(const std::string& name) const {
    const auto found = x_topics.find(name);
    return found == x_topics.end() ? nullptr : &found->second;
}

BrokerId ClusterView::leader(const TopicPartition& of) const {
    const Topic* const known = topic(of.topic);
    if (known == nullptr) {
        return kNoBroker;
    }
    const auto found = known->partitions.find(of.partition);
    return found == known->partitions.end() ? kNoBroker : found->second.leader;
}

std::optional<runtime::Endpoint> ClusterView::endpoint(BrokerId broker) const {
    const auto found = x_brokers.find(broker);
    if (found == x_brokers.end()) {
        return std::nullopt;
    }
    return found->second;
}

}  // namespace millrace::kafka
