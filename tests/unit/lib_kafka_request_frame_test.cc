#include <catch2/catch.hpp>

#include "lib/kafka/group_records.h"
#include "lib/kafka/groups.h"
#include "lib/kafka/request_frame.h"
#include "lib/kafka/response_of.h"
#include "lib/kafka/versioned.h"

using namespace millrace;
using namespace millrace::kafka;

namespace {

BytesView without_length(const Bytes& frame) {
    return BytesView(frame).subspan(kFrameLengthSize);
}

}  // namespace

TEST_CASE("a header comes back for every API and version") {
    for (const ApiInfo& api : all_apis()) {
        for (std::int16_t version = api.min_version; version <= api.max_version; ++version) {
            RequestHeader header{static_cast<ApiKey>(api.key), version, 77, "me"};
            wire::Writer frame = begin_request(header);
            frame.int64(123456789);
            finish_frame(frame);
            const Bytes bytes = frame.take();
            Result<RequestFrame> parsed = parse_request_frame(without_length(bytes));
            REQUIRE(parsed.has_value());
            if (header.key == ApiKey::controlled_shutdown && version == 0) {
                header.client_id.reset();  // header version 0 has none
            }
            REQUIRE(parsed->header == header);
            REQUIRE(parsed->body.int64() == 123456789);
            REQUIRE(parsed->body.at_end());
        }
    }
}

TEST_CASE("the client id keeps its int16 length where the rest is compact") {
    const RequestHeader header{ApiKey::heartbeat, 4, 1, "ab"};
    const wire::Writer frame = begin_request(header);
    REQUIRE(to_hex(frame.view()) ==
            "00000000"
            "000c"
            "0004"
            "00000001"
            "0002"
            "6162"
            "00");
}

TEST_CASE("an absent client id is null") {
    const wire::Writer frame = begin_request({ApiKey::heartbeat, 0, 1, std::nullopt});
    REQUIRE(to_hex(frame.view()) ==
            "00000000"
            "000c"
            "0000"
            "00000001"
            "ffff");
}

TEST_CASE("tagged fields of a header are skipped") {
    const Bytes frame = from_hex(
        "000c 0004 00000001 ffff"
        "02 00 03 aabbcc 05 00"
        "07");
    Result<RequestFrame> parsed = parse_request_frame(frame);
    REQUIRE(parsed.has_value());
    REQUIRE(parsed->body.int8() == 7);
    REQUIRE(parsed->body.at_end());
}

TEST_CASE("unknown keys and versions are unsupported") {
    REQUIRE(parse_request_frame(from_hex("0034 0000 00000001 ffff")).error().code ==
            Errc::unsupported);
    REQUIRE(parse_request_frame(from_hex("0003 000d 00000001 ffff 00")).error().code ==
            Errc::unsupported);
    REQUIRE(parse_request_frame(from_hex("0003 ffff 00000001 ffff")).error().code ==
            Errc::unsupported);
}

TEST_CASE("ApiVersions of a version to come is let through, for an answer of version 0") {
    const Result<RequestFrame> parsed = parse_request_frame(from_hex("0012 0063 00000009 ffff 00"));
    REQUIRE(parsed.has_value());
    REQUIRE(parsed->header.version == 99);
    REQUIRE(response_header_version(ApiKey::api_versions, 4) == 0);
}

TEST_CASE("damaged headers are malformed") {
    const std::string frame =
        GENERATE("", "000c", "000c 0000 0000", "000c 0000 00000001", "000c 0000 00000001 0005 61",
                 "000c 0004 00000001 ffff", "000c 0004 00000001 ffff 01 00 7f aa");
    REQUIRE(parse_request_frame(from_hex(frame)).error().code == Errc::malformed);
}

TEST_CASE("a response frame has the length of its body, gaps included") {
    FetchResponse response;
    auto& topic = response.topics.emplace_back();
    auto& partition = topic.partitions.emplace_back();
    partition.records.external_size = 1000;
    partition.records.external_id = 4;
    const wire::Writer frame = response_frame({ApiKey::fetch, 12, 5, std::nullopt}, response);
    REQUIRE(frame.gaps().size() == 1);
    wire::Reader reader(frame.view());
    REQUIRE(reader.int32() == static_cast<std::int32_t>(frame.size() + 1000 - kFrameLengthSize));
    REQUIRE(reader.int32() == 5);
}

TEST_CASE("flexible responses have tagged fields behind the correlation id") {
    REQUIRE(response_header_version(ApiKey::heartbeat, 3) == 0);
    REQUIRE(response_header_version(ApiKey::heartbeat, 4) == 1);
    const Bytes frame = from_hex("00000011 01 05 01 ff 2a");
    const Result<ResponseFrame> parsed = parse_response_frame(frame, ApiKey::heartbeat, 4);
    REQUIRE(parsed.has_value());
    REQUIRE(parsed->correlation_id == 17);
    wire::Reader body = parsed->body;
    REQUIRE(body.int8() == 42);
}

TEST_CASE("stored records carry their version in front") {
    OffsetCommitKey key;
    key.group = "g";
    key.topic = "t";
    key.partition = 3;
    const Bytes bytes = encode_versioned(key, 1);
    REQUIRE(to_hex(bytes) ==
            "0001"
            "0001"
            "67"
            "0001"
            "74"
            "00000003");
    REQUIRE(peek_version(bytes).value() == 1);
    REQUIRE(decode_versioned<OffsetCommitKey>(bytes).value() == key);
}

TEST_CASE(
    "records of a version to come are unsupported, consumer metadata is read as the newest known") {
    REQUIRE(decode_versioned<OffsetCommitKey>(from_hex("0002 0001 67")).error().code ==
            Errc::unsupported);
    ConsumerProtocolAssignment assignment;
    Bytes bytes = encode_versioned(assignment, 3);
    bytes[1] = std::byte{9};
    REQUIRE(decode_newest_known<ConsumerProtocolAssignment>(bytes).value() == assignment);
    REQUIRE(decode_newest_known<ConsumerProtocolAssignment>({}).error().code == Errc::malformed);
}
