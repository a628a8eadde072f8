// Who leads a partition next. Pure functions over one partition; nullopt means that nothing is to be written.
// Every result has the leader epoch raised by one and the epoch of the controller that decides.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "broker/controller/zk_records.h"

namespace millrace::broker::controller {

struct ElectionInput {
    const PartitionAssignment& assignment;
    const std::set<std::int32_t>& live;           // brokers that can serve
    const std::set<std::int32_t>& shutting_down;  // live ones that must not get new work
    std::int32_t controller_epoch = 0;
    bool unclean_allowed = false;  // unclean.leader.election.enable of the topic
};

// The first state of a partition: all live replicas are in sync, the first of them leads, epoch 0. nullopt: none is live.
std::optional<PartitionState> initial_state(const ElectionInput& input);

// What the deaths of brokers ask for: dead replicas leave the ISR, but never the last ones; a dead leader is followed by the
// first live member of the ISR in assignment order, else by the first live replica if unclean elections are allowed, else by
// nobody. Also brings a partition without a leader back.
std::optional<PartitionState> repaired_state(const PartitionState& state,
                                             const ElectionInput& input);

// A leader among the others before this broker stops; both leave the ISR what cannot serve. nullopt: nobody can take over,
// or the partition has one replica only.
std::optional<PartitionState> state_without(std::int32_t leaving, const PartitionState& state,
                                            const ElectionInput& input);

// The head of the assignment, if it is live, in sync and does not lead already.
std::optional<PartitionState> preferred_state(const PartitionState& state,
                                              const ElectionInput& input);

}  // namespace millrace::broker::controller
