#include <catch2/catch.hpp>

#include "lib/kafka/record.h"

using namespace millrace;
using namespace millrace::kafka;

namespace {

Record record(std::string_view key, std::string_view value, std::int64_t timestamp) {
    Record made;
    made.timestamp = timestamp;
    made.key = as_bytes(key);
    made.value = as_bytes(value);
    return made;
}

Bytes three_records(const BatchOptions& options) {
    RecordBatchBuilder builder(options);
    builder.add(record("a", "one", 1000));
    builder.add(record("b", "two", 1500));
    builder.add(record("c", "three", 1200));
    return builder.build();
}

BatchView parsed(const Bytes& bytes) {
    const Result<BatchView> batch = BatchView::parse(bytes);
    REQUIRE(batch.has_value());
    return *batch;
}

}  // namespace

TEST_CASE("a built batch has the header it was asked for") {
    BatchOptions options;
    options.base_offset = Offset(40);
    options.partition_leader_epoch = LeaderEpoch(7);
    options.producer_id = ProducerId(9000);
    options.producer_epoch = ProducerEpoch(2);
    options.base_sequence = 11;
    options.transactional = true;
    const Bytes bytes = three_records(options);
    const BatchView batch = parsed(bytes);
    REQUIRE(batch.checksum_holds());
    REQUIRE(batch.size() == bytes.size());
    REQUIRE(batch.base_offset() == Offset(40));
    REQUIRE(batch.last_offset() == Offset(42));
    REQUIRE(batch.next_offset() == Offset(43));
    REQUIRE(batch.partition_leader_epoch() == LeaderEpoch(7));
    REQUIRE(batch.base_timestamp() == 1000);
    REQUIRE(batch.max_timestamp() == 1500);
    REQUIRE(batch.producer_id() == ProducerId(9000));
    REQUIRE(batch.producer_epoch() == ProducerEpoch(2));
    REQUIRE(batch.last_sequence() == 13);
    REQUIRE(batch.record_count() == 3);
    REQUIRE(batch.is_transactional());
    REQUIRE(!batch.is_control());
    REQUIRE(batch.codec() == Codec::none);
}

TEST_CASE("records come back from a batch of every codec") {
    BatchOptions options;
    options.codec = GENERATE(Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd);
    options.base_offset = Offset(5);
    const Bytes bytes = three_records(options);
    const BatchView batch = parsed(bytes);
    REQUIRE(batch.codec() == options.codec);
    Result<RecordReader> reader = RecordReader::open(batch, 1000);
    REQUIRE(reader.has_value());
    REQUIRE(reader->next());
    REQUIRE(reader->record().offset == 5);
    REQUIRE(reader->record().timestamp == 1000);
    REQUIRE(as_text(*reader->record().key) == "a");
    REQUIRE(reader->next());
    REQUIRE(reader->next());
    REQUIRE(reader->record().offset == 7);
    REQUIRE(reader->offset_delta() == 2);
    REQUIRE(reader->record().timestamp == 1200);
    REQUIRE(as_text(*reader->record().value) == "three");
    REQUIRE(!reader->next());
    REQUIRE(reader->status().has_value());
}

TEST_CASE("null keys, null values and headers survive") {
    RecordBatchBuilder builder({});
    Record tombstone;
    tombstone.key = as_bytes("k");
    tombstone.headers = {{"h", std::nullopt}, {"", as_bytes("v")}};
    builder.add(tombstone);
    Record keyless;
    keyless.value = BytesView{};
    builder.add(keyless);
    const Bytes bytes = builder.build();
    Result<RecordReader> reader = RecordReader::open(parsed(bytes), 0);
    REQUIRE(reader.has_value());
    REQUIRE(reader->next());
    REQUIRE(!reader->record().value.has_value());
    REQUIRE(reader->record().headers.size() == 2);
    REQUIRE(!reader->record().headers[0].value.has_value());
    REQUIRE(as_text(*reader->record().headers[1].value) == "v");
    REQUIRE(reader->next());
    REQUIRE(!reader->record().key.has_value());
    REQUIRE(reader->record().value.has_value());
    REQUIRE(reader->record().headers.empty());
}

TEST_CASE("base offset and leader epoch change without touching the checksum") {
    Bytes bytes = three_records({});
    set_base_offset(bytes, Offset(1'000'000'000'000));
    set_partition_leader_epoch(bytes, LeaderEpoch(12));
    const BatchView batch = parsed(bytes);
    REQUIRE(batch.base_offset() == Offset(1'000'000'000'000));
    REQUIRE(batch.partition_leader_epoch() == LeaderEpoch(12));
    REQUIRE(batch.checksum_holds());
}

