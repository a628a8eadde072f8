// The fixed part of a record batch as it lies in a segment, and a cursor over the batches of a file. Magic 2 is the format of
// this broker; magic 0 and 1 can still lie in old folders and are read as batches of one message set.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/runtime/file_system.h"

namespace millrace::broker::log {

inline constexpr std::size_t kBatchHeaderBytes = 61;  // of magic 2, up to and with the record count
inline constexpr std::size_t kBatchPrefixBytes = 12;  // base offset and length
inline constexpr std::size_t kCrcCoveredFrom =
    21;  // the CRC of magic 2 covers from here to the end
inline constexpr std::size_t kLegacyHeaderBytes = 18;  // magic 0: up to and with the attributes

inline constexpr std::int16_t kCompressionMask = 0x07;
inline constexpr std::int16_t kLogAppendTimeBit = 0x08;
inline constexpr std::int16_t kTransactionalBit = 0x10;
inline constexpr std::int16_t kControlBit = 0x20;
inline constexpr std::int16_t kDeleteHorizonBit = 0x40;

struct BatchHeader {
    std::int64_t base_offset = 0;
    std::uint32_t size = 0;  // bytes of the whole batch, prefix included
    std::int32_t leader_epoch = -1;
    std::int8_t magic = 2;
    std::uint32_t crc = 0;
    std::int16_t attributes = 0;
    std::int32_t last_offset_delta = 0;
    std::int64_t base_timestamp = -1;
    std::int64_t max_timestamp = -1;
    std::int64_t producer_id = -1;
    std::int16_t producer_epoch = -1;
    std::int32_t base_sequence = -1;
    std::int32_t record_count = 0;

    std::int64_t last_offset() const { return base_offset + last_offset_delta; }
    std::int64_t next_offset() const { return last_offset() + 1; }
    std::int32_t last_sequence() const;
    bool transactional() const { return (attributes & kTransactionalBit) != 0; }
    bool control() const { return (attributes & kControlBit) != 0; }
    bool compressed() const { return (attributes & kCompressionMask) != 0; }
    bool has_producer() const { return producer_id >= 0; }
};

// Sequence numbers run from 0 to 2^31-1 and start again at 0.
std::int32_t advance_sequence(std::int32_t sequence, std::int32_t by);

// Reads the header at the start of bytes. Nothing when the bytes are too few or cannot be a header: a size that cannot hold
// one, an unknown magic, a negative offset, count or delta.
std::optional<BatchHeader> parse_batch_header(BytesView bytes);

// The checksum of a whole batch: CRC-32C for magic 2, CRC-32 before.
bool batch_checksum_ok(BytesView batch);

// What a transaction marker says. Nothing for other control records and for bytes that are none.
struct TransactionMarker {
    bool commit = false;
    std::int32_t coordinator_epoch = 0;
};
std::optional<TransactionMarker> parse_marker(BytesView batch);

// Walks over the batches of [position, limit) in a file. Reads a window at a time; bodies outside it are not read.
class BatchCursor {
 public:
    BatchCursor(std::shared_ptr<runtime::File> file, std::uint64_t position, std::uint64_t limit,
                std::size_t window_bytes = 64 << 10);

    // The next header, or nothing at the end or before bytes that are no whole batch. Errors: io_error.
    Result<std::optional<BatchHeader>> next();
    // Where the batch yielded last starts, and where the walk stands.
    std::uint64_t batch_position() const { return x_batch; }
    std::uint64_t position() const { return x_position; }
    bool at_end() const { return x_position >= x_limit; }
    // All bytes of the batch yielded last; valid until the next call. Errors: io_error, malformed (the file is shorter).
    Result<BytesView> batch();

 private:
    Result<BytesView> window(std::uint64_t position, std::size_t size);

    std::shared_ptr<runtime::File> x_file;
    std::uint64_t x_position;
    std::uint64_t x_limit;
    std::size_t x_window_bytes;
    std::uint64_t x_batch = 0;
    std::uint32_t x_batch_size = 0;
    Bytes x_buffer;
    std::uint64_t x_buffer_at = 0;
};

}  // namespace millrace::broker::log
