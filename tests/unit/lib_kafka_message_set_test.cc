#include "lib/kafka/message_set.h"

#include <array>
#include <catch2/catch.hpp>

#include "lib/kafka/lz4_header.h"

using namespace millrace;
using namespace millrace::kafka;

namespace {

constexpr std::size_t kInflatedMax = 1 << 20;

// As kafka-python 2.0.2 writes them (LegacyRecordBatchBuilder): keys a, null, c with values one, two, null; with magic 1 the
// times 1000, 1001 and 1002. By magic and codec.
struct Golden {
    std::int8_t magic;
    Codec codec;
    std::string_view hex;
};
constexpr std::array kGolden{
    Golden{0, Codec::none,
           "0000000000000000000000124d193dac00000000000161000000036f6e65"
           "0000000000000001000000116732f40b0000ffffffff0000000374776f"
           "00000000000000020000000fa0f24f3700000000000163ffffffff"},
    Golden{
        0, Codec::gzip,
        "00000000000000000000005504bf86790001ffffffff000000471f8b0800c7b80b6b02ff63608003215f49db35601663"
        "229060cecf4b85ca3002b160bad1176e0686ff4000922c29cf874a320131ff824ffee610a5c9201500fde749ed560000"
        "00"},
    Golden{
        0, Codec::snappy,
        "00000000000000000000006a2652f6100002ffffffff0000005c82534e41505059000000000100000001000000485600"
        "00190110124d193dac050f200161000000036f6e65050e40000001000000116732f40b0000ffffffff011d0874776f0d"
        "1d4c020000000fa0f24f3700000000000163ffffffff"},
    Golden{
        0, Codec::lz4,
        "000000000000000000000069e046a0d90003ffffffff0000005b04224d1860401a4c0000001600010051124d193dac0f"
        "00910161000000036f6e650e00f002000001000000116732f40b0000ffffffff1d003074776f1a00f008000000020000"
        "000fa0f24f3700000000000163ffffffff00000000"},
    Golden{1, Codec::none,
           "00000000000000000000001aab5898b4010000000000000003e80000000161000000036f6e65"
           "000000000000000100000019de6ea12b010000000000000003e9ffffffff0000000374776f"
           "0000000000000002000000177fbd4c55010000000000000003ea0000000163ffffffff"},
    Golden{
        1, Codec::gzip,
        "000000000000000000000065ead86d5c01010000000000000000ffffffff0000004f1f8b0800c7b80b6b02ff63608003"
        "a9d51133b6304239cc2f8004632288959f970a1504494adecb5ba80d57f5f23f10801825e5f95031262016afdfeb130a"
        "57f40aa43519a412002606f5216e000000"},
    Golden{
        1, Codec::snappy,
        "00000000000000000000007e8f3e068701020000000000000000ffffffff0000006882534e4150505900000000010000"
        "0001000000546e00001901141aab5898b4010d103403e80000000161000000036f6e650d15011d1019de6ea12b010901"
        "011403e9ffffffff01250874776f01112c00000002000000177fbd4c55152524ea0000000163ffffffff"},
    Golden{
        1, Codec::lz4,
        "00000000000000000000008210f13ca801030000000000000000ffffffff0000006c04224d1868406e00000000000000"
        "155500000016000100631aab5898b4011000e303e80000000161000000036f6e651500001d005019de6ea12b09000002"
        "006003e9ffffffff25003074776f1100c500000002000000177fbd4c552500a0ea0000000163ffffffff00000000"},
};

struct Seen {
    std::int64_t offset = 0;
    std::int64_t timestamp = 0;
    std::optional<std::string> key;
    std::optional<std::string> value;
    bool operator==(const Seen&) const = default;
};

std::optional<std::string> text(const std::optional<BytesView>& bytes) {
    return bytes ? std::optional(std::string(as_text(*bytes))) : std::nullopt;
}

Seen seen(const Record& record) {
    return {record.offset, record.timestamp, text(record.key), text(record.value)};
}

std::vector<Seen> read_set(BytesView set) {
    std::vector<Seen> found;
    MessageSetReader reader(set, kInflatedMax);
    while (reader.next()) {
        found.push_back(seen(reader.record()));
    }
    REQUIRE(reader.status().has_value());
    return found;
}

std::vector<Seen> read_batch(BytesView bytes) {
    const auto batch = BatchView::parse(bytes);
    REQUIRE(batch.has_value());
    REQUIRE(batch->checksum_holds());
    auto reader = RecordReader::open(*batch, kInflatedMax);
    REQUIRE(reader.has_value());
    std::vector<Seen> found;
    while (reader->next()) {
        found.push_back(seen(reader->record()));
    }
    REQUIRE(reader->status().has_value());
    return found;
}

std::vector<Seen> three(std::int64_t first_offset, bool with_times) {
    const auto at = [&](std::int64_t i) { return with_times ? 1000 + i : -1; };
    return {{first_offset, at(0), "a", "one"},
            {first_offset + 1, at(1), std::nullopt, "two"},
            {first_offset + 2, at(2), "c", std::nullopt}};
}

Bytes batch_of_three(Codec codec, BatchOptions options = {}) {
    options.codec = codec;
    options.base_offset = Offset(40);
    RecordBatchBuilder builder(options);
    for (const Seen& record : three(40, true)) {
        Record made;
        made.timestamp = record.timestamp;
        if (record.key) {
            made.key = as_bytes(*record.key);
        }
        if (record.value) {
            made.value = as_bytes(*record.value);
        }
        made.headers.push_back({"h", as_bytes(std::string_view("lost"))});
        builder.add(made);
    }
    return builder.build();
}

}  // namespace

