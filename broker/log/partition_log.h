// The log of one partition: segments, indexes, producer state and leader epochs of one folder, byte-compatible with Kafka 3.9.
// Belongs to one loop; every member is called there. Offsets count records; "end" is always exclusive.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/log/append.h"
#include "broker/log/leader_epochs.h"
#include "broker/log/log_config.h"
#include "lib/base/result.h"
#include "lib/kafka/uuid.h"
#include "lib/runtime/disk_pool.h"
#include "lib/runtime/file_system.h"
#include "lib/runtime/loop.h"

namespace millrace::broker::log {

class OpenFiles;
struct LogState;

// What a log is built on. The references outlive it.
struct LogContext {
    runtime::Loop& loop;
    runtime::FileSystem& files;
    runtime::DiskPool& disk;
    runtime::DiskLane lane;  // of its syncs; may be shared with other logs
    OpenFiles& open_files;
    // Told once, on the loop, when a write or a sync failed: the log takes no more appends then.
    std::function<void(const Error&)> on_failure;
};

// What the checkpoints of the log directory know about a folder.
struct LoadHints {
    bool clean = false;  // the directory was closed in order: nothing is scanned
    std::int64_t recovery_point = 0;
    std::int64_t log_start_offset = 0;
    std::int64_t high_watermark = 0;
};

struct ReadRequest {
    std::int64_t offset = 0;
    std::int64_t upper_bound = 0;  // exclusive: log end, high watermark or last stable offset
    std::uint32_t max_bytes = 0;
    bool whole_batch_min = false;  // yield the first batch even when it is above max_bytes
};

// A stretch of whole batches in a file; the file stays readable after its segment was deleted.
struct ReadResult {
    std::shared_ptr<runtime::File> file;  // null when size is 0
    std::uint64_t position = 0;
    std::uint32_t size = 0;
    std::int64_t base_offset = -1;  // of the first batch; at most the offset asked for
    std::int64_t end_offset = -1;   // behind the last batch; the offset asked for when size is 0
    std::int64_t segment_base_offset = -1;
};

struct TimestampAndOffset {
    std::int64_t timestamp = -1;
    std::int64_t offset = -1;
    std::int32_t leader_epoch = -1;
};

struct AbortedTransaction {
    std::int64_t producer_id = 0;
    std::int64_t first_offset = 0;
};

// A producer as DescribeProducers shows it.
struct ActiveProducer {
    std::int64_t producer_id = -1;
    std::int16_t producer_epoch = -1;
    std::int32_t last_sequence = -1;
    std::int64_t last_timestamp = -1;
    std::int32_t coordinator_epoch = -1;
    std::int64_t current_transaction_first_offset = -1;
};

class PartitionLog {
 public:
    // Loads or makes the folder; recovers it when the hints say so. Blocks. Errors: io_error, disk_full, malformed.
    static Result<std::unique_ptr<PartitionLog>> open(LogContext context, TopicPartition partition,
                                                      std::string directory, LogConfig config,
                                                      const LoadHints& hints);
    ~PartitionLog();
    PartitionLog(const PartitionLog&) = delete;
    PartitionLog& operator=(const PartitionLog&) = delete;

    const TopicPartition& partition() const;
    const std::string& directory() const;
    const LogConfig& config() const;
    void set_config(LogConfig config);
    std::optional<kafka::Uuid> topic_id() const;
    // Writes partition.metadata once. Errors: conflict when another id is there.
    Status set_topic_id(const kafka::Uuid& id);

    std::int64_t log_start_offset() const;
    std::int64_t log_end_offset() const;
    std::int64_t recovery_point() const;  // everything below is on the disk
    std::int64_t high_watermark() const;
    // Clamped to [log start, log end]; may fall only by truncation.
    void set_high_watermark(std::int64_t offset);
    std::int64_t last_stable_offset() const;
    std::uint64_t size_bytes() const;
    std::size_t segment_count() const;
    std::int64_t active_segment_base_offset() const;
    std::int64_t first_segment_base_offset() const;
    bool failed() const;

    // Assigns offsets and appends. Answers before anything is durable, and before small appends reach the page cache.
    AppendResult append_as_leader(const LeaderAppend& append);
    // Appends what a leader sent, unchanged. Batches wholly below the log end are skipped; one that begins below it is
    // offset_out_of_range. A gap is fine: the leader's log may be compacted.
    AppendResult append_as_follower(BytesView records);

    // Calls then on the loop when everything appended so far is durable (a sync shared with all that wait), or with the error.
    // Never delays when idle. A truncation ends waiting calls above it with conflict.
    void flush(std::move_only_function<void(const Status&)> then);
    // The same with the page cache as the goal: for the policy of flush.messages and flush.ms.
    void write_out(std::move_only_function<void(const Status&)> then);

    // Errors: not_found when the offset is outside [log start, log end]; io_error. Size 0 at or above the upper bound.
    Result<ReadResult> read(const ReadRequest& request);
    // Transactions aborted that overlap [first_offset, end_offset), for read_committed answers.
    Result<std::vector<AbortedTransaction>> aborted_transactions(std::int64_t first_offset,
                                                                 std::int64_t end_offset);

    // First record with a timestamp at or above, below the bound; nothing when there is none. Exact inside batches.
    Result<std::optional<TimestampAndOffset>> offset_for_timestamp(std::int64_t timestamp,
                                                                   std::int64_t upper_bound);
    // The record with the largest timestamp (KIP-734).
    Result<std::optional<TimestampAndOffset>> offset_of_max_timestamp();

    // Notes that a leader epoch begins at the log end; -1 when there is no epoch yet.
    void begin_leader_epoch(std::int32_t epoch);
    std::int32_t latest_epoch() const;
    std::int32_t epoch_at(std::int64_t offset) const;  // -1 when unknown
    // The largest epoch at or below the one asked for and where it ends (OffsetForLeaderEpoch, KIP-101).
    EpochEnd end_of_epoch(std::int32_t epoch) const;

    Status truncate_to(std::int64_t end_offset);
    // Drops everything; the log goes on at the offset given.
    Status truncate_fully_and_start_at(std::int64_t offset);
    // DeleteRecords and the leader's log start. Only rises. Errors: invalid_argument above the high watermark.
    Status advance_log_start_offset(std::int64_t offset);

    // Retention, expiry of producers, flush.ms: called now and then by the log directory. True when segments went away.
    Result<bool> apply_retention();
    void expire_producers(std::int64_t producer_id_expiration_ms);
    void flush_when_due();
    // Starts a segment at the log end when the active one is not empty.
    Status roll();

    std::vector<ActiveProducer> active_producers() const;

    // Writes the tails of the indexes and the producer snapshot, syncs everything. Blocks; nothing may be in flight.
    Status close();
    // The folder is being deleted: waiting calls end with not_found, and nothing is written any more.
    void discard();

    // CHECKs what must hold after every call.
    void invariants() const;

 private:
    explicit PartitionLog(std::shared_ptr<LogState> state);
    std::shared_ptr<LogState> x_state;  // shared with what runs later, which looks whether it lives
};

}  // namespace millrace::broker::log
