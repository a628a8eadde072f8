// Deletes snapshots and logs that recovery needs no more (autopurge, zkCleanup.sh).
#pragma once

#include <cstdint>
#include <string>

#include "lib/runtime/file_system.h"

namespace millrace::coordinator::storage {

struct PurgeOptions {
    std::string snapshot_directory;
    std::string log_directory;
    std::size_t snapshots_kept = 3;  // autopurge.snapRetainCount; below 3 counts as 3
};

struct Purged {
    std::size_t snapshots = 0;
    std::size_t logs = 0;
};

// Keeps the newest complete snapshots, and every log from the one on that holds what follows the oldest of them. Deletes
// nothing while there is no complete snapshot. Blocks; may run on the disk pool while the server writes.
// Errors: io_error.
Result<Purged> purge(runtime::FileSystem& files, const PurgeOptions& options);

// Deletes what unfinished snapshots left behind. Only while nobody writes one.
Status remove_unfinished_snapshots(runtime::FileSystem& files, const std::string& directory);

}  // namespace millrace::coordinator::storage
