// What may be created, where it is placed, which settings pass.
#include "broker/controller/topic_config.h"
#include "broker/controller/topic_creation.h"

using namespace millrace;
using namespace millrace::broker::controller;
using kafka::ErrorCode;

namespace {

struct World {
    std::set<std::string, std::less<>> topics{"orders", "pay.ments"};
    Random random{11};
    Decision<TopicPlan> plan(const TopicSpec& spec) {
        const TopicContext context{.brokers = {1, 2, 3}, .topics = topics};
        return plan_topic(spec, context, random);
    }
    ErrorCode refusal(const TopicSpec& spec) {
        const Decision<TopicPlan> decision = plan(spec);
        REQUIRE_FALSE(decision.plan);
        return decision.refusal.error;
    }
};

TopicSpec spec(std::string name) {
    TopicSpec result;
    result.name = std::move(name);
    return result;
}

}  // namespace

TEST_CASE("a topic without counts gets the defaults of the broker") {
    World world;
    const auto decision = world.plan(spec("new"));
    REQUIRE(decision.plan);
    REQUIRE(decision.plan->record.partitions.size() == 1);
    REQUIRE_FALSE(decision.plan->record.id.is_zero());
}

TEST_CASE("partitions are spread over all brokers") {
    World world;
    TopicSpec wide = spec("wide");
    wide.partitions = 9;
    const auto decision = world.plan(wide);
    std::map<std::int32_t, int> leaders;
    for (const auto& [number, assignment] : decision.plan->record.partitions) {
        REQUIRE(assignment.replicas.size() == 1);
        ++leaders[assignment.replicas[0]];
    }
    REQUIRE(leaders == std::map<std::int32_t, int>{{1, 3}, {2, 3}, {3, 3}});
}

TEST_CASE("followers are placed as Kafka places them without racks") {
    // Five brokers, factor 3, start 0, shift 0: the table in Kafka's own documentation of the placement.
    const auto placed = place_replicas({0, 1, 2, 3, 4}, 10, {3, 0, 0, 0});
    REQUIRE(placed[0] == std::vector<std::int32_t>{0, 1, 2});
    REQUIRE(placed[4] == std::vector<std::int32_t>{4, 0, 1});
    REQUIRE(placed[5] == std::vector<std::int32_t>{0, 2, 3});
    REQUIRE(placed[9] == std::vector<std::int32_t>{4, 1, 2});
}

TEST_CASE("topics that cannot be are refused with the protocol's own errors") {
    World world;
    REQUIRE(world.refusal(spec("")) == ErrorCode::invalid_topic_exception);
    REQUIRE(world.refusal(spec("a b")) == ErrorCode::invalid_topic_exception);
    REQUIRE(world.refusal(spec(std::string(250, 'a'))) == ErrorCode::invalid_topic_exception);
    REQUIRE(world.refusal(spec("orders")) == ErrorCode::topic_already_exists);
    REQUIRE(world.refusal(spec("pay_ments")) == ErrorCode::invalid_topic_exception);
    TopicSpec wrong = spec("t");
    wrong.partitions = 0;
    REQUIRE(world.refusal(wrong) == ErrorCode::invalid_partitions);
    wrong.partitions = 1;
    wrong.replication_factor = 0;
    REQUIRE(world.refusal(wrong) == ErrorCode::invalid_replication_factor);
    wrong.replication_factor = 4;
    REQUIRE(world.refusal(wrong) == ErrorCode::invalid_replication_factor);
    wrong.replication_factor = 1;
    wrong.configs = {{"no.such.key", "1"}};
    REQUIRE(world.refusal(wrong) == ErrorCode::invalid_config);
}

TEST_CASE("internal topics may be made before their first use, the log of KRaft never") {
    World world;
    TopicSpec internal = spec("__consumer_offsets");
    internal.partitions = 50;
    REQUIRE(world.plan(internal).plan->record.partitions.size() == 50);
    REQUIRE(world.refusal(spec("__cluster_metadata")) == ErrorCode::invalid_request);
}

TEST_CASE("a replication factor above one says what is offered") {
    World world;
    TopicSpec two = spec("t");
    two.replication_factor = 2;
    const auto decision = world.plan(two);
    REQUIRE(decision.refusal.error == ErrorCode::invalid_replication_factor);
    REQUIRE(decision.refusal.message.find("later release") != std::string::npos);
}

