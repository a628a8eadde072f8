// One entry of log.dirs: the lock, meta.properties, the checkpoints and every partition below it. Belongs to one loop, as its
// partitions do. A broker has one for each entry; a failed one goes offline without the others.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/log/checkpoints.h"
#include "broker/log/partition_log.h"
#include "lib/base/result.h"
#include "lib/runtime/runtime.h"

namespace millrace::broker::log {

struct LogDirectoryOptions {
    std::string path;
    std::function<LogConfig(const std::string& topic)>
        config_of;  // of a topic found on the disk or created
    std::int64_t retention_check_ms = 300'000;
    std::int64_t checkpoint_ms = 60'000;  // recovery points and log starts
    std::int64_t high_watermark_checkpoint_ms = 5'000;
    std::int64_t initial_task_delay_ms = 30'000;
    std::int64_t producer_id_expiration_ms = 86'400'000;
    // log.cleaner.*: kept for the cleaner, which is not in this folder (README); compacted logs grow without it.
    std::int64_t cleaner_interval_ms = 15'000;
    bool cleaner_enabled = true;
    std::size_t open_files_max = 4096;
    // Told once, on the loop, when the directory goes offline.
    std::function<void(const Error&)> on_offline;
    // Told during open, for logs and readiness: partitions loaded so far and all there are.
    std::function<void(std::size_t done, std::size_t all)> on_progress;
};

class LogDirectory {
 public:
    // Takes the lock, loads (and recovers) every partition. Blocks; runs before the loop serves.
    // Errors: busy (another process holds .lock), malformed, io_error, disk_full.
    static Result<std::unique_ptr<LogDirectory>> open(runtime::Runtime& runtime,
                                                      LogDirectoryOptions options);
    ~LogDirectory();
    LogDirectory(const LogDirectory&) = delete;
    LogDirectory& operator=(const LogDirectory&) = delete;

    const std::string& path() const;
    const MetaProperties& meta() const;
    // Writes meta.properties. Errors: conflict when other ids are there, io_error.
    Status set_meta(std::int32_t broker_id, const std::string& cluster_id);

    bool online() const;
    bool was_clean() const;  // the previous owner closed it in order

    // How long producers are remembered that write nothing, ms.
    void set_producer_id_expiration(std::int64_t ms);

    // Null when it is not here.
    PartitionLog* find(const TopicPartition& partition);
    // Sorted by topic and partition.
    std::vector<PartitionLog*> all();
    std::uint64_t size_bytes() const;
    // Free space of the file system below. Errors: io_error.
    Result<std::uint64_t> usable_bytes() const;

    // Errors: invalid_argument (no name of a topic, or no number of a partition: both become a path), already_exists, io_error,
    // disk_full.
    Result<PartitionLog*> create(const TopicPartition& partition,
                                 std::optional<kafka::Uuid> topic_id);
    // Renames the folder to …-delete at once and removes it after file.delete.delay.ms. The object is gone when it returns;
    // requests waiting for its flush end with not_found. Errors: not_found, io_error.
    Status remove(const TopicPartition& partition);

    // Starts the timers of retention, checkpoints and flush.ms.
    void start();
    // Writes the checkpoints now. Blocks shortly.
    Status write_checkpoints();
    // Flushes and closes every log, writes checkpoints and the clean shutdown marker, then gives the lock back. Blocks.
    Status close();

    void invariants() const;

 private:
    struct State;
    explicit LogDirectory(std::shared_ptr<State> state);
    std::shared_ptr<State> x_state;  // shared with timers, which look whether it lives
};

}  // namespace millrace::broker::log
