#include "lib/kafka/record.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/check.h"
#include "lib/kafka/transaction_records.h"
#include "lib/kafka/versioned.h"
#include "lib/wire/crc32c.h"

namespace millrace::kafka {

namespace {

constexpr std::size_t kChecksumAt = 17;
constexpr std::size_t kAttributesAt = 21;
constexpr std::size_t kMarkerBytesMax = 1024;

constexpr std::int16_t kAbortMarker = 0;
constexpr std::int16_t kCommitMarker = 1;

// A varint length, -1 for null, and the bytes.
std::optional<BytesView> read_nullable(wire::Reader& reader) {
    const std::int32_t size = reader.varint();
    if (size < 0) {
        return std::nullopt;
    }
    return reader.bytes(reader.checked_count(size, 1));
}

void write_nullable(wire::Writer& writer, const std::optional<BytesView>& bytes) {
    if (!bytes) {
        writer.varint(-1);
        return;
    }
    writer.varint(static_cast<std::int32_t>(bytes->size()));
    writer.bytes(*bytes);
}

std::size_t size_of(const std::optional<BytesView>& bytes) {
    return bytes ? bytes->size() : 0;
}

}  // namespace

Result<RecordReader> RecordReader::open(const BatchView& batch, std::size_t inflated_bytes_max) {
    if (batch.codec() == Codec::none) {
        return RecordReader(batch, {});
    }
    return RecordReader(batch, TRY(decompress(batch.codec(), batch.records(), inflated_bytes_max)));
}

RecordReader::RecordReader(const BatchView& batch, Bytes inflated)
    : x_batch(batch),
      x_inflated(std::move(inflated)),
      x_reader(batch.codec() == Codec::none ? batch.records() : BytesView(x_inflated)),
      x_left(batch.record_count()) {}

bool RecordReader::damaged(std::string_view what) {
    x_status = fail(Errc::malformed,
                    fmt::format("batch at offset {}: {}", x_batch.base_offset().value(), what));
    return false;
}

bool RecordReader::next() {
    if (!x_status) {
        return false;
    }
    if (x_left == 0) {
        return x_reader.at_end() ? false : damaged("bytes are left behind the last record");
    }
    --x_left;
    return read_record();
}

bool RecordReader::read_record() {
    const std::int32_t size = x_reader.varint();
    wire::Reader body(x_reader.bytes(x_reader.checked_count(size, 1)));
    if (!x_reader.ok()) {
        return damaged("a record is cut short");
    }
    body.skip(1);  // attributes: none are in use
    const std::int64_t timestamp_delta = body.varlong();
    x_offset_delta = body.varint();
    if (x_offset_delta < 0 || x_offset_delta > x_batch.last_offset_delta()) {
        return damaged("a record lies outside of the offsets of its batch");
    }
    x_record.offset = x_batch.base_offset().value() + x_offset_delta;
    // A hostile delta may not overflow: unsigned arithmetic wraps.
    x_record.timestamp =
        x_batch.timestamp_type() == TimestampType::log_append_time
            ? x_batch.max_timestamp()
            : static_cast<std::int64_t>(static_cast<std::uint64_t>(x_batch.base_timestamp()) +
                                        static_cast<std::uint64_t>(timestamp_delta));
    x_record.key = read_nullable(body);
    x_record.value = read_nullable(body);
    read_headers(body);
    if (!body.ok() || !body.at_end()) {
        return damaged("a record does not follow the format");
    }
    return true;
}

void RecordReader::read_headers(wire::Reader& body) {
    constexpr std::size_t kHeaderSizeMin = 2;
    const std::size_t count = body.checked_count(body.varint(), kHeaderSizeMin);
    x_record.headers.clear();
    x_record.headers.reserve(std::min<std::size_t>(count, 64));  // more only as they arrive
    for (std::size_t i = 0; i < count && body.ok(); ++i) {
        const std::size_t key_size = body.checked_count(body.varint(), 1);
        const std::string_view key = body.text(key_size);
        x_record.headers.push_back({key, read_nullable(body)});
    }
}

RecordBatchBuilder::RecordBatchBuilder(BatchOptions options)
    : x_options(options), x_last_offset(options.base_offset.value() - 1) {
    CHECK(options.base_offset >= Offset(0), "offsets begin at 0");
}

void RecordBatchBuilder::add(const Record& record) {
    Record placed = record;
    placed.offset = x_last_offset + 1;
    add_at(placed);
}

void RecordBatchBuilder::add_at(const Record& record) {
    CHECK(record.offset > x_last_offset, "records of a batch have rising offsets");
    if (x_count == 0) {
        x_base_timestamp = x_options.delete_horizon.value_or(record.timestamp);
    }
    wire::Writer body;
    body.int8(0);  // attributes
    // Times of old messages may be anything: unsigned arithmetic wraps, as the reader's does.
    body.varlong(static_cast<std::int64_t>(static_cast<std::uint64_t>(record.timestamp) -
                                           static_cast<std::uint64_t>(x_base_timestamp)));
    body.varint(static_cast<std::int32_t>(record.offset - x_options.base_offset.value()));
    write_nullable(body, record.key);
    write_nullable(body, record.value);
    body.varint(static_cast<std::int32_t>(record.headers.size()));
    for (const RecordHeader& header : record.headers) {
        write_nullable(body, as_bytes(header.key));
        write_nullable(body, header.value);
    }
    x_records.varint(static_cast<std::int32_t>(body.size()));
    x_records.bytes(body.view());
    x_last_offset = record.offset;
    x_max_timestamp = std::max(x_max_timestamp, record.timestamp);
    ++x_count;
}

std::int16_t RecordBatchBuilder::attributes() const {
    int bits = static_cast<int>(x_options.codec);
    bits |= x_options.log_append_time ? 0x08 : 0;
    bits |= x_options.transactional ? 0x10 : 0;
    bits |= x_options.control ? 0x20 : 0;
    bits |= x_options.delete_horizon ? 0x40 : 0;
    return static_cast<std::int16_t>(bits);
}

Bytes RecordBatchBuilder::build() {
    const Codec codec = x_options.codec;
    Bytes records = x_records.take();
    if (codec != Codec::none && x_count > 0) {
        const int level = x_options.compression_level.value_or(levels_of(codec).standard);
        records = compress(codec, records, level);
    }
    const Offset last = x_options.last_offset.value_or(Offset(x_last_offset));
    const auto last_delta = static_cast<std::int32_t>(last.value() - x_options.base_offset.value());

    wire::Writer out;
    out.reserve(kBatchHeaderSize + records.size());
    out.int64(x_options.base_offset.value());
    out.int32(static_cast<std::int32_t>(kBatchHeaderSize - kBatchPrefixSize + records.size()));
    out.int32(x_options.partition_leader_epoch.value());
    out.int8(kMagicNow);
    out.uint32(0);  // the checksum, known at the end
    out.int16(attributes());
    out.int32(std::max(last_delta, 0));
    out.int64(x_count > 0 ? x_base_timestamp : x_options.delete_horizon.value_or(kNoTimestamp));
    out.int64(x_options.log_append_time.value_or(x_max_timestamp));
    out.int64(x_options.producer_id.value());
    out.int16(x_options.producer_epoch.value());
    out.int32(x_options.base_sequence);
    out.int32(x_count);
    out.bytes(records);
    const std::uint32_t checksum = wire::crc32c(out.view().subspan(kAttributesAt));
    out.patch_int32(kChecksumAt, static_cast<std::int32_t>(checksum));
    return out.take();
}

Result<Bytes> recompress(const BatchView& batch, const Recompression& to) {
    if (batch.base_offset() < Offset(0)) {
        return fail(Errc::malformed, "a batch with a negative offset");
    }
    BatchOptions options;
    options.codec = to.codec;
    options.compression_level = to.level;
    options.base_offset = batch.base_offset();
    options.partition_leader_epoch = batch.partition_leader_epoch();
    options.producer_id = batch.producer_id();
    options.producer_epoch = batch.producer_epoch();
    options.base_sequence = batch.base_sequence();
    options.transactional = batch.is_transactional();
    options.control = batch.is_control();
    if (batch.timestamp_type() == TimestampType::log_append_time) {
        options.log_append_time = batch.max_timestamp();
    }
    RecordReader reader = TRY(RecordReader::open(batch, to.inflated_bytes_max));
    RecordBatchBuilder builder(options);
    while (reader.next()) {
        builder.add(reader.record());
    }
    TRY(Status(reader.status()));
    return builder.build();
}

std::size_t record_size_max(const Record& record) {
    // Length, timestamp delta and offset delta at their longest, attributes, three lengths.
    constexpr std::size_t kFixedPartMax = 5 + 1 + 10 + 5 + 5 + 5 + 5;
    std::size_t size = kFixedPartMax + size_of(record.key) + size_of(record.value);
    for (const RecordHeader& header : record.headers) {
        size += 5 + header.key.size() + 5 + size_of(header.value);
    }
    return size;
}

Bytes end_transaction_batch(const EndTransaction& end) {
    BatchOptions options;
    options.producer_id = end.producer_id;
    options.producer_epoch = end.producer_epoch;
    options.transactional = true;
    options.control = true;
    ControlRecordKey key;
    key.type = end.commit ? kCommitMarker : kAbortMarker;
    EndTxnMarker marker;
    marker.coordinator_epoch = end.coordinator_epoch.value();
    const Bytes key_bytes = encode_versioned(key, ControlRecordKey::kMaxVersion);
    const Bytes marker_bytes = encode_versioned(marker, EndTxnMarker::kMaxVersion);
    RecordBatchBuilder builder(options);
    builder.add(
        {.timestamp = end.timestamp, .key = key_bytes, .value = marker_bytes, .headers = {}});
    return builder.build();
}

Result<EndTransaction> read_end_transaction(const BatchView& batch) {
    RecordReader reader = TRY(RecordReader::open(batch, kMarkerBytesMax));
    if (!batch.is_control() || !reader.next() || !reader.record().key || !reader.record().value) {
        TRY(Status(reader.status()));
        return fail(Errc::malformed, "a control batch without a control record");
    }
    const auto key = TRY(decode_newest_known<ControlRecordKey>(*reader.record().key));
    if (key.type != kAbortMarker && key.type != kCommitMarker) {
        return fail(Errc::unsupported, fmt::format("a control record of type {}", key.type));
    }
    const auto marker = TRY(decode_newest_known<EndTxnMarker>(*reader.record().value));
    return EndTransaction{batch.producer_id(), batch.producer_epoch(),
                          CoordinatorEpoch(marker.coordinator_epoch), key.type == kCommitMarker,
                          reader.record().timestamp};
}

}  // namespace millrace::kafka
