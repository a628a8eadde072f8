// From the files of a data directory to the tree they hold: the newest valid snapshot, then the logs behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "coordinator/storage/snapshot_writer.h"
#include "coordinator/storage/txn_record.h"
#include "coordinator/tree/node_tree.h"
#include "lib/runtime/file_system.h"

namespace millrace::coordinator::storage {

struct RecoveryOptions {
    std::string snapshot_directory;     // dataDir/version-2, which exists
    std::string log_directory;          // dataLogDir/version-2, which exists; often the same
    bool trust_empty_snapshot = false;  // snapshot.trust.empty: replay logs without a snapshot
    bool create_empty = true;           // db.autocreate, or the file dataDir/initialize is there
    SnapshotSections sections;          // of the first snapshot of an empty directory
    SnapshotCompression compression = SnapshotCompression::none;  // the same
    // Sees every replayed transaction after it was applied; borrowed for the call.
    std::function<void(const TxnEntry&)> on_txn;
};

struct Recovered {
    std::int64_t zxid =
        0;  // the last one applied; -1 for an empty directory that must not be trusted
    std::int64_t snapshot_zxid = 0;  // where replay began
    std::uint64_t txns_replayed = 0;
    std::uint64_t log_bytes_replayed = 0;
    std::uint64_t digest_mismatches = 0;
};

// Blocks; meant for the start of a process, before anything else uses the directories. What it reports is durable: a torn
// write at the end of the logs is cut off, a last file without any transaction is removed, and the rest is synced, also
// where the former process died before it could.
//
// Errors, each with the file's name: malformed (every snapshot is damaged; corruption within a log; a gap between
// transactions), not_found (logs without a snapshot), io_error, disk_full, unsupported.
Result<Recovered> recover(runtime::FileSystem& files, const RecoveryOptions& options,
                          tree::NodeTree& tree);

}  // namespace millrace::coordinator::storage
