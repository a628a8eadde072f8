#include "cli/output/topic_lines.h"

#include <fmt/format.h>

namespace millrace::cli {

std::string topic_line(const TopicState& topic) {
    std::vector<std::string> configs;
    for (const auto& [name, value] : topic.configs) {
        configs.push_back(fmt::format("{}={}", name, value));
    }
    const std::size_t replicas =
        topic.partitions.empty() ? 0 : topic.partitions.front().replicas.size();
    return fmt::format(
        "Topic: {}\tTopicId: {}\tPartitionCount: {}\tReplicationFactor: {}\tConfigs: {}\n",
        topic.name, topic.id.to_string(), topic.partitions.size(), replicas,
        fmt::join(configs, ","));
}

std::string partition_line(const std::string& topic, const PartitionState& partition) {
    return fmt::format(
        "\tTopic: {}\tPartition: {}\tLeader: {}\tReplicas: {}\tIsr: {}\tElr: N/A\tLastKnownElr: "
        "N/A\n",
        topic, partition.id, partition.leader < 0 ? "none" : std::to_string(partition.leader),
        fmt::join(partition.replicas, ","), fmt::join(partition.isr, ","));
}

}  // namespace millrace::cli
