// Committed offsets: what a commit writes, when it counts, what forgets it.
#include "broker/group/coordinator.h"

using namespace millrace;
using namespace millrace::broker::group;

namespace {

const TopicPartition kFirst{"orders", kafka::PartitionId(0)};
const TopicPartition kSecond{"orders", kafka::PartitionId(1)};

struct World {
    World() : coordinator(CoordinatorConfig{}, random) {
        for (std::int32_t partition = 0; partition < 50; ++partition) {
            REQUIRE(coordinator.begin_load(partition, 1));
            (void)coordinator.finish_load(partition, at);
        }
    }
    CommitRequest request(std::int64_t offset, std::string metadata = "") const {
        CommitRequest commit;
        commit.group_id = "g";
        commit.offsets.push_back({kFirst, offset, 5, std::move(metadata), std::nullopt});
        return commit;
    }
    std::vector<Effect> commit(const CommitRequest& commit) {
        return checked(coordinator.commit(Token(++token), commit, at));
    }
    std::vector<Effect> checked(std::vector<Effect> effects) {
        REQUIRE_FALSE(coordinator.invariants());
        return effects;
    }
    std::vector<Effect> persist(const Effect& append, ErrorCode error = ErrorCode::none) {
        return checked(
            coordinator.appended(std::get<Append>(append).ticket, error, next_offset++, at));
    }
    // Commits and lets the log take it.
    void committed(std::int64_t offset) { persist(commit(request(offset))[0]); }
    FetchedOffset fetch(bool stable = false, const TopicPartition& at_partition = kFirst) {
        return coordinator.fetch({"g", std::vector{at_partition}, stable}).offsets.at(0);
    }

    Random random{3};
    Moment at{{Duration{std::chrono::hours(1)}}, {1'700'000'000'000}};
    Coordinator coordinator;
    std::uint64_t token = 0;
    std::int64_t next_offset = 0;
};

ErrorCode first_error(const Effect& effect) {
    return std::get<CommitResponse>(std::get<Respond>(effect).response).offsets.at(0);
}

}  // namespace

TEST_CASE("a commit counts and is answered when the log has it") {
    World world;
    const std::vector<Effect> effects = world.commit(world.request(42, "note"));
    REQUIRE(effects.size() == 1);
    REQUIRE(world.fetch().offset == -1);
    REQUIRE(world.fetch(true).error == ErrorCode::unstable_offset_commit);
    const std::vector<Effect> after = world.persist(effects[0]);
    REQUIRE(after.size() == 1);
    REQUIRE(first_error(after[0]) == ErrorCode::none);
    REQUIRE(world.fetch(true).offset == 42);
    REQUIRE(world.fetch().metadata == "note");
    REQUIRE(world.fetch().leader_epoch == 5);
}

TEST_CASE("a commit is written as key version 1 and value version 3") {
    World world;
    const std::vector<Effect> effects = world.commit(world.request(42, "n"));
    const auto& append = std::get<Append>(effects[0]);
    REQUIRE(append.partition == world.coordinator.partition_of("g"));
    REQUIRE(to_hex(append.records[0].key) == "000100016700066f726465727300000000");
    REQUIRE(to_hex(*append.records[0].value) ==
            "0003000000000000002a0000000500016e0000018bcfe56800");
}

TEST_CASE("a commit with its own retention is written as value version 1") {
    World world;
    CommitRequest commit = world.request(42);
    commit.retention_ms = 1000;
    const std::vector<Effect> effects = world.commit(commit);
    const auto value = decode_offset_value(*std::get<Append>(effects[0]).records[0].value);
    REQUIRE(value);
    REQUIRE(value->expire_timestamp == world.at.wall.millis + 1000);
    REQUIRE(std::get<Append>(effects[0]).records[0].value->at(1) == std::byte{1});
}

TEST_CASE("a failed append of a commit is answered and leaves no trace") {
    World world;
    const std::vector<Effect> effects = world.commit(world.request(42));
    const std::vector<Effect> after = world.persist(effects[0], ErrorCode::not_leader_or_follower);
    REQUIRE(first_error(after[0]) == ErrorCode::not_coordinator);
    REQUIRE(world.fetch(true).offset == -1);
    REQUIRE(world.fetch(true).error == ErrorCode::none);
}

TEST_CASE("metadata above the limit fails its own partition only") {
    World world;
    CommitRequest commit = world.request(42, std::string(4097, 'x'));
    commit.offsets.push_back({kSecond, 7, -1, std::string(4096, 'x'), std::nullopt});
    const std::vector<Effect> after = world.persist(world.commit(commit)[0]);
    const auto response = std::get<CommitResponse>(std::get<Respond>(after[0]).response);
    REQUIRE(response.offsets == std::vector{ErrorCode::offset_metadata_too_large, ErrorCode::none});
    REQUIRE(world.fetch(false, kSecond).offset == 7);
}

