// Names of the files in version-2: "log.<hex>" after the first zxid in it, "snapshot.<hex>" after the last zxid it holds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/runtime/file_system.h"

namespace millrace::coordinator::storage {

enum class SnapshotCompression { none, gzip, snappy };

struct LogFile {
    std::int64_t first_zxid = 0;
    std::string path;
    std::uint64_t bytes = 0;
};

struct SnapshotFile {
    std::int64_t zxid = 0;
    SnapshotCompression compression = SnapshotCompression::none;
    std::string path;
    std::uint64_t bytes = 0;
    std::int64_t modified_millis = 0;  // wall clock
};

std::string log_file_name(std::int64_t first_zxid);
std::string snapshot_file_name(std::int64_t zxid, SnapshotCompression compression);

// The files of a folder by rising zxid; other names are passed over. A folder that does not exist has none.
Result<std::vector<LogFile>> list_logs(runtime::FileSystem& files, const std::string& directory);
Result<std::vector<SnapshotFile>> list_snapshots(runtime::FileSystem& files,
                                                 const std::string& directory);

}  // namespace millrace::coordinator::storage