TEST_CASE("an assignment must be complete, known and alone") {
    World world;
    TopicSpec assigned = spec("t");
    assigned.assignment = {{0, {3}}, {1, {1}}};
    REQUIRE(world.plan(assigned).plan->record.partitions.at(0).replicas ==
            std::vector<std::int32_t>{3});
    assigned.partitions = 2;
    REQUIRE(world.refusal(assigned) == ErrorCode::invalid_request);
    assigned.partitions = -1;
    assigned.assignment = {{0, {3}}, {2, {1}}};
    REQUIRE(world.refusal(assigned) == ErrorCode::invalid_replica_assignment);
    assigned.assignment = {{0, {9}}};
    REQUIRE(world.refusal(assigned) == ErrorCode::invalid_replica_assignment);
}

TEST_CASE("added partitions go on where the round stopped") {
    TopicRecord present;
    present.partitions = {{0, {{2}, {}, {}}}, {1, {{3}, {}, {}}}};
    const auto more = plan_partitions({"t", 4, std::nullopt}, present, {1, 2, 3});
    REQUIRE(more.plan);
    REQUIRE(more.plan->partitions.at(2).replicas == std::vector<std::int32_t>{1});
    REQUIRE(more.plan->partitions.at(3).replicas == std::vector<std::int32_t>{2});
    REQUIRE(plan_partitions({"t", 2, std::nullopt}, present, {1}).refusal.error ==
            ErrorCode::invalid_partitions);
    REQUIRE(plan_partitions({"t", 1, std::nullopt}, present, {1}).refusal.error ==
            ErrorCode::invalid_partitions);
}

TEST_CASE("every topic key of Kafka 3.9 is declared, and its default passes") {
    REQUIRE(topic_config_keys().size() == 36);
    for (const TopicConfigKey& key : topic_config_keys()) {
        INFO(key.name);
        REQUIRE(find_topic_config(key.name) == &key);
        REQUIRE(check_topic_config(key.name, key.default_value));
        REQUIRE_FALSE(key.doc.empty());
    }
}

TEST_CASE("values outside a key's range are refused") {
    REQUIRE(check_topic_config("unknown", "1").error().message ==
            "Unknown topic config name: unknown");
    REQUIRE(check_topic_config("retention.ms", "x").error().message ==
            "Invalid value x for configuration retention.ms: Not a number of type LONG");
    REQUIRE(check_topic_config("retention.ms", "-2").error().message ==
            "Invalid value -2 for configuration retention.ms: Value must be at least -1");
    REQUIRE(check_topic_config("cleanup.policy", "compact,delete"));
    REQUIRE_FALSE(check_topic_config("cleanup.policy", "compact,shred"));
    REQUIRE_FALSE(check_topic_config("preallocate", "yes"));
    REQUIRE_FALSE(check_topic_config("min.cleanable.dirty.ratio", "1.5"));
    REQUIRE_FALSE(check_topic_config("segment.bytes", "13"));
    REQUIRE_FALSE(check_topic_config("compression.type", "rar"));
    REQUIRE(check_topic_config("leader.replication.throttled.replicas", "*"));
    REQUIRE(check_topic_config("leader.replication.throttled.replicas", "0:1,1:2"));
    REQUIRE_FALSE(check_topic_config("leader.replication.throttled.replicas", "0"));
    REQUIRE_FALSE(
        check_topic_configs({{"min.compaction.lag.ms", "10"}, {"max.compaction.lag.ms", "5"}}));
    REQUIRE_FALSE(check_topic_configs({{"remote.storage.enable", "true"}}));
}

TEST_CASE("the value in force comes from the topic, then the broker, then the default") {
    const TopicConfigKey& bytes = *find_topic_config("segment.bytes");
    REQUIRE(topic_config_in_force(bytes, {{"segment.bytes", "1048576"}}, {}) == "1048576");
    REQUIRE(topic_config_in_force(bytes, {}, {{"log.segment.bytes", "100"}}) == "100");
    REQUIRE(topic_config_in_force(bytes, {}, {}) == "1073741824");
    const TopicConfigKey& retention = *find_topic_config("retention.ms");
    REQUIRE(topic_config_in_force(retention, {}, {{"log.retention.hours", "2"}}) == "7200000");
    REQUIRE(topic_config_in_force(
                retention, {}, {{"log.retention.hours", "2"}, {"log.retention.ms", "5"}}) == "5");
}
