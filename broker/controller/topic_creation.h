// Decides what CreateTopics, CreatePartitions, DeleteTopics and auto-creation write, or why they refuse. Pure; the znodes are
// written by the caller, and the controller's watches do the rest. In ZooKeeper mode any broker may create a topic this way.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/controller/zk_records.h"
#include "lib/base/random.h"
#include "lib/kafka/error_code.h"

namespace millrace::broker::controller {

// An answer of the protocol: code and message for one topic.
struct Refusal {
    kafka::ErrorCode error = kafka::ErrorCode::none;
    std::string message;
};

// Either a plan or the reason against it.
template <class Plan>
struct Decision {
    std::optional<Plan> plan;
    Refusal refusal;  // none with a plan
};

struct TopicSpec {
    std::string name;
    std::int32_t partitions = -1;          // -1: the broker's default
    std::int16_t replication_factor = -1;  // -1: the broker's default
    std::map<std::int32_t, std::vector<std::int32_t>>
        assignment;  // by partition; excludes both counts
    std::map<std::string, std::string> configs;
};

// Partitions of one topic that one call may add.
inline constexpr std::int32_t kAddedPartitionsMax = 10'000;

// What the decision looks at.
struct TopicContext {
    std::vector<std::int32_t> brokers;                 // live ones, by id
    const std::set<std::string, std::less<>>& topics;  // all that exist
    std::int32_t default_partitions = 1;               // num.partitions
    std::int16_t default_replication_factor = 1;       // default.replication.factor
    std::int32_t partitions_max = kAddedPartitionsMax;
};

struct TopicPlan {
    std::string name;
    TopicRecord record;  // with a fresh topic id
    ConfigMap configs;   // for /config/topics/T, written even when empty
};
Decision<TopicPlan> plan_topic(const TopicSpec& spec, const TopicContext& context, Random& random);

struct MorePartitions {
    std::string topic;
    std::int32_t count = 0;                                             // the new total
    std::optional<std::vector<std::vector<std::int32_t>>> assignments;  // of the added ones
};
// The new record of the topic. The placement goes on where the first partition started.
Decision<TopicRecord> plan_partitions(const MorePartitions& request, const TopicRecord& present,
                                      const std::vector<std::int32_t>& brokers);

struct Placement {
    std::int16_t replication_factor = 1;  // not above the number of brokers
    std::int32_t start = 0;               // index of the broker that leads partition 0
    std::int32_t shift = 0;               // how far behind its leader the first follower stands
    std::int32_t first_partition = 0;     // number of the first partition to place
};

// Round robin over the brokers in the order given; every full round shifts the followers by one more, so that the partitions
// of one leader have different followers.
std::vector<std::vector<std::int32_t>> place_replicas(const std::vector<std::int32_t>& brokers,
                                                      std::int32_t partitions,
                                                      const Placement& placement);

}  // namespace millrace::broker::controller
