#include "broker/controller/elections.h"

#include <algorithm>

namespace millrace::broker::controller {
namespace {

bool contains(const std::vector<std::int32_t>& ids, std::int32_t id) {
    return std::ranges::find(ids, id) != ids.end();
}

std::vector<std::int32_t> without(const std::vector<std::int32_t>& ids, auto drop) {
    std::vector<std::int32_t> rest;
    std::ranges::copy_if(ids, std::back_inserter(rest), [&](std::int32_t id) { return !drop(id); });
    return rest;
}

PartitionState next_epoch(PartitionState state, const ElectionInput& input) {
    state.leader_epoch += 1;
    state.controller_epoch = input.controller_epoch;
    return state;
}

}  // namespace

std::optional<PartitionState> initial_state(const ElectionInput& input) {
    PartitionState state;
    state.isr = without(input.assignment.replicas,
                        [&](std::int32_t id) { return !input.live.contains(id); });
    if (state.isr.empty()) {
        return std::nullopt;
    }
    state.leader = state.isr.front();
    state.controller_epoch = input.controller_epoch;
    return state;
}

std::optional<PartitionState> repaired_state(const PartitionState& state,
                                             const ElectionInput& input) {
    PartitionState next = state;
    const auto dead = [&](std::int32_t id) { return !input.live.contains(id); };
    const std::vector<std::int32_t> live_isr = without(state.isr, dead);
    if (!live_isr.empty()) {
        next.isr = live_isr;
    }
    if (dead(state.leader)) {
        next.leader = kNoLeader;
        for (const std::int32_t id : input.assignment.replicas) {
            if (contains(live_isr, id)) {
                next.leader = id;
                break;
            }
        }
        const auto& replicas = input.assignment.replicas;
        const auto first_live = std::ranges::find_if_not(replicas, dead);
        if (next.leader == kNoLeader && input.unclean_allowed && first_live != replicas.end()) {
            next.leader = *first_live;
            next.isr = {*first_live};
            next.recovery = LeaderRecoveryState::recovering;
        }
    }
    if (next == state) {
        return std::nullopt;
    }
    return next_epoch(std::move(next), input);
}

std::optional<PartitionState> state_without(std::int32_t leaving, const PartitionState& state,
                                            const ElectionInput& input) {
    const bool involved = state.leader == leaving || contains(state.isr, leaving);
    if (input.assignment.replicas.size() < 2 || !involved) {
        return std::nullopt;
    }
    PartitionState next = state;
    if (state.leader == leaving) {
        next.isr =
            without(state.isr, [&](std::int32_t id) { return input.shutting_down.contains(id); });
        const auto& replicas = input.assignment.replicas;
        const auto heir = std::ranges::find_if(replicas, [&](std::int32_t id) {
            return contains(next.isr, id) && input.live.contains(id);
        });
        if (heir == replicas.end()) {
            return std::nullopt;
        }
        next.leader = *heir;
    } else {
        next.isr = without(state.isr, [&](std::int32_t id) { return id == leaving; });
        if (next.isr.empty()) {
            return std::nullopt;
        }
    }
    return next_epoch(std::move(next), input);
}

std::optional<PartitionState> preferred_state(const PartitionState& state,
                                              const ElectionInput& input) {
    if (input.assignment.replicas.empty()) {
        return std::nullopt;
    }
    const std::int32_t head = input.assignment.replicas.front();
    if (state.leader == head || !input.live.contains(head) || !contains(state.isr, head) ||
        input.shutting_down.contains(head)) {
        return std::nullopt;
    }
    PartitionState next = state;
    next.leader = head;
    return next_epoch(std::move(next), input);
}

}  // namespace millrace::broker::controller