TEST_CASE("message sets of an old client become one batch of the same records and codec") {
    const Golden golden = GENERATE(from_range(kGolden));
    CAPTURE(golden.magic, name_of(golden.codec));
    const auto batch = batch_of_message_set(from_hex(golden.hex), kInflatedMax);
    REQUIRE(batch.has_value());
    REQUIRE(read_batch(*batch) == three(0, golden.magic > 0));
    REQUIRE(BatchView::parse(*batch)->codec() == golden.codec);
    REQUIRE(BatchView::parse(*batch)->max_timestamp() == (golden.magic > 0 ? 1002 : -1));
}

TEST_CASE("sets in one request follow each other, and a cut last message does not count") {
    Bytes set = from_hex(kGolden[4].hex);
    const Bytes more = from_hex(kGolden[7].hex);
    set.insert(set.end(), more.begin(), more.end());
    set.insert(set.end(), more.begin(), more.begin() + 40);
    const auto batch = batch_of_message_set(set, kInflatedMax);
    REQUIRE(batch.has_value());
    REQUIRE(read_batch(*batch).size() == 6);
    REQUIRE(BatchView::parse(*batch)->codec() == Codec::lz4);
}

TEST_CASE("batches become messages that an old client reads: offsets and times stay, headers go") {
    const Codec codec = GENERATE(Codec::none, Codec::gzip, Codec::snappy, Codec::lz4);
    const auto magic = GENERATE(std::int8_t{0}, std::int8_t{1});
    CAPTURE(magic, name_of(codec));
    const Bytes batch = batch_of_three(codec);
    const auto set = message_set_of_batches(
        batch, {.magic = magic, .first_offset = 40, .inflated_bytes_max = kInflatedMax});
    REQUIRE(set.has_value());
    REQUIRE(read_set(*set) == three(40, magic > 0));
    const auto first = peek_batch(*set);
    REQUIRE(first->magic == magic);
    REQUIRE(first->base_offset == (codec == Codec::none ? 40 : 42));  // a wrapper has the last
}

TEST_CASE("uncompressed messages below the offset asked for are left out") {
    const auto set = message_set_of_batches(
        batch_of_three(Codec::none),
        {.magic = 1, .first_offset = 41, .inflated_bytes_max = kInflatedMax});
    REQUIRE(read_set(*set).front().offset == 41);
}

TEST_CASE("messages of magic 1 in a log are made magic 0, and older ones are left as they are") {
    const Golden golden = GENERATE(from_range(kGolden));
    CAPTURE(golden.magic, name_of(golden.codec));
    const Bytes stored = from_hex(golden.hex);
    const auto set = message_set_of_batches(
        stored, {.magic = 0, .first_offset = -10, .inflated_bytes_max = kInflatedMax});
    REQUIRE(set.has_value());
    REQUIRE(peek_batch(*set)->magic == 0);
    REQUIRE(read_set(*set).size() == 3);
    if (golden.magic == 0) {
        REQUIRE(*set == stored);
    }
}

