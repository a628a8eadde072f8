// Numbers of the Kafka protocol that must not be mixed up, and the names made of them.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

#include "lib/base/strong_id.h"
#include "lib/kafka/uuid.h"

namespace millrace::kafka {

using BrokerId = StrongId<struct BrokerIdTag, std::int32_t>;
using PartitionId = StrongId<struct PartitionIdTag, std::int32_t>;
// Position of a record in its partition.
using Offset = StrongId<struct OffsetTag, std::int64_t>;
// Counts the leaders of one partition.
using LeaderEpoch = StrongId<struct LeaderEpochTag, std::int32_t>;
// Version of the znode that holds a partition's state; counts every change of leader or ISR.
using PartitionEpoch = StrongId<struct PartitionEpochTag, std::int32_t>;
// Counts the controllers of a cluster.
using ControllerEpoch = StrongId<struct ControllerEpochTag, std::int32_t>;
// czxid of the znode under which a broker is registered: differs for every life of a broker.
using BrokerEpoch = StrongId<struct BrokerEpochTag, std::int64_t>;
using ProducerId = StrongId<struct ProducerIdTag, std::int64_t>;
using ProducerEpoch = StrongId<struct ProducerEpochTag, std::int16_t>;
// Leader epoch of the partition of an internal topic that a coordinator is made of.
using CoordinatorEpoch = StrongId<struct CoordinatorEpochTag, std::int32_t>;
// Counts the rebalances of a group.
using Generation = StrongId<struct GenerationTag, std::int32_t>;

// The protocol's "none".
inline constexpr BrokerId kNoBroker{-1};
inline constexpr Offset kNoOffset{-1};
inline constexpr LeaderEpoch kNoLeaderEpoch{-1};
inline constexpr BrokerEpoch kNoBrokerEpoch{-1};
inline constexpr ProducerId kNoProducerId{-1};
inline constexpr ProducerEpoch kNoProducerEpoch{-1};
inline constexpr std::int32_t kNoSequence = -1;
inline constexpr std::int64_t kNoTimestamp = -1;

// Sentinels of LeaderAndIsr, UpdateMetadata and StopReplica.
inline constexpr BrokerId kLeaderDuringDelete{-2};
inline constexpr LeaderEpoch kEpochDuringDelete{-2};

struct TopicPartition {
    std::string topic;
    PartitionId partition;

    auto operator<=>(const TopicPartition&) const = default;
    // "topic-0", also the name of the log's directory.
    std::string to_string() const { return topic + '-' + std::to_string(partition.value()); }
};

struct TopicIdPartition {
    Uuid topic_id;
    PartitionId partition;

    auto operator<=>(const TopicIdPartition&) const = default;
};

}  // namespace millrace::kafka

template <>
struct std::hash<millrace::kafka::Uuid> {
    std::size_t operator()(const millrace::kafka::Uuid& id) const noexcept {
        const auto* const text = reinterpret_cast<const char*>(id.bytes.data());
        return std::hash<std::string_view>()({text, id.bytes.size()});
    }
};

template <>
struct std::hash<millrace::kafka::TopicPartition> {
    std::size_t operator()(const millrace::kafka::TopicPartition& of) const noexcept {
        const auto partition = static_cast<std::size_t>(of.partition.value());
        return std::hash<std::string>()(of.topic) ^ (partition * 0x9e3779b97f4a7c15ULL);
    }
};

template <>
struct std::hash<millrace::kafka::TopicIdPartition> {
    std::size_t operator()(const millrace::kafka::TopicIdPartition& of) const noexcept {
        const auto partition = static_cast<std::size_t>(of.partition.value());
        return std::hash<millrace::kafka::Uuid>()(of.topic_id) ^
               (partition * 0x9e3779b97f4a7c15ULL);
    }
};
