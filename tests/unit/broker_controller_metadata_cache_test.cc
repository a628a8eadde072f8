// What UpdateMetadata leaves in a broker, and how clients see it.
#include "broker/controller/metadata_cache.h"

using namespace millrace;
using namespace millrace::broker::controller;
using kafka::ErrorCode;

namespace {

kafka::UpdateMetadataRequest update(const kafka::Uuid& id, std::int32_t leader) {
    kafka::UpdateMetadataRequest request;
    request.controller_id = 1;
    for (std::int32_t broker = 1; broker <= 2; ++broker) {
        auto& entry = request.live_brokers.emplace_back();
        entry.id = broker;
        entry.endpoints.push_back({9092 + broker, "inside", "INTERNAL", 0});
        if (broker == 1) {
            entry.endpoints.push_back({9192, "outside", "EXTERNAL", 1});
        }
    }
    auto& topic = request.topic_states.emplace_back();
    topic.topic_name = "orders";
    topic.topic_id = id;
    auto& partition = topic.partition_states.emplace_back();
    partition.partition_index = 0;
    partition.leader = leader;
    partition.leader_epoch = 3;
    partition.replicas = {leader == kLeaderDuringDelete ? 1 : leader};
    partition.isr = partition.replicas;
    return request;
}

struct World {
    World() { id = kafka::Uuid::make(random); }
    MetadataCache::Change apply(const kafka::UpdateMetadataRequest& request) {
        auto change = cache.apply(request);
        REQUIRE_FALSE(cache.invariants());
        return change;
    }
    PartitionView view(const std::string& listener, bool v0 = false, bool v6 = true) {
        return cache.view(*cache.topic("orders"), {listener, v0, v6}).at(0);
    }
    Random random{2};
    kafka::Uuid id;
    MetadataCache cache;
};

}  // namespace

TEST_CASE("topics are found by name and by id") {
    World world;
    world.apply(update(world.id, 1));
    REQUIRE(*world.cache.topic_name(world.id) == "orders");
    REQUIRE(world.cache.partition("orders", 0)->leader_epoch == 3);
    REQUIRE(world.cache.partition("orders", 1) == nullptr);
    REQUIRE(world.cache.controller_id() == 1);
    REQUIRE(world.cache.brokers("EXTERNAL").size() == 1);
    REQUIRE(world.cache.brokers("INTERNAL").size() == 2);
}

TEST_CASE("updates merge partitions and replace brokers") {
    World world;
    world.apply(update(world.id, 1));
    auto second = update(world.id, 2);
    second.topic_states[0].partition_states[0].partition_index = 1;
    second.live_brokers.pop_back();
    world.apply(second);
    REQUIRE(world.cache.partition_count("orders") == 2);
    REQUIRE_FALSE(world.cache.is_alive(2));
}

TEST_CASE("a partition led by -2 is gone, and the topic with its last one") {
    World world;
    world.apply(update(world.id, 1));
    const auto change = world.apply(update(world.id, kLeaderDuringDelete));
    REQUIRE(change.removed_topics == std::set<std::string>{"orders"});
    REQUIRE(change.removed.size() == 1);
    REQUIRE(world.cache.topic_name(world.id) == nullptr);
    REQUIRE(world.cache.topics().empty());
}

TEST_CASE("a topic that was made again has the later id only") {
    World world;
    world.apply(update(world.id, 1));
    const kafka::Uuid next = kafka::Uuid::make(world.random);
    world.apply(update(next, 1));
    REQUIRE(world.cache.topic_name(world.id) == nullptr);
    REQUIRE(*world.cache.topic_name(next) == "orders");
}

TEST_CASE("a leader without the client's listener is reported as the version knows it") {
    World world;
    world.apply(update(world.id, 2));
    REQUIRE(world.view("INTERNAL").error == ErrorCode::none);
    REQUIRE(world.view("INTERNAL").leader == 2);
    REQUIRE(world.view("EXTERNAL").error == ErrorCode::listener_not_found);
    REQUIRE(world.view("EXTERNAL", false, false).error == ErrorCode::leader_not_available);
    REQUIRE(world.view("EXTERNAL").leader == kNoLeader);
}

TEST_CASE("a partition without a leader says so") {
    World world;
    auto request = update(world.id, kNoLeader);
    request.topic_states[0].partition_states[0].replicas = {9};
    request.topic_states[0].partition_states[0].isr = {9};
    world.apply(request);
    const PartitionView view = world.view("INTERNAL");
    REQUIRE(view.error == ErrorCode::leader_not_available);
    REQUIRE(view.offline_replicas == std::vector<std::int32_t>{9});
    REQUIRE(view.replicas == std::vector<std::int32_t>{9});
    REQUIRE(world.view("INTERNAL", true).replicas.empty());
}
