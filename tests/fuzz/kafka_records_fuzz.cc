// Bytes of a producer, a leader or a segment, as record batches and what is inside them. The first byte chooses: a compressed
// stretch (the next byte is the codec), batches, a transaction marker.
#include "lib/base/check.h"
#include "lib/kafka/compression.h"
#include "lib/kafka/record.h"
#include "lib/wire/crc32c.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/memory_meter.h"

namespace millrace::kafka {
namespace {

constexpr std::size_t kInflatedMax = 256 << 10;
// Room that grows by doubling holds the former half while it is copied.
constexpr std::size_t kInflatedMemory = 2 * kInflatedMax;

void check_codec(fuzz::Input& input) {
    const auto codec = static_cast<Codec>(input.choice(5));
    const BytesView bytes = input.rest();
    const fuzz::MemoryMeter meter;
    const Result<Bytes> inflated = decompress(codec, bytes, kInflatedMax);
    meter.check(bytes.size() + kInflatedMemory, 1);
    if (!inflated) {
        return;
    }
    CHECK(inflated->size() <= kInflatedMax);
    CHECK(*decompress(codec, compress(codec, *inflated), kInflatedMax) == *inflated);
}

// A batch made of the records of another holds the same records.
void check_rebuilt(const BatchView& batch, const std::vector<std::int32_t>& deltas,
                   const Bytes& rebuilt) {
    const BatchView copy = *BatchView::parse(rebuilt);
    CHECK(copy.checksum_holds() && copy.size() == rebuilt.size());
    CHECK(copy.last_offset() == batch.last_offset());
    RecordReader first = *RecordReader::open(batch, kInflatedMax);
    RecordReader second = *RecordReader::open(copy, kInflatedMax);
    for (const std::int32_t delta : deltas) {
        CHECK(first.next() && second.next() && second.offset_delta() == delta);
        const Record& one = first.record();
        const Record& other = second.record();
        CHECK(one.offset == other.offset && one.timestamp == other.timestamp);
        CHECK(one.headers.size() == other.headers.size());
        CHECK(one.key.has_value() == other.key.has_value());
        CHECK(!one.key || std::ranges::equal(*one.key, *other.key));
        CHECK(one.value.has_value() == other.value.has_value());
        CHECK(!one.value || std::ranges::equal(*one.value, *other.value));
    }
    CHECK(!second.next() && second.status());
}

void check_records(const BatchView& batch) {
    const fuzz::MemoryMeter meter;
    Result<RecordReader> reader = RecordReader::open(batch, kInflatedMax);
    if (!reader) {
        meter.check(batch.size() + kInflatedMemory, 1);
        return;
    }
    if (batch.base_offset() < Offset(0)) {
        return;  // no log has such a batch
    }
    BatchOptions options;
    options.base_offset = batch.base_offset();
    options.last_offset = batch.last_offset();
    if (batch.timestamp_type() == TimestampType::log_append_time) {
        options.log_append_time = batch.max_timestamp();
    }
    RecordBatchBuilder builder(options);
    std::vector<std::int32_t> deltas;
    bool rising = true;
    while (rising && reader->next()) {
        rising = deltas.empty() || reader->offset_delta() > deltas.back();
        if (rising) {
            deltas.push_back(reader->offset_delta());
            builder.add_at(reader->record());
        }
    }
    if (rising && reader->status() && !deltas.empty()) {
        check_rebuilt(batch, deltas, builder.build());
    }
}

void check_batches(BytesView bytes) {
    BatchReader reader(bytes);
    std::size_t seen = 0;
    while (reader.next()) {
        const BatchView& batch = reader.batch();
        seen += batch.size();
        check_records(batch);
        (void)batch.last_sequence();
        Bytes copy(batch.bytes().begin(), batch.bytes().end());
        set_max_timestamp(copy, TimestampType::log_append_time, 7);
        CHECK(BatchView::parse(copy)->checksum_holds());
    }
    CHECK(seen + reader.rest().size() == bytes.size());
}

void check_marker(BytesView bytes) {
    const Result<BatchView> batch = BatchView::parse(bytes);
    if (!batch) {
        return;
    }
    const Result<EndTransaction> end = read_end_transaction(*batch);
    if (!end) {
        return;
    }
    const Bytes again = end_transaction_batch(*end);
    const Result<EndTransaction> copy = read_end_transaction(*BatchView::parse(again));
    CHECK(copy && copy->producer_id == end->producer_id && copy->commit == end->commit &&
          copy->coordinator_epoch == end->coordinator_epoch);
}

void check_input(fuzz::Input& input) {
    const std::size_t choice = input.choice(3);
    if (choice == 0) {
        check_codec(input);
    } else if (choice == 1) {
        check_batches(input.rest());
    } else {
        check_marker(input.rest());
    }
}

}  // namespace
}  // namespace millrace::kafka

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    millrace::fuzz::Input input(data, size);
    millrace::kafka::check_input(input);
    return 0;
}
