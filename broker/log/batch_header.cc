#include "broker/log/batch_header.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "lib/wire/crc32c.h"
#include "lib/wire/reader.h"

namespace millrace::broker::log {

namespace {

constexpr std::size_t kMagicPosition = 16;
constexpr std::uint32_t kLegacyBodyMin = 14;  // crc, magic, attributes, key and value length

std::optional<BatchHeader> parse_legacy(BytesView bytes, BatchHeader header) {
    // Of a compressed set the offset is that of the last inner message, which is all a log needs to order sets.
    wire::Reader in(bytes.subspan(kBatchPrefixBytes));
    header.crc = in.uint32();
    in.skip(1);
    header.attributes = in.int8();
    if (header.magic == 1) {
        header.max_timestamp = in.int64();
        header.base_timestamp = header.max_timestamp;
    }
    header.record_count = 1;
    if (!in.ok()) {
        return std::nullopt;
    }
    return header;
}

}  // namespace

std::int32_t advance_sequence(std::int32_t sequence, std::int32_t by) {
    constexpr std::int64_t kSequences = std::int64_t{1} << 31;
    return static_cast<std::int32_t>((std::int64_t{sequence} + by) % kSequences);
}

std::int32_t BatchHeader::last_sequence() const {
    return base_sequence < 0 ? -1 : advance_sequence(base_sequence, last_offset_delta);
}

std::optional<BatchHeader> parse_batch_header(BytesView bytes) {
    if (bytes.size() < kLegacyHeaderBytes) {
        return std::nullopt;
    }
    wire::Reader in(bytes);
    BatchHeader header;
    header.base_offset = in.int64();
    const std::int32_t length = in.int32();
    header.leader_epoch = in.int32();
    header.magic = in.int8();
    // Not the greatest either: the offset behind a batch must be one too.
    if (header.base_offset < 0 || header.base_offset == std::numeric_limits<std::int64_t>::max() ||
        length < static_cast<std::int32_t>(kLegacyBodyMin) ||
        length > std::numeric_limits<std::int32_t>::max() - 64) {
        return std::nullopt;
    }
    header.size = static_cast<std::uint32_t>(length) + kBatchPrefixBytes;
    if (header.magic == 0 || header.magic == 1) {
        header.leader_epoch = -1;
        return parse_legacy(bytes, header);
    }
    if (header.magic != 2 || header.size < kBatchHeaderBytes || bytes.size() < kBatchHeaderBytes) {
        return std::nullopt;
    }
    header.crc = in.uint32();
    header.attributes = in.int16();
    header.last_offset_delta = in.int32();
    header.base_timestamp = in.int64();
    header.max_timestamp = in.int64();
    header.producer_id = in.int64();
    header.producer_epoch = in.int16();
    header.base_sequence = in.int32();
    header.record_count = in.int32();
    if (header.last_offset_delta < 0 || header.record_count < 0 ||
        header.base_offset >= std::numeric_limits<std::int64_t>::max() - header.last_offset_delta) {
        return std::nullopt;
    }
    return header;
}

bool batch_checksum_ok(BytesView batch) {
    const auto header = parse_batch_header(batch);
    if (!header || header->size != batch.size()) {
        return false;
    }
    if (header->magic == 2) {
        return wire::crc32c(batch.subspan(kCrcCoveredFrom)) == header->crc;
    }
    const BytesView covered = batch.subspan(kMagicPosition);
    const auto sum = ::crc32(0, reinterpret_cast<const Bytef*>(covered.data()),
                             static_cast<uInt>(covered.size()));
    return static_cast<std::uint32_t>(sum) == header->crc;
}

std::optional<TransactionMarker> parse_marker(BytesView batch) {
    const auto header = parse_batch_header(batch);
    if (!header || !header->control() || header->compressed()) {
        return std::nullopt;
    }
    wire::Reader in(batch.subspan(kBatchHeaderBytes));
    (void)in.varint();   // length
    (void)in.int8();     // attributes
    (void)in.varlong();  // timestamp delta
    (void)in.varint();   // offset delta
    constexpr std::int32_t kKeyBytes = 4;
    constexpr std::int32_t kValueBytesMin = 6;
    if (in.varint() < kKeyBytes) {
        return std::nullopt;
    }
    (void)in.int16();  // version of the key; later ones only add fields
    const std::int16_t type = in.int16();
    const std::int32_t value_bytes = in.varint();
    (void)in.int16();  // version of the value
    TransactionMarker marker;
    marker.coordinator_epoch = in.int32();
    marker.commit = type == 1;
    if (!in.ok() || value_bytes < kValueBytesMin || (type != 0 && type != 1)) {
        return std::nullopt;
    }
    return marker;
}

BatchCursor::BatchCursor(std::shared_ptr<runtime::File> file, std::uint64_t position,
                         std::uint64_t limit, std::size_t window_bytes)
    : x_file(std::move(file)),
      x_position(position),
      x_limit(limit),
      x_window_bytes(std::max(window_bytes, kBatchHeaderBytes)) {}

Result<BytesView> BatchCursor::window(std::uint64_t position, std::size_t size) {
    const bool inside = position >= x_buffer_at && position + size <= x_buffer_at + x_buffer.size();
    if (!inside) {
        const std::uint64_t wanted = std::max<std::uint64_t>(size, x_window_bytes);
        x_buffer.resize(std::min(wanted, x_limit - position));
        const std::size_t count = TRY(x_file->read_at(position, x_buffer));
        x_buffer.resize(count);
        x_buffer_at = position;
    }
    const std::size_t from = position - x_buffer_at;
    return BytesView(x_buffer).subspan(from, std::min(size, x_buffer.size() - from));
}

Result<std::optional<BatchHeader>> BatchCursor::next() {
    if (x_position >= x_limit) {
        return std::nullopt;
    }
    const std::size_t wanted = std::min<std::uint64_t>(kBatchHeaderBytes, x_limit - x_position);
    const auto header = parse_batch_header(TRY(window(x_position, wanted)));
    if (!header || header->size > x_limit - x_position) {
        return std::nullopt;
    }
    x_batch = x_position;
    x_batch_size = header->size;
    x_position += header->size;
    return header;
}

Result<BytesView> BatchCursor::batch() {
    const BytesView bytes = TRY(window(x_batch, x_batch_size));
    if (bytes.size() != x_batch_size) {
        return fail(Errc::malformed, "a batch ends behind the end of its file");
    }
    return bytes;
}

}  // namespace millrace::broker::log
