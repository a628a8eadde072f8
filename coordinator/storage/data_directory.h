// The folders of one server: dataDir and dataLogDir, each with version-2 below it, and the id in dataDir/myid.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "lib/runtime/file_system.h"

namespace millrace::coordinator::storage {

struct DataDirectory {
    std::string snapshots;             // dataDir/version-2
    std::string logs;                  // dataLogDir/version-2, the same where dataLogDir is dataDir
    std::optional<std::int64_t> myid;  // of dataDir/myid, where there is one
    std::unique_ptr<runtime::FileLock> lock;  // keeps a second process out as long as it lives
};

// Makes what is missing, takes the lock, removes unfinished snapshots.
// Errors: busy (another process serves this directory), invalid_argument (myid is no number; logs lie in dataDir or snapshots in
// dataLogDir where the two differ, so one of the settings is wrong), io_error, disk_full.
Result<DataDirectory> open_data_directory(runtime::FileSystem& files, const std::string& data_dir,
                                          const std::string& data_log_dir);

}  // namespace millrace::coordinator::storage
