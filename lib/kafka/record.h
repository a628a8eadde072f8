// The records inside a batch: read one after the other, or put together into a new batch.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/kafka/record_batch.h"
#include "lib/wire/reader.h"
#include "lib/wire/writer.h"

namespace millrace::kafka {

struct RecordHeader {
    std::string_view key;
    std::optional<BytesView> value;
};

// Borrowed from the batch or from the caller.
struct Record {
    std::int64_t offset = 0;
    std::int64_t timestamp = kNoTimestamp;  // ms since 1970, -1 none
    std::optional<BytesView> key;
    std::optional<BytesView> value;  // null: a tombstone
    std::vector<RecordHeader> headers;
};

// Walks the records of one batch. A compressed batch is inflated as a whole when it is opened.
class RecordReader {
 public:
    // Errors: malformed, too_large (more than inflated_bytes_max would come out).
    static Result<RecordReader> open(const BatchView& batch, std::size_t inflated_bytes_max);

    // False at the end and at the first damage; status() tells which. The record is valid until the
    // next call and no longer than this reader and the batch.
    bool next();
    const Record& record() const { return x_record; }
    // Distance of the present record from the base offset as it is stored. A batch of a producer
    // counts 0, 1, 2 …; a compacted one has gaps.
    std::int32_t offset_delta() const { return x_offset_delta; }
    // malformed when a record broke the format, or when the batch holds fewer or more than it says.
    const Status& status() const { return x_status; }

 private:
    RecordReader(const BatchView& batch, Bytes inflated);

    bool read_record();
    void read_headers(wire::Reader& body);
    bool damaged(std::string_view what);

    BatchView x_batch;
    Bytes x_inflated;
    wire::Reader x_reader;
    std::int32_t x_left;
    std::int32_t x_offset_delta = 0;
    Record x_record;
    Status x_status;
};

struct BatchOptions {
    Codec codec = Codec::none;
    std::optional<int> compression_level;
    Offset base_offset{0};
    // Offset of the last record of the batch this one was made of, when it had more (compaction).
    std::optional<Offset> last_offset;
    LeaderEpoch partition_leader_epoch = kNoLeaderEpoch;
    ProducerId producer_id = kNoProducerId;
    ProducerEpoch producer_epoch = kNoProducerEpoch;
    std::int32_t base_sequence = kNoSequence;
    bool transactional = false;
    bool control = false;
    // Set: all records count as written at this time.
    std::optional<std::int64_t> log_append_time;
    // Set: until when tombstones and markers are kept (KIP-534).
    std::optional<std::int64_t> delete_horizon;
};

// Builds one batch of magic 2.
class RecordBatchBuilder {
 public:
    explicit RecordBatchBuilder(BatchOptions options);

    // Gives the record the next offset; its own is not looked at.
    void add(const Record& record);
    // Keeps the record's offset, which must be above that of the record before.
    void add_at(const Record& record);

    std::int32_t record_count() const { return x_count; }
    bool empty() const { return x_count == 0; }
    // Bytes of the batch if it were not compressed.
    std::size_t size() const { return kBatchHeaderSize + x_records.size(); }

    // The batch with its checksum. Without records: an empty batch, which a log keeps for the
    // producer's sequence in it.
    Bytes build();

 private:
    std::int16_t attributes() const;

    BatchOptions x_options;
    wire::Writer x_records;
    std::int32_t x_count = 0;
    std::int64_t x_last_offset;
    std::int64_t x_base_timestamp = kNoTimestamp;
    std::int64_t x_max_timestamp = kNoTimestamp;
};

// The batch with its records compressed otherwise; everything else stays, save that offsets run on without gaps. Errors:
// malformed, too_large (more than inflated_bytes_max would come out).
struct Recompression {
    Codec codec = Codec::none;
    std::optional<int> level;
    std::size_t inflated_bytes_max = 0;
};
Result<Bytes> recompress(const BatchView& batch, const Recompression& to);

// Bytes that the record will take in a batch, uncompressed, as an upper bound.
std::size_t record_size_max(const Record& record);

// The marker that ends a transaction in a partition: a control batch of one record.
struct EndTransaction {
    ProducerId producer_id;
    ProducerEpoch producer_epoch;
    CoordinatorEpoch coordinator_epoch;
    bool commit = false;
    std::int64_t timestamp = 0;
};
Bytes end_transaction_batch(const EndTransaction& end);

// Errors: malformed, unsupported (a control record of another kind).
Result<EndTransaction> read_end_transaction(const BatchView& batch);

}  // namespace millrace::kafka
