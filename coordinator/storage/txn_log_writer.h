// Appends transactions to ZooKeeper's log files and makes them durable in groups: while one batch is written and synced,
// the next one collects; then one write and one fdatasync cover it. Nothing waits when the disk is idle.
//
// Write and sync of a batch are one piece of work on a lane of the disk pool, so the loop never waits for the disk. A second
// lane fills the file with zeros ahead of the writes and syncs them, so that a batch finds its blocks allocated and its
// fdatasync has no metadata to write. The two never touch the same bytes: a batch that would reach into a stretch being
// filled waits for that to end.
//
// Any error is final: every later flush answers with it, and the owner must stop the process.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "coordinator/storage/txn_record.h"
#include "lib/runtime/runtime.h"

namespace millrace::coordinator::storage {

// A batch takes no further transaction once it holds this many bytes.
constexpr std::size_t kBatchBytes = 4 << 20;
// From the start of a damaged record to the end of its batch: the batch, and one last transaction of any size Java allows.
constexpr std::size_t kBatchReach = kBatchBytes + (4 << 20);
// Transactions that wait for the disk; above, full() is true and the owner takes no requests.
constexpr std::size_t kWaitingBytesMax = 64 << 20;

struct TxnLogOptions {
    std::string directory;                // "…/version-2", which exists
    bool force_sync = true;               // forceSync; without it nothing is durable
    std::uint64_t zeros_ahead = 4 << 20;  // bytes; 0 fills nothing
    std::uint64_t file_bytes_max = 0;     // txnLogSizeLimitInKb, in bytes; 0 for none
    Duration slow_sync = 1s;              // fsync.warningthresholdms
};

class TxnLogWriter {
 public:
    using Flushed = std::move_only_function<void(const Status&)>;

    // Touches nothing before the first append: a file is named after the first transaction in it. The runtime outlives the
    // writer; work under way at the writer's end is finished by the pool and answers nobody.
    TxnLogWriter(const runtime::Runtime& runtime, TxnLogOptions options);
    ~TxnLogWriter();
    TxnLogWriter(const TxnLogWriter&) = delete;
    TxnLogWriter& operator=(const TxnLogWriter&) = delete;

    // Adds to the batch that collects; the bytes are copied.
    void append(const TxnEntry& entry);
    // Calls then on the loop, in the order of the calls, once everything appended before is durable, or once it cannot be.
    void flush(Flushed then);
    // The next append starts a new file.
    void roll();

    bool full() const;
    // Bytes appended since the last roll, for the choice of when to take a snapshot.
    std::uint64_t bytes_since_roll() const;
    // The error that ended it, ok before.
    const Status& status() const;

    struct Figures {
        std::uint64_t syncs = 0;
        std::uint64_t txns = 0;
        std::uint64_t bytes = 0;
        Duration sync_total{};  // from the hand-over of a batch to its answer
        Duration sync_shortest{};
        Duration sync_longest{};
        std::uint64_t slow_syncs = 0;  // longer than TxnLogOptions::slow_sync
    };
    const Figures& figures() const;

 private:
    struct State;
    std::shared_ptr<State> x_state;
};

}  // namespace millrace::coordinator::storage
