// The lines of `kafka-topics.sh --describe`, as Kafka 3.9 prints them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/kafka/uuid.h"

namespace millrace::cli {

struct PartitionState {
    std::int32_t id = 0;
    std::int32_t leader = -1;  // -1: none
    std::vector<std::int32_t> replicas;
    std::vector<std::int32_t> isr;
};

struct TopicState {
    std::string name;
    kafka::Uuid id;
    std::vector<PartitionState> partitions;      // by id
    std::map<std::string, std::string> configs;  // those that differ from Kafka's defaults
};

// Each with its line end.
std::string topic_line(const TopicState& topic);
std::string partition_line(const std::string& topic, const PartitionState& partition);

}  // namespace millrace::cli
