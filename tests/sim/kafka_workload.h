// Producers, consumers, group members and the makers of topics, and a reader of the final state.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/kafka/cluster_client.h"
#include "tests/sim/group_history.h"
#include "tests/sim/kafka_history.h"
#include "tests/sim/world.h"

namespace millrace::sim {

inline constexpr std::string_view kTopic = "numbers";
inline constexpr std::int32_t kPartitions = 3;
inline constexpr std::string_view kGroup = "readers";

// A topic that a client made, besides the one that is written to.
struct MadeTopic {
    std::int32_t partitions = 0;
    bool is_made = false;            // acknowledged
    bool is_deletion_asked = false;  // it may be gone
    bool is_deleted = false;         // acknowledged
};

// Shared by the programs of a scenario; outlives them.
struct KafkaWorkload {
    KafkaHistory history;
    GroupHistory group;
    std::map<std::string, MadeTopic> topics;
    std::set<std::int64_t> producer_ids;
    std::vector<runtime::Endpoint> bootstrap;
    bool prepared = false;  // the topic is there
    bool issuing = true;    // false: nothing more is sent
    // When the latest request of a client that was answered with success was sent.
    std::map<std::string, Instant> answered_since;
    std::map<std::string, std::size_t> outstanding;
    std::map<std::string, std::uint64_t> lives;

    explicit KafkaWorkload(const KafkaHistory::Report& report) : history(report), group(report) {}

    void answered(const std::string& client, Instant begun) {
        Instant& since = answered_since[client];
        since = std::max(since, begun);
    }
    // The client's name with the number of its life, so that nothing is named twice.
    std::string new_life(const std::string& client) {
        return client + "." + std::to_string(++lives[client]);
    }
};

kafka::ClusterClientOptions cluster_options(const std::string& client);

// Sends every record once, with acks=all or acks=1.
MakeProgram kafka_producer(World& world, std::string name, std::int16_t acks,
                           KafkaWorkload& workload);
// Sends with sequence numbers, and again until it is acknowledged.
MakeProgram kafka_idempotent_producer(World& world, std::string name, KafkaWorkload& workload);
// Follows all partitions as they grow.
MakeProgram kafka_consumer(World& world, KafkaWorkload& workload);
// Shares the partitions with the other members and commits offsets.
MakeProgram kafka_member(World& world, std::string name, KafkaWorkload& workload);
// Makes the topic that is written to, and others, and deletes some of those.
MakeProgram kafka_topic_maker(World& world, std::string name, KafkaWorkload& workload);

struct KafkaFinal {
    std::map<std::int32_t, KafkaHistory::Log> logs;
    // What ListOffsets says, for partitions that are read up to it.
    std::map<std::int32_t, std::int64_t> ends;
    std::map<std::int32_t, std::int64_t> committed;
    std::map<std::string, std::int32_t> topics;  // with their numbers of partitions
    bool is_committed_read = false;
    bool are_topics_read = false;

    bool done() const {
        return ends.size() == static_cast<std::size_t>(kPartitions) && is_committed_read &&
               are_topics_read;
    }
};
MakeProgram kafka_reader(World& world, KafkaWorkload& workload, KafkaFinal& final);

}  // namespace millrace::sim
