// Fetches that wait for records.
#include <catch2/catch.hpp>

#include "tests/support/lone_broker.h"

using namespace millrace;
using namespace millrace::broker;
using broker::testing::kLoneBrokerId;
using broker::testing::LoneBroker;

namespace {

struct World : LoneBroker {
    World() {
        replica::Partition* partition = *replicas->obtain({"t", 0}, {});
        REQUIRE(partition->apply({.leader = kLoneBrokerId,
                                  .leader_epoch = 0,
                                  .partition_epoch = 0,
                                  .controller_epoch = 1,
                                  .isr = {kLoneBrokerId},
                                  .replicas = {kLoneBrokerId}}));
        kafka::UpdateMetadataRequest known;
        known.controller_epoch = 1;
        auto& topic = known.topic_states.emplace_back();
        topic.topic_name = "t";
        auto& state = topic.partition_states.emplace_back();
        state.leader = kLoneBrokerId;
        state.replicas = state.isr = {kLoneBrokerId};
        metadata.apply(known);
    }

    // At the end of the empty partition, for as long as the protocol can say.
    std::shared_ptr<broker::testing::KeptExchange> wait_for_records(std::int32_t millis) {
        kafka::FetchRequest request;
        request.max_wait_ms = millis;
        request.min_bytes = 1;
        request.max_bytes = 1 << 20;
        request.replica_id = -1;
        auto& topic = request.topics.emplace_back();
        topic.topic = "t";
        auto& partition = topic.partitions.emplace_back();
        partition.partition_max_bytes = 1 << 20;
        return begin(request, 4);
    }
};

}  // namespace

TEST_CASE("a fetch of nothing is answered when its time is over") {
    World world;
    const auto fetch = world.wait_for_records(1'000);
    REQUIRE_FALSE(fetch->answer);
    world.loop.advance(999ms);
    REQUIRE_FALSE(fetch->answer);
    world.loop.advance(1ms);
    REQUIRE(fetch->answer);
}

TEST_CASE("a fetch whose client has gone waits no longer") {
    World world;
    const auto fetch = world.wait_for_records(std::numeric_limits<std::int32_t>::max());
    REQUIRE(fetch->gone);
    // The exchange is held by the test and by the fetch alone.
    REQUIRE(fetch.use_count() == 2);
    std::exchange(fetch->gone, nullptr)();
    REQUIRE(fetch.use_count() == 1);
    world.loop.advance(std::chrono::hours(24 * 30));
    REQUIRE_FALSE(fetch->answer);
}