TEST_CASE("a built batch can be given to a producer") {
    BatchOptions options;
    options.producer_id = ProducerId(0x0102030405060708);
    options.producer_epoch = ProducerEpoch(3);
    options.base_sequence = 0x11223344;
    Bytes bytes = three_records({});
    set_producer(bytes, options.producer_id, options.producer_epoch, options.base_sequence);
    REQUIRE(to_hex(bytes) == to_hex(three_records(options)));
}

TEST_CASE("a batch with a negative offset is not compressed anew") {
    Bytes bytes = three_records({});
    set_base_offset(bytes, Offset(std::numeric_limits<std::int64_t>::min()));
    REQUIRE(recompress(parsed(bytes), {.codec = Codec::gzip, .inflated_bytes_max = 1 << 20})
                .error()
                .code == Errc::malformed);
}

TEST_CASE("with log append time every record has the time of the append") {
    Bytes bytes = three_records({});
    set_max_timestamp(bytes, TimestampType::log_append_time, 77777);
    const BatchView batch = parsed(bytes);
    REQUIRE(batch.checksum_holds());
    REQUIRE(batch.timestamp_type() == TimestampType::log_append_time);
    Result<RecordReader> reader = RecordReader::open(batch, 0);
    REQUIRE(reader.has_value());
    while (reader->next()) {
        REQUIRE(reader->record().timestamp == 77777);
    }
    set_max_timestamp(bytes, TimestampType::create_time, 1500);
    REQUIRE(to_hex(bytes) == to_hex(three_records({})));
}

TEST_CASE("a compacted batch keeps its gaps and its last offset") {
    BatchOptions options;
    options.base_offset = Offset(10);
    options.last_offset = Offset(20);
    options.base_sequence = 3;
    options.producer_id = ProducerId(1);
    RecordBatchBuilder builder(options);
    Record kept = record("k", "v", 5);
    kept.offset = 14;
    builder.add_at(kept);
    const Bytes bytes = builder.build();
    const BatchView batch = parsed(bytes);
    REQUIRE(batch.base_offset() == Offset(10));
    REQUIRE(batch.last_offset() == Offset(20));
    REQUIRE(batch.last_sequence() == 13);
    REQUIRE(batch.record_count() == 1);
    Result<RecordReader> reader = RecordReader::open(batch, 0);
    REQUIRE(reader.has_value());
    REQUIRE(reader->next());
    REQUIRE(reader->record().offset == 14);
}

TEST_CASE("an emptied batch still tells its offsets and sequence") {
    BatchOptions options;
    options.codec = Codec::gzip;
    options.base_offset = Offset(10);
    options.last_offset = Offset(12);
    options.base_sequence = 0;
    RecordBatchBuilder builder(options);
    const Bytes bytes = builder.build();
    const BatchView batch = parsed(bytes);
    REQUIRE(bytes.size() == kBatchHeaderSize);
    REQUIRE(batch.last_offset() == Offset(12));
    REQUIRE(batch.last_sequence() == 2);
    REQUIRE(batch.record_count() == 0);
    REQUIRE(batch.checksum_holds());
}

TEST_CASE("record times are distances from the delete horizon when there is one (KIP-534)") {
    BatchOptions options;
    options.delete_horizon = 9000;
    const Bytes bytes = three_records(options);
    const BatchView batch = parsed(bytes);
    REQUIRE(batch.has_delete_horizon());
    REQUIRE(batch.base_timestamp() == 9000);
    REQUIRE(batch.max_timestamp() == 1500);
    Result<RecordReader> reader = RecordReader::open(batch, 0);
    REQUIRE(reader.has_value());
    REQUIRE(reader->next());
    REQUIRE(reader->record().timestamp == 1000);
}

TEST_CASE("sequence numbers wrap to zero") {
    BatchOptions options;
    options.base_sequence = std::numeric_limits<std::int32_t>::max() - 1;
    const Bytes bytes = three_records(options);
    REQUIRE(parsed(bytes).last_sequence() == 0);
}

TEST_CASE("one changed byte behind the checksum is noticed") {
    Bytes bytes = three_records({});
    const std::size_t at = GENERATE(21U, 40U, 61U, 70U);
    bytes[at] ^= std::byte{1};
    REQUIRE(!BatchView::parse(bytes).value().checksum_holds());
}

TEST_CASE("a batch that is cut short is malformed") {
    const Bytes bytes = three_records({});
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const Result<BatchView> batch = BatchView::parse(BytesView(bytes).first(size));
        REQUIRE(batch.error().code == Errc::malformed);
    }
}