TEST_CASE("metadata is measured in the characters of Java") {
    REQUIRE(utf16_length("abc") == 3);
    REQUIRE(utf16_length("\xc3\xa4") == 1);
    REQUIRE(utf16_length("\xe2\x82\xac") == 1);
    REQUIRE(utf16_length("\xf0\x9f\x98\x80") == 2);
}

TEST_CASE("a commit with a generation for a group that is gone is refused") {
    World world;
    CommitRequest commit = world.request(1);
    commit.generation = 3;
    commit.member_id = "m";
    REQUIRE(first_error(world.commit(commit)[0]) == ErrorCode::illegal_generation);
    world.committed(1);
    REQUIRE(first_error(world.commit(commit)[0]) == ErrorCode::unknown_member_id);
}

TEST_CASE("only members commit while a group has members") {
    World world;
    JoinRequest join;
    join.group_id = "g";
    join.client_id = "c";
    join.session_timeout = std::chrono::seconds(10);
    join.rebalance_timeout = std::chrono::seconds(10);
    join.protocol_type = "consumer";
    join.protocols = {{"range", {}}};
    (void)world.coordinator.join(Token(99), join, world.at);
    world.at.now = world.at.now + std::chrono::seconds(3);
    const auto effects = world.checked(world.coordinator.expire(world.at));
    const auto joined = std::get<JoinResponse>(std::get<Respond>(effects[0]).response);
    REQUIRE(first_error(world.commit(world.request(1))[0]) == ErrorCode::unknown_member_id);
    CommitRequest commit = world.request(1);
    commit.generation = joined.generation;
    commit.member_id = joined.member_id;
    // The assignment of this generation is not out yet.
    REQUIRE(first_error(world.commit(commit)[0]) == ErrorCode::rebalance_in_progress);
    commit.generation += 1;
    REQUIRE(first_error(world.commit(commit)[0]) == ErrorCode::illegal_generation);
}

TEST_CASE("two commits under way settle on the later one") {
    World world;
    const std::vector<Effect> one = world.commit(world.request(1));
    const std::vector<Effect> two = world.commit(world.request(2));
    world.persist(one[0]);
    REQUIRE(world.fetch().offset == 1);
    REQUIRE(world.fetch(true).error == ErrorCode::unstable_offset_commit);
    world.persist(two[0]);
    REQUIRE(world.fetch(true).offset == 2);
}

TEST_CASE("a transactional commit counts from its commit marker") {
    World world;
    TransactionalCommitRequest request{world.request(9), 77, 0};
    const auto effects =
        world.checked(world.coordinator.commit_transactional(Token(50), request, world.at));
    REQUIRE(std::get<Append>(effects[0]).producer_id == 77);
    world.persist(effects[0]);
    REQUIRE(world.fetch().offset == -1);
    REQUIRE(world.fetch(true).error == ErrorCode::unstable_offset_commit);
    SECTION("commit") {
        world.coordinator.end_transaction(world.coordinator.partition_of("g"), 77, true);
        REQUIRE(world.fetch(true).offset == 9);
    }
    SECTION("abort") {
        world.coordinator.end_transaction(world.coordinator.partition_of("g"), 77, false);
        REQUIRE(world.fetch(true).offset == -1);
    }
    SECTION("a plain commit after it in the log wins") {
        world.committed(10);
        world.coordinator.end_transaction(world.coordinator.partition_of("g"), 77, true);
        REQUIRE(world.fetch(true).offset == 10);
    }
}

TEST_CASE("a simple group expires by the time of each commit") {
    World world;
    world.committed(1);
    world.at.now = world.at.now + std::chrono::minutes(10);
    world.at.wall.millis += std::int64_t{10080} * 60'000 - 1;
    REQUIRE(world.checked(world.coordinator.expire(world.at)).empty());
    world.at.now = world.at.now + std::chrono::minutes(10);
    world.at.wall.millis += 1;
    const auto effects = world.checked(world.coordinator.expire(world.at));
    REQUIRE(effects.size() == 1);
    const auto& append = std::get<Append>(effects[0]);
    // One tombstone for the offset; generation 0 has no metadata record to delete.
    REQUIRE(append.records.size() == 1);
    REQUIRE_FALSE(append.records[0].value);
    REQUIRE(world.coordinator.group_count() == 0);
    REQUIRE(world.persist(effects[0]).empty());
}

