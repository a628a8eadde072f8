// Who leads next, for lists of any length.
#include "broker/controller/elections.h"

using namespace millrace::broker::controller;

namespace {

struct Case {
    PartitionAssignment assignment{{1, 2, 3}, {}, {}};
    std::set<std::int32_t> live{1, 2, 3};
    std::set<std::int32_t> shutting_down;
    bool unclean = false;
    ElectionInput input() const { return {assignment, live, shutting_down, 5, unclean}; }
};

PartitionState led_by(std::int32_t leader, std::vector<std::int32_t> isr) {
    PartitionState state;
    state.leader = leader;
    state.leader_epoch = 7;
    state.controller_epoch = 4;
    state.isr = std::move(isr);
    return state;
}

}  // namespace

TEST_CASE("a new partition is led by its first live replica, with all live ones in sync") {
    Case given;
    given.live = {2, 3};
    const auto state = initial_state(given.input());
    REQUIRE(state);
    REQUIRE(state->leader == 2);
    REQUIRE(state->isr == std::vector<std::int32_t>{2, 3});
    REQUIRE(state->leader_epoch == 0);
    given.live = {};
    REQUIRE_FALSE(initial_state(given.input()));
}

TEST_CASE("nothing is written while all is well") {
    REQUIRE_FALSE(repaired_state(led_by(1, {1, 2, 3}), Case{}.input()));
}

TEST_CASE("a dead leader is followed by the first of the ISR in assignment order") {
    Case given;
    given.live = {2, 3};
    const auto state = repaired_state(led_by(1, {3, 1, 2}), given.input());
    REQUIRE(state);
    REQUIRE(state->leader == 2);
    REQUIRE(state->isr == std::vector<std::int32_t>{3, 2});
    REQUIRE(state->leader_epoch == 8);
    REQUIRE(state->controller_epoch == 5);
}

TEST_CASE("a dead follower leaves the ISR") {
    Case given;
    given.live = {1, 2};
    const auto state = repaired_state(led_by(1, {1, 2, 3}), given.input());
    REQUIRE(state->leader == 1);
    REQUIRE(state->isr == std::vector<std::int32_t>{1, 2});
}

TEST_CASE("the last of the ISR stays in it when it dies") {
    Case given;
    given.live = {2, 3};
    const auto state = repaired_state(led_by(1, {1}), given.input());
    REQUIRE(state->leader == kNoLeader);
    REQUIRE(state->isr == std::vector<std::int32_t>{1});
    REQUIRE_FALSE(repaired_state(*state, given.input()));
    given.live = {1, 2, 3};
    const auto back = repaired_state(*state, given.input());
    REQUIRE(back->leader == 1);
    REQUIRE(back->leader_epoch == state->leader_epoch + 1);
}

TEST_CASE("an unclean election takes a live replica and marks it as recovering") {
    Case given;
    given.live = {3};
    given.unclean = true;
    const auto state = repaired_state(led_by(1, {1}), given.input());
    REQUIRE(state->leader == 3);
    REQUIRE(state->isr == std::vector<std::int32_t>{3});
    REQUIRE(state->recovery == LeaderRecoveryState::recovering);
}

TEST_CASE("a leader that shuts down hands over to one that stays") {
    Case given;
    given.shutting_down = {1, 2};
    const auto state = state_without(1, led_by(1, {1, 2, 3}), given.input());
    REQUIRE(state->leader == 3);
    REQUIRE(state->isr == std::vector<std::int32_t>{3});
    REQUIRE_FALSE(state_without(1, led_by(1, {1, 2}), given.input()));
    given.assignment.replicas = {1};
    REQUIRE_FALSE(state_without(1, led_by(1, {1}), given.input()));
}

TEST_CASE("a preferred leader leads when it is live and in sync") {
    REQUIRE(preferred_state(led_by(2, {1, 2}), Case{}.input())->leader == 1);
    REQUIRE_FALSE(preferred_state(led_by(1, {1, 2}), Case{}.input()));
    REQUIRE_FALSE(preferred_state(led_by(2, {2, 3}), Case{}.input()));
}
