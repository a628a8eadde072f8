#include "coordinator/storage/purge.h"

#include <algorithm>
#include <ranges>

#include "coordinator/storage/file_names.h"
#include "coordinator/storage/snapshot_reader.h"
#include "lib/base/log.h"

namespace millrace::coordinator::storage {
namespace {

constexpr std::size_t kSnapshotsKeptMin = 3;

}  // namespace

Result<Purged> purge(runtime::FileSystem& files, const PurgeOptions& options) {
    const std::size_t kept_count = std::max(options.snapshots_kept, kSnapshotsKeptMin);
    const std::vector<SnapshotFile> snapshots =
        TRY(list_snapshots(files, options.snapshot_directory));
    std::size_t complete = 0;
    std::int64_t oldest_kept = 0;
    for (const SnapshotFile& snapshot : snapshots | std::views::reverse) {
        if (complete < kept_count && TRY(looks_complete(files, snapshot))) {
            ++complete;
            oldest_kept = snapshot.zxid;
        }
    }
    Purged purged;
    if (complete == 0) {
        return purged;
    }
    for (const SnapshotFile& snapshot : snapshots) {
        if (snapshot.zxid < oldest_kept) {
            TRY(files.remove(snapshot.path));
            ++purged.snapshots;
        }
    }
    const std::vector<LogFile> logs = TRY(list_logs(files, options.log_directory));
    // A log goes when the next one begins early enough to hold all that follows the oldest snapshot.
    for (std::size_t i = 0; i + 1 < logs.size() && logs[i + 1].first_zxid <= oldest_kept; ++i) {
        TRY(files.remove(logs[i].path));
        ++purged.logs;
    }
    if (purged.snapshots + purged.logs > 0) {
        log_info("storage", "purged {} snapshots and {} logs older than zxid 0x{:x}",
                 purged.snapshots, purged.logs, oldest_kept);
    }
    return purged;
}

Status remove_unfinished_snapshots(runtime::FileSystem& files, const std::string& directory) {
    for (const runtime::DirectoryEntry& entry : TRY(files.list(directory))) {
        if (entry.name.starts_with("snapshot.") && entry.name.ends_with(".tmp")) {
            TRY(files.remove(runtime::join_path(directory, entry.name)));
        }
    }
    return {};
}

}  // namespace millrace::coordinator::storage
