// KIP-101: where leader epochs begin and end.
#include "broker/log/leader_epochs.h"

using namespace millrace::broker::log;

namespace {

LeaderEpochs sample() {
    LeaderEpochs epochs;
    epochs.assign(0, 0);
    epochs.assign(2, 10);
    epochs.assign(5, 20);
    epochs.invariants();
    return epochs;
}

}  // namespace

TEST_CASE("An epoch ends where the next one begins, the last at the log end") {
    const LeaderEpochs epochs = sample();
    REQUIRE(epochs.end_of(0, 30) == EpochEnd{0, 10});
    REQUIRE(epochs.end_of(2, 30) == EpochEnd{2, 20});
    REQUIRE(epochs.end_of(5, 30) == EpochEnd{5, 30});
}

TEST_CASE("An epoch that left no records is answered by the one below it") {
    REQUIRE(sample().end_of(3, 30) == EpochEnd{2, 20});
}

TEST_CASE("Epochs above the last one and -1 are unknown") {
    REQUIRE(sample().end_of(6, 30) == EpochEnd{-1, -1});
    REQUIRE(sample().end_of(-1, 30) == EpochEnd{-1, -1});
    REQUIRE(LeaderEpochs{}.end_of(0, 30) == EpochEnd{-1, -1});
}

TEST_CASE("An epoch below the first one ends where the first begins") {
    LeaderEpochs epochs;
    epochs.assign(4, 7);
    REQUIRE(epochs.end_of(2, 30) == EpochEnd{2, 7});
}

TEST_CASE("An epoch at the offset of the last one replaces it") {
    LeaderEpochs epochs = sample();
    REQUIRE(epochs.assign(6, 20));
    REQUIRE(epochs.entries().back() == EpochStart{6, 20});
    REQUIRE(epochs.entries().size() == 3);
    REQUIRE_FALSE(epochs.assign(6, 25));
    epochs.invariants();
}

TEST_CASE("Truncation at the end drops epochs that begin there or later") {
    LeaderEpochs epochs = sample();
    REQUIRE(epochs.truncate_end(10));
    REQUIRE(epochs.latest() == 0);
    REQUIRE_FALSE(epochs.truncate_end(10));
}

TEST_CASE("Truncation at the start keeps the epoch of the new start") {
    LeaderEpochs epochs = sample();
    REQUIRE(epochs.truncate_start(15));
    REQUIRE(epochs.entries().front() == EpochStart{2, 15});
    REQUIRE(epochs.epoch_at(15) == 2);
    REQUIRE(epochs.epoch_at(14) == -1);
    REQUIRE_FALSE(epochs.truncate_start(15));
    epochs.invariants();
}

TEST_CASE("A checkpoint whose epochs do not rise is refused") {
    REQUIRE_FALSE(decode_leader_epochs("0\n2\n1 0\n1 5\n"));
    REQUIRE_FALSE(decode_leader_epochs("0\n2\n1 5\n2 5\n"));
    REQUIRE(decode_leader_epochs("0\n0\n")->entries().empty());
}