TEST_CASE("message formats before Kafka 0.11 are refused by name") {
    Bytes bytes = three_records({});
    bytes[16] = std::byte{GENERATE(std::uint8_t{0}, std::uint8_t{1})};
    const Result<BatchView> batch = BatchView::parse(bytes);
    REQUIRE(batch.error().code == Errc::unsupported);
    REQUIRE(peek_batch(bytes).value().magic == std::to_integer<int>(bytes[16]));
}

TEST_CASE("headers that cannot be are malformed") {
    Bytes bytes = three_records({});
    SECTION("magic 3") {
        bytes[16] = std::byte{3};
    }
    SECTION("a negative length") {
        bytes[8] = std::byte{0x80};
    }
    SECTION("a length below the header's") {
        bytes[10] = std::byte{0};
        bytes[11] = std::byte{48};
    }
    SECTION("a negative last offset delta") {
        bytes[23] = std::byte{0xff};
    }
    SECTION("no offset behind it") {
        set_base_offset(bytes, Offset(std::numeric_limits<std::int64_t>::max() - 2));
    }
    SECTION("more records than fit") {
        bytes[59] = std::byte{1};
    }
    REQUIRE(BatchView::parse(bytes).error().code == Errc::malformed);
}

TEST_CASE("an unknown codec is refused") {
    Bytes bytes = three_records({});
    bytes[22] = std::byte{5};
    REQUIRE(BatchView::parse(bytes).error().code == Errc::unsupported);
}

TEST_CASE("a count that does not match the records is noticed while reading") {
    Bytes bytes = three_records({});
    bytes[60] = std::byte{GENERATE(std::uint8_t{2}, std::uint8_t{4})};
    Result<RecordReader> reader = RecordReader::open(parsed(bytes), 0);
    REQUIRE(reader.has_value());
    while (reader->next()) {
    }
    REQUIRE(reader->status().error().code == Errc::malformed);
}

TEST_CASE("damaged records end the reading with malformed") {
    Random random(5);
    const Bytes good = three_records({});
    int damaged = 0;
    for (int round = 0; round < 2000; ++round) {
        Bytes bytes = good;
        const std::size_t records_size = bytes.size() - kBatchHeaderSize;
        bytes[kBatchHeaderSize + random.below(records_size)] =
            static_cast<std::byte>(random.below(256));
        Result<RecordReader> reader = RecordReader::open(parsed(bytes), 0);
        REQUIRE(reader.has_value());
        while (reader->next()) {
        }
        damaged += reader->status().has_value() ? 0 : 1;
    }
    REQUIRE(damaged > 100);
}

TEST_CASE("a record outside of the offsets of its batch is damage") {
    Bytes bytes = three_records({});
    bytes[26] = std::byte{1};  // the last offset delta, which was 2
    Result<RecordReader> reader = RecordReader::open(parsed(bytes), 0);
    REQUIRE(reader->next());
    REQUIRE(reader->next());
    REQUIRE_FALSE(reader->next());
    REQUIRE(reader->status().error().code == Errc::malformed);
}

TEST_CASE("times that lie further apart than an int64 can say survive") {
    constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min();
    constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
    RecordBatchBuilder builder(BatchOptions{});
    builder.add(record("a", "1", kFirst));
    builder.add(record("b", "2", kLast));
    const Bytes bytes = builder.build();
    RecordReader reader = *RecordReader::open(parsed(bytes), 0);
    REQUIRE(reader.next());
    REQUIRE(reader.record().timestamp == kFirst);
    REQUIRE(reader.next());
    REQUIRE(reader.record().timestamp == kLast);
}

TEST_CASE("batches follow one another until the last one that is cut short") {
    Bytes log = three_records({});
    BatchOptions second;
    second.base_offset = Offset(3);
    const Bytes more = three_records(second);
    log.insert(log.end(), more.begin(), more.end());
    log.insert(log.end(), more.begin(), more.begin() + 30);
    BatchReader batches(log);
    REQUIRE(batches.next());
    REQUIRE(batches.batch().base_offset() == Offset(0));
    REQUIRE(batches.next());
    REQUIRE(batches.batch().base_offset() == Offset(3));
    REQUIRE(!batches.next());
    REQUIRE(batches.status().has_value());
    REQUIRE(batches.rest().size() == 30);
}

TEST_CASE("the size of a record is never underestimated") {
    const std::string key(300, 'k');
    const std::string value(70000, 'v');
    Record big = record(key, value, 1LL << 60);
    big.headers = {{"name", as_bytes("value")}};
    RecordBatchBuilder builder({});
    builder.add(record("", "", 0));
    const std::size_t before = builder.size();
    builder.add(big);
    REQUIRE(builder.size() - before <= record_size_max(big));
    REQUIRE(builder.size() - before + 40 >= record_size_max(big));
}