TEST_CASE("a deleted group answers when its tombstones are in the log") {
    World world;
    world.committed(1);
    const auto effects = world.checked(world.coordinator.delete_group(Token(60), "g", world.at));
    REQUIRE(effects.size() == 1);
    const auto after = world.persist(effects[0]);
    REQUIRE(std::get<DeleteGroupResponse>(std::get<Respond>(after[0]).response).error ==
            ErrorCode::none);
    REQUIRE(world.coordinator.describe("g").state == "Dead");
    const auto again = world.coordinator.delete_group(Token(61), "g", world.at);
    REQUIRE(std::get<DeleteGroupResponse>(std::get<Respond>(again[0]).response).error ==
            ErrorCode::group_id_not_found);
}

TEST_CASE("offsets go with their topic") {
    World world;
    world.committed(1);
    const auto effects = world.checked(world.coordinator.forget_topics({"orders"}, world.at));
    REQUIRE(std::get<Append>(effects[0]).records.size() == 1);
    REQUIRE(world.fetch().offset == -1);
}

TEST_CASE("single offsets of an empty group can be deleted") {
    World world;
    world.committed(1);
    const auto effects = world.checked(
        world.coordinator.delete_offsets(Token(60), {"g", {kFirst, kSecond}}, world.at));
    const auto after = world.persist(effects[0]);
    const auto response = std::get<DeleteOffsetsResponse>(std::get<Respond>(after[0]).response);
    REQUIRE(response.partitions == std::vector{ErrorCode::none, ErrorCode::none});
    REQUIRE(world.fetch().offset == -1);
}

TEST_CASE("loading replays commits, tombstones and transactions") {
    World world;
    const std::int32_t partition = world.coordinator.partition_of("g");
    (void)world.coordinator.unload(partition, 2, world.at);
    REQUIRE(world.coordinator.begin_load(partition, 3));
    const Bytes first = encode_offset_key({"g", kFirst});
    const Bytes second = encode_offset_key({"g", kSecond});
    OffsetValue value;
    value.offset = 5;
    const Bytes five = encode_offset_value(value);
    value.offset = 6;
    const Bytes six = encode_offset_value(value);
    REQUIRE(world.coordinator.replay(partition, {10, false, -1, first, five}));
    REQUIRE(world.coordinator.replay(partition, {11, true, 77, second, six}));
    REQUIRE(world.coordinator.replay(partition, {12, true, 78, first, six}));
    world.coordinator.replay_marker(partition, 77, true);
    SECTION("a committed transaction counts, an open one pends") {
        (void)world.coordinator.finish_load(partition, world.at);
        REQUIRE(world.fetch().offset == 5);
        REQUIRE(world.fetch(true).error == ErrorCode::unstable_offset_commit);
        REQUIRE(world.fetch(true, kSecond).offset == 6);
        world.coordinator.end_transaction(partition, 78, true);
        REQUIRE(world.fetch(true).offset == 6);
    }
    SECTION("a tombstone removes") {
        REQUIRE(world.coordinator.replay(partition, {13, false, -1, first, std::nullopt}));
        (void)world.coordinator.finish_load(partition, world.at);
        REQUIRE(world.fetch().offset == -1);
    }
    SECTION("a key of a newer coordinator is skipped") {
        const Bytes later = from_hex("0003000167");
        REQUIRE(world.coordinator.replay(partition, {13, false, -1, later, five}));
    }
    SECTION("a broken value is reported") {
        REQUIRE_FALSE(
            world.coordinator.replay(partition, {13, false, -1, first, from_hex("0003")}));
    }
}

TEST_CASE("values of all versions are read") {
    // v0: offset, metadata, timestamp; v2 the same; v4: flexible.
    REQUIRE(
        decode_offset_value(from_hex("0000 0000000000000007 0001 61 0000000000000009"))->metadata ==
        "a");
    REQUIRE(decode_offset_value(from_hex("0002 0000000000000007 0001 61 0000000000000009"))
                ->commit_timestamp == 9);
    REQUIRE(
        decode_offset_value(from_hex("0004 0000000000000007 00000003 02 61 0000000000000009 00"))
            ->leader_epoch == 3);
    REQUIRE_FALSE(decode_offset_value(from_hex("0005 0000000000000007")));
}

TEST_CASE("groups live in the partition that Java's hash gives") {
    World world;
    REQUIRE(world.coordinator.partition_of("g") == 'g' % 50);
    REQUIRE(world.coordinator.partition_of("console-consumer-12345") ==
            kafka::partition_for_id("console-consumer-12345", 50));
}
