// What the generator makes of tests/golden/codegen/probe.schema, against bytes written by hand from Kafka's protocol guide.
#include "tests/golden/codegen/probe.h"
#include "tests/golden/codegen/samples.h"
#include "tests/support/codec_probe.h"

namespace millrace::kafka {
namespace {

template <class T>
std::string encoded(const T& value, std::int16_t version) {
    return to_hex(tests::encode_value(value, version));
}

template <class T>
Result<T> decoded(std::string_view hex, std::int16_t version) {
    static Bytes bytes;  // what `records` borrow from
    bytes = from_hex(hex);
    wire::Reader reader(bytes);
    return T::decode(reader, version);
}

template <class T>
std::string failure(std::string_view hex, std::int16_t version) {
    const Result<T> result = decoded<T>(hex, version);
    return result ? "decoded" : result.error().to_string();
}

TEST_CASE("constants come from the statement, for a response from its request") {
    STATIC_REQUIRE(ProbeRequest::kApiKey == 900);
    STATIC_REQUIRE(ProbeResponse::kApiKey == 900);
    STATIC_REQUIRE(ProbeRequest::kMinVersion == 0);
    STATIC_REQUIRE(ProbeRequest::kMaxVersion == 4);
    STATIC_REQUIRE(ProbeRequest::kFirstFlexible == 3);
    STATIC_REQUIRE(ProbeNote::kFirstFlexible == 32767);
}

TEST_CASE("a fresh struct holds the defaults of the schema") {
    const ProbeRequest probe;
    REQUIRE(probe.flag);
    REQUIRE(probe.tiny == -7);
    REQUIRE(probe.port == 9092);
    REQUIRE(probe.long_number == INT64_MAX);
    REQUIRE(probe.ratio == 0.5);
    REQUIRE(probe.name == "none");
    REQUIRE(probe.title == "");
    REQUIRE(probe.spare == Bytes{});
    REQUIRE_FALSE(probe.words.has_value());
    REQUIRE_FALSE(probe.cursor.has_value());
    REQUIRE(probe.tail.leader == -1);
    REQUIRE(probe.topic_id.is_zero());
    REQUIRE_FALSE(probe.records.is_null);
}

TEST_CASE("version 0 has plain lengths and no tagged fields") {
    ProbeRequest probe;
    probe.raw = to_bytes("r");
    probe.records.is_null = true;
    probe.numbers = {1, -1};
    probe.item.key = "k";
    probe.item.inner = {{.value = 2}};
    REQUIRE(encoded(probe, 0) ==
            "01"                        // flag
            "f9"                        // tiny
            "0000"                      // small
            "ffffffff"                  // early
            "00000000"                  // wide
            "7fffffffffffffff"          // long_number
            "3fe0000000000000"          // ratio
            "00046e6f6e65"              // name
            "0000"                      // title
            "0000000172"                // raw
            "00000000"                  // spare
            "ffffffff"                  // records, null
            "0000000200000001ffffffff"  // numbers
            "ffffffff"                  // words, null
            "00000000"                  // shared
            "00016b000000010002");      // item
}

TEST_CASE("version 4 has compact lengths and tagged fields in ascending order") {
    ProbeRequest probe;
    probe.title.reset();
    probe.raw = to_bytes("r");
    probe.words = std::vector<std::string>{"w"};
    probe.shared = {{.id = 1, .note = "n"}};
    probe.cursor = ProbeRequest::Cursor{.topic = "t", .partition = 3};
    probe.text = "yy";
    probe.tail.leader = 7;
    probe.late = std::vector<std::int64_t>{};
    REQUIRE(encoded(probe, 4) ==
            "01f90000"
            "2384"      // port
            "00000000"  // wide
            "7fffffffffffffff3fe0000000000000"
            "056e6f6e65"                        // name
            "00"                                // title, null
            "0272"                              // raw
            "01"                                // spare, empty
            "00000000000000000000000000000000"  // topic_id
            "01"                                // records, empty
            "01"                                // numbers, empty
            "020277"                            // words
            "02"
            "00000001"
            "026e"
            "00"  // shared, with its own tagged fields
            "01"
            "01"
            "00"  // item
            "01"
            "0274"
            "00000003"
            "00"  // cursor, present
            "03"  // three tagged fields
            "00"
            "09"
            "00000007"
            "ffffffff"
            "00"  // tail
            "02"
            "03"
            "037979"  // text
            "05"
            "01"
            "01");  // late, empty but not null
}

TEST_CASE("tagged fields that hold their default are left out") {
    REQUIRE(encoded(ProbeRequest{}, 4).ends_with("ff00"));
    REQUIRE(encoded(ProbeResponse{}, 4) ==
            "0000"
            "00"
            "ff"
            "00");
}

TEST_CASE("unknown tagged fields are skipped") {
    const auto response = decoded<ProbeResponse>(
        "0005"
        "0261"
        "ff"
        "02"
        "0701aa"
        "c80100",
        3);
    REQUIRE(response.has_value());
    REQUIRE(response->error_code == 5);
    REQUIRE(response->reason == "a");
}

TEST_CASE("a known tag that this version does not carry is skipped") {
    ProbeRequest probe;
    probe.late = std::vector<std::int64_t>{1};
    Bytes bytes = tests::encode_value(probe, 4);
    wire::Reader reader(bytes);
    const auto older = ProbeRequest::decode(reader, 3);
    REQUIRE(older.has_value());
    REQUIRE(reader.at_end());
    REQUIRE_FALSE(older->late.has_value());
}

TEST_CASE("a tagged field whose size is not that of its value is malformed") {
    const std::string body = encoded(ProbeRequest{}, 4);
    const std::string front = body.substr(0, body.size() - 2);
    REQUIRE(failure<ProbeRequest>(front + "01"
                                          "0204027979",
                                  4)
                .ends_with("(malformed)"));
    REQUIRE(failure<ProbeRequest>(front + "01"
                                          "0202037979",
                                  4)
                .ends_with("(malformed)"));
    REQUIRE(failure<ProbeRequest>(front + "01"
                                          "0203037979",
                                  4) == "decoded");
}

TEST_CASE("a nullable struct is marked by -1 or 1") {
    REQUIRE(decoded<ProbeResponse>("000000ff00", 3)->next_cursor.has_value() == false);
    const auto present = decoded<ProbeResponse>("0000000102740000", 3);
    REQUIRE(present->next_cursor.has_value());
    REQUIRE(present->next_cursor->topic == "t");
}

TEST_CASE("null where the version has none is malformed") {
    REQUIRE(failure<ProbeNote>("ffff", 0) ==
            "ProbeNote version 0 does not follow its format at byte 2 (malformed)");
    const std::string front =
        "01f90000ffffffff00000000"
        "7fffffffffffffff3fe0000000000000"
        "00046e6f6e65";
    REQUIRE(failure<ProbeRequest>(front + "ffff", 1).ends_with("(malformed)"));
}

TEST_CASE("lengths that the input does not hold are refused before anything is allocated") {
    REQUIRE(failure<ProbeNote>("7fff61", 0).ends_with("(malformed)"));
    REQUIRE(failure<ProbeNote>("fffe", 0).ends_with("(malformed)"));
    const std::string note_with_many_tags =
        "0000"
        "00"
        "ff"
        "ffffffff0f";
    REQUIRE(failure<ProbeResponse>(note_with_many_tags, 3).ends_with("(malformed)"));
    const std::string front =
        "01f90000ffffffff00000000"
        "7fffffffffffffff3fe0000000000000"
        "0000"
        "0000"
        "00000000"
        "00000000"
        "ffffffff";
    REQUIRE(failure<ProbeRequest>(front + "7fffffff"
                                          "00000001",
                                  0)
                .ends_with("(malformed)"));
    REQUIRE(failure<ProbeRequest>(front + "fffffffe", 0).ends_with("(malformed)"));
}

TEST_CASE("strings above 32767 bytes are refused in flexible versions too") {
    Bytes bytes = from_hex(
        "0000"
        "818002");  // compact length 32768
    bytes.resize(bytes.size() + 32768, std::byte{'a'});
    bytes.push_back(std::byte{0xff});
    bytes.push_back(std::byte{0});
    wire::Reader reader(bytes);
    REQUIRE_FALSE(ProbeResponse::decode(reader, 3).has_value());
}

TEST_CASE("a version outside the message is unsupported") {
    REQUIRE(failure<ProbeNote>("0000", 2) == "ProbeNote has versions 0 to 1, not 2 (unsupported)");
}

TEST_CASE("an ignorable value is dropped where it cannot be carried") {
    ProbeRequest probe;
    probe.port = 1;
    probe.text = "dropped";
    REQUIRE(encoded(probe, 0) == encoded(ProbeRequest{}, 0));
}

TEST_CASE("a field that ends is read and written between its versions only") {
    const ProbeMiddle middle{.first = 1, .middle = 2};
    REQUIRE(encoded(middle, 1) == "0102");
    REQUIRE(encoded(middle, 2) == "010200");
    REQUIRE(encoded(ProbeMiddle{.first = 1}, 0) == "01");
    REQUIRE(encoded(ProbeMiddle{.first = 1}, 3) == "010500");
    REQUIRE(decoded<ProbeMiddle>("010900", 3)->strict == 9);
    REQUIRE(decoded<ProbeMiddle>("01", 0)->strict == 5);
}

TEST_CASE("records may be a gap that the sender fills") {
    ProbeRequest probe;
    probe.records = {.external_size = 10, .external_id = 4};
    wire::Writer writer;
    probe.encode(writer, 0);
    REQUIRE(writer.gaps().size() == 1);
    REQUIRE(writer.gaps()[0].id == 4);
    REQUIRE(writer.gaps()[0].size == 10);
    REQUIRE(to_hex(writer.view().subspan(writer.gaps()[0].position - 4, 4)) == "0000000a");
}

TEST_CASE("every probe message in every version survives a round trip") {
    Random random(20);
    for (const tests::CodecProbe& probe : tests::tests_golden_codegen_samples()) {
        for (std::int16_t version = probe.min_version; version <= probe.max_version; ++version) {
            for (int i = 0; i < 200; ++i) {
                INFO(probe.name << " version " << version << " run " << i);
                REQUIRE(probe.round_trips(random, version));
            }
        }
    }
}

}  // namespace
}  // namespace millrace::kafka
