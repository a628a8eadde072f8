// Record batches of magic 2, seen in place. The only Kafka bytes that no schema describes; they go
// from socket to file to socket unchanged, save for two fields that the checksum leaves out.
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/kafka/compression.h"
#include "lib/kafka/ids.h"

namespace millrace::kafka {

inline constexpr std::size_t kBatchHeaderSize = 61;  // up to the first record
// Base offset and length: what lies before the bytes that the length field counts.
inline constexpr std::size_t kBatchPrefixSize = 12;
inline constexpr std::int8_t kMagicNow = 2;

enum class TimestampType : std::uint8_t { create_time = 0, log_append_time = 1 };

// The first fields, which batches of every magic share at the same places.
struct BatchPrefix {
    std::int64_t base_offset = 0;
    std::int8_t magic = 0;
    std::size_t size = 0;  // bytes of the whole batch, prefix included
};

// Looks at the start of bytes, which need not hold the whole batch. Errors: malformed when fewer
// than 17 bytes are there, or when the length or the magic cannot be (magic above 2, length below
// the header's).
Result<BatchPrefix> peek_batch(BytesView bytes);

// A whole batch of magic 2. Borrowed bytes; accessors do not check anything again.
class BatchView {
 public:
    // The batch at the start of bytes; what follows it is left alone. The checksum is not looked
    // at. Errors: malformed (cut short, lengths or counts that cannot be), unsupported (magic 0 or
    // 1: message sets of clients older than 0.11, codecs above zstd).
    static Result<BatchView> parse(BytesView bytes);

    // True when the checksum holds. Costs a pass over the bytes.
    bool checksum_holds() const;

    BytesView bytes() const { return x_bytes; }
    std::size_t size() const { return x_bytes.size(); }
    // The records, compressed as they are.
    BytesView records() const { return x_bytes.subspan(kBatchHeaderSize); }

    Offset base_offset() const { return Offset(int64_at(0)); }
    Offset last_offset() const { return Offset(int64_at(0) + last_offset_delta()); }
    // The offset that the record after this batch gets.
    Offset next_offset() const { return last_offset().next(); }
    LeaderEpoch partition_leader_epoch() const { return LeaderEpoch(int32_at(12)); }
    std::uint32_t checksum() const { return static_cast<std::uint32_t>(int32_at(17)); }
    std::int32_t last_offset_delta() const { return int32_at(23); }
    // Time of the first record, or the delete horizon when has_delete_horizon(). Record times are
    // stored as distances from it either way.
    std::int64_t base_timestamp() const { return int64_at(27); }
    std::int64_t max_timestamp() const { return int64_at(35); }
    ProducerId producer_id() const { return ProducerId(int64_at(43)); }
    ProducerEpoch producer_epoch() const { return ProducerEpoch(int16_at(51)); }
    std::int32_t base_sequence() const { return int32_at(53); }
    // Sequence numbers wrap from 2^31-1 to 0. -1 when the batch has none.
    std::int32_t last_sequence() const;
    // Records in the batch; compaction may leave fewer than the offsets it spans, even 0.
    std::int32_t record_count() const { return int32_at(57); }

    Codec codec() const { return static_cast<Codec>(attributes() & 0x07); }
    TimestampType timestamp_type() const {
        return (attributes() & 0x08) != 0 ? TimestampType::log_append_time
                                          : TimestampType::create_time;
    }
    bool is_transactional() const { return (attributes() & 0x10) != 0; }
    bool is_control() const { return (attributes() & 0x20) != 0; }
    bool has_delete_horizon() const { return (attributes() & 0x40) != 0; }
    bool has_producer() const { return producer_id() != kNoProducerId; }
    bool has_sequence() const { return base_sequence() != kNoSequence; }

 private:
    explicit BatchView(BytesView bytes) : x_bytes(bytes) {}

    std::int16_t attributes() const { return int16_at(21); }
    std::int16_t int16_at(std::size_t at) const;
    std::int32_t int32_at(std::size_t at) const;
    std::int64_t int64_at(std::size_t at) const;

    BytesView x_bytes;
};

// The batches of a stretch of a log or of a Fetch response, one after the other.
class BatchReader {
 public:
    explicit BatchReader(BytesView bytes) : x_rest(bytes) {}

    // False at the end, at a last batch that is cut short (a Fetch response may end so), or at one
    // that is damaged; status() tells the last case from the others.
    bool next();
    const BatchView& batch() const { return *x_batch; }
    const Status& status() const { return x_status; }
    // Bytes from the first one that is no whole batch.
    BytesView rest() const { return x_rest; }

 private:
    BytesView x_rest;
    std::optional<BatchView> x_batch;
    Status x_status;
};

// Fields that a leader sets without touching the checksum. batch holds a whole header of magic 2.
void set_base_offset(std::span<std::byte> batch, Offset offset);
void set_partition_leader_epoch(std::span<std::byte> batch, LeaderEpoch epoch);

// Sets whose batch it is and the checksum anew; batch is a whole batch of magic 2.
void set_producer(std::span<std::byte> batch, ProducerId producer, ProducerEpoch epoch,
                  std::int32_t base_sequence);

// Sets the greatest timestamp and its type, and the checksum anew; batch is a whole batch of magic
// 2. With log_append_time readers take this timestamp for every record.
void set_max_timestamp(std::span<std::byte> batch, TimestampType type, std::int64_t timestamp);

}  // namespace millrace::kafka
