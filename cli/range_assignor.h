// The "range" assignor of Kafka's consumers: each topic is cut into as many stretches as it has subscribers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace millrace::cli {

// Partitions by topic.
using Assignment = std::map<std::string, std::vector<std::int32_t>>;

// subscriptions: topics by member id. Members in the order of their ids get stretches of equal length; the first ones get one
// partition more when it does not come out even. Topics without a partition count are left out. Every member has an entry.
std::map<std::string, Assignment> assign_ranges(
    const std::map<std::string, std::vector<std::string>>& subscriptions,
    const std::map<std::string, std::int32_t>& partition_counts);

}  // namespace millrace::cli