TEST_CASE("markers do not reach old clients, and zstd is refused") {
    const Bytes marker = end_transaction_batch({.producer_id = ProducerId(1),
                                                .producer_epoch = ProducerEpoch(0),
                                                .coordinator_epoch = CoordinatorEpoch(0),
                                                .commit = true,
                                                .timestamp = 5});
    REQUIRE(message_set_of_batches(marker, {.inflated_bytes_max = kInflatedMax})->empty());
    REQUIRE(
        message_set_of_batches(batch_of_three(Codec::zstd), {.inflated_bytes_max = kInflatedMax})
            .error()
            .code == Errc::unsupported);
}

TEST_CASE("a set ends before a batch of zstd") {
    Bytes batches = batch_of_three(Codec::lz4);
    const Bytes zstd = batch_of_three(Codec::zstd);
    batches.insert(batches.end(), zstd.begin(), zstd.end());
    REQUIRE(
        read_set(*message_set_of_batches(batches, {.inflated_bytes_max = kInflatedMax})).size() ==
        3);
}

TEST_CASE("log append time holds for every message of a wrapper") {
    BatchOptions options;
    options.log_append_time = 7777;
    const auto set = message_set_of_batches(batch_of_three(Codec::gzip, options),
                                            {.inflated_bytes_max = kInflatedMax});
    MessageSetReader reader(*set, kInflatedMax);
    REQUIRE(reader.next());
    REQUIRE(reader.timestamp_type() == TimestampType::log_append_time);
    REQUIRE(reader.record().timestamp == 7777);
}

TEST_CASE("damaged message sets are refused") {
    Bytes set = from_hex(kGolden[4].hex);
    SECTION("a flipped bit") {
        set[set.size() - 1] ^= std::byte{1};
    }
    SECTION("a length that cannot be") {
        set[11] = std::byte{3};
    }
    SECTION("a value longer than its message") {
        set[26 + 4 + 4] = std::byte{0x7f};
    }
    REQUIRE(batch_of_message_set(set, kInflatedMax).error().code == Errc::malformed);
}

TEST_CASE("a wrapper inflates to no more than allowed") {
    const auto big = GENERATE(Codec::gzip, Codec::lz4);
    BatchOptions options;
    options.codec = big;
    RecordBatchBuilder builder(options);
    const std::string value(100'000, 'x');
    Record record;
    record.value = as_bytes(value);
    builder.add(record);
    const auto set = message_set_of_batches(builder.build(), {.inflated_bytes_max = kInflatedMax});
    REQUIRE(batch_of_message_set(*set, 10'000).error().code == Errc::too_large);
}

TEST_CASE("the header checksum of lz4 frames: as specified, and as magic 0 has it (KAFKA-3160)") {
    // Of the golden frames above, whose writer computed both with a library of its own.
    Bytes specified = from_hex("04224d1868406e0000000000000015 55");
    Bytes of_magic_0 = from_hex("04224d186040 1a 4c000000");
    const Bytes wanted_specified = specified;
    const Bytes wanted_of_magic_0 = of_magic_0;
    specified[14] = std::byte{0};
    set_lz4_header_checksum(specified, Lz4HeaderChecksum::specified);
    REQUIRE(specified == wanted_specified);
    of_magic_0[6] = std::byte{0};
    set_lz4_header_checksum(of_magic_0, Lz4HeaderChecksum::of_magic_0);
    REQUIRE(of_magic_0 == wanted_of_magic_0);
}

TEST_CASE("a batch packed anew keeps its records and its producer") {
    BatchOptions options;
    options.producer_id = ProducerId(9);
    options.producer_epoch = ProducerEpoch(3);
    options.base_sequence = 17;
    const Codec from = GENERATE(Codec::none, Codec::zstd);
    const Codec to = GENERATE(Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd);
    const Bytes bytes = batch_of_three(from, options);
    const auto packed = recompress(*BatchView::parse(bytes),
                                   {.codec = to, .level = {}, .inflated_bytes_max = kInflatedMax});
    REQUIRE(packed.has_value());
    const BatchView batch = *BatchView::parse(*packed);
    REQUIRE(batch.codec() == to);
    REQUIRE(batch.base_sequence() == 17);
    REQUIRE(batch.producer_id() == ProducerId(9));
    REQUIRE(batch.producer_epoch() == ProducerEpoch(3));
    REQUIRE(read_batch(*packed) == three(40, true));
}
