// Ids, topic names, error codes, API names.
#include <catch2/catch.hpp>
#include <set>

#include "lib/base/bytes.h"
#include "lib/kafka/api_key.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/ids.h"
#include "lib/kafka/topic_name.h"

using namespace millrace;
using namespace millrace::kafka;

TEST_CASE("a topic id is written and read as 22 base64 digits") {
    const Result<Uuid> id = Uuid::parse("lMt-darETGKkGf4HgNLXcg");
    REQUIRE(id.has_value());
    REQUIRE(to_hex(id->bytes) == "94cb7e75aac44c62a419fe0780d2d772");
    REQUIRE(id->to_string() == "lMt-darETGKkGf4HgNLXcg");
    REQUIRE(Uuid{}.to_string() == "AAAAAAAAAAAAAAAAAAAAAA");
    REQUIRE(Uuid::parse("lMt-darETGKkGf4HgNLXcg==").value() == *id);
}

TEST_CASE("text that is no topic id is refused") {
    REQUIRE(!Uuid::parse("").has_value());
    REQUIRE(!Uuid::parse("lMt-darETGKkGf4HgNLXc").has_value());
    REQUIRE(!Uuid::parse("lMt+darETGKkGf4HgNLXcg").has_value());
}

TEST_CASE("new topic ids are random, of version 4, and no tool takes them for an option") {
    Random random(7);
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const Uuid id = Uuid::make(random);
        REQUIRE((id.bytes[6] & std::byte{0xf0}) == std::byte{0x40});
        REQUIRE(!id.to_string().starts_with('-'));
        REQUIRE(seen.insert(id.to_string()).second);
    }
}

TEST_CASE("legal topic names pass") {
    REQUIRE(check_topic_name("orders").has_value());
    REQUIRE(check_topic_name("a.B_c-9").has_value());
    REQUIRE(check_topic_name("...").has_value());
    REQUIRE(check_topic_name(std::string(249, 'x')).has_value());
}

TEST_CASE("illegal topic names are refused with a reason") {
    const std::string name = GENERATE("", ".", "..", "a b", "caf\xc3\xa9", "a/b", "a\n");
    REQUIRE(check_topic_name(name).error().code == Errc::invalid_argument);
    REQUIRE(!check_topic_name(std::string(250, 'x')).has_value());
}

TEST_CASE("topic names that differ in dots and underscores only collide") {
    REQUIRE(topic_names_collide("a.b_c", "a_b.c"));
    REQUIRE(!topic_names_collide("a.b", "a-b"));
    REQUIRE(!topic_names_collide("a.b", "a.bc"));
}

TEST_CASE("error codes have the protocol's numbers and spelling") {
    REQUIRE(to_wire(ErrorCode::unknown_topic_or_partition) == 3);
    REQUIRE(name_of(ErrorCode::unknown_topic_or_partition) == "UNKNOWN_TOPIC_OR_PARTITION");
    REQUIRE(name_of(ErrorCode::transaction_abortable) == "TRANSACTION_ABORTABLE");
    REQUIRE(to_wire(ErrorCode::voter_not_found) == 127);
    REQUIRE(message_of(ErrorCode::none).empty());
    REQUIRE(message_of(ErrorCode::request_timed_out) == "The request timed out.");
}

TEST_CASE("a code that is not in the list is an unknown server error") {
    REQUIRE(error_from_wire(-1) == ErrorCode::unknown_server_error);
    REQUIRE(error_from_wire(128) == ErrorCode::unknown_server_error);
    REQUIRE(error_from_wire(-32768) == ErrorCode::unknown_server_error);
    REQUIRE(error_from_wire(127) == ErrorCode::voter_not_found);
    REQUIRE(error_from_wire(0) == ErrorCode::none);
}

TEST_CASE("errors of the moment are retriable, errors of the request are not") {
    REQUIRE(is_retriable(ErrorCode::not_controller));
    REQUIRE(is_retriable(ErrorCode::coordinator_load_in_progress));
    REQUIRE(is_retriable(ErrorCode::not_enough_replicas));
    REQUIRE(!is_retriable(ErrorCode::none));
    REQUIRE(!is_retriable(ErrorCode::topic_already_exists));
    REQUIRE(!is_retriable(ErrorCode::unknown_server_error));
}

TEST_CASE("every api key of the enum has a row in the table of the same number") {
    REQUIRE(name_of(ApiKey::offset_for_leader_epoch) == "OffsetForLeaderEpoch");
    REQUIRE(info_of(ApiKey::fetch).max_version == 17);
    REQUIRE(info_of(ApiKey::sasl_handshake).first_flexible == 32767);
    REQUIRE(find_api(52) == nullptr);
    REQUIRE(find_api(-1) == nullptr);
}

TEST_CASE("a partition's text is the name of its directory") {
    const TopicPartition partition{"my-topic", PartitionId(3)};
    REQUIRE(partition.to_string() == "my-topic-3");
    const TopicPartition other{"my-topic", PartitionId(4)};
    REQUIRE(partition < other);
    REQUIRE(std::hash<TopicPartition>()(partition) != std::hash<TopicPartition>()(other));
}
