// Producers and consumers of one topic, and a reader of its final state.
#pragma once

#include <map>
#include <string>

#include "lib/kafka/client.h"
#include "tests/sim/kafka_history.h"
#include "tests/sim/world.h"

namespace millrace::sim {

inline constexpr std::int32_t kPartitions = 2;

// Shared by the programs of a scenario; outlives them.
struct KafkaWorkload {
    KafkaHistory history;
    bool prepared = false;  // the topic is there
    bool issuing = true;    // false: nothing more is sent
    // When the latest batch of a producer that was acknowledged was sent.
    std::map<std::string, Instant> answered_since;
    std::map<std::string, std::size_t> outstanding;

    explicit KafkaWorkload(KafkaHistory::Report report) : history(std::move(report)) {}
};

// Sends every record once, with acks=all; the first one makes the topic.
MakeProgram kafka_producer(World& world, std::string name, bool prepares, KafkaWorkload& workload);
// Follows all partitions as they grow.
MakeProgram kafka_consumer(World& world, KafkaWorkload& workload);

struct KafkaFinal {
    std::map<std::int32_t, KafkaHistory::Log> logs;
    std::map<std::int32_t, std::int64_t>
        ends;  // what ListOffsets says, for partitions that are read up to it
};
MakeProgram kafka_reader(World& world, KafkaFinal& final);

}  // namespace millrace::sim
