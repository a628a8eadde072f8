#include "coordinator/storage/data_directory.h"

#include <charconv>

#include "coordinator/storage/file_names.h"
#include "coordinator/storage/purge.h"

namespace millrace::coordinator::storage {
namespace {

constexpr std::string_view kVersionFolder = "version-2";
// Beside version-2, not in it: Java's tools list that folder.
constexpr std::string_view kLockFile = ".millrace-coordinator.lock";
constexpr std::uint64_t kMyidBytesMax = 64;

Result<std::optional<std::int64_t>> read_myid(runtime::FileSystem& files,
                                              const std::string& data_dir) {
    const std::string path = runtime::join_path(data_dir, "myid");
    if (!files.exists(path)) {
        return std::nullopt;
    }
    const Result<Bytes> bytes = files.read_file(path, kMyidBytesMax);
    if (!bytes) {
        return bytes.error().code == Errc::too_large
                   ? fail(Errc::invalid_argument, path + " holds no number")
                   : fail(bytes.error());
    }
    std::string_view text = as_text(*bytes);
    const std::size_t blank = text.find_first_of(" \t\r\n");
    text = text.substr(0, blank);
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return fail(Errc::invalid_argument, path + " holds no number");
    }
    return id;
}

Status check_places(runtime::FileSystem& files, const DataDirectory& directory) {
    if (directory.snapshots == directory.logs) {
        return {};
    }
    const std::vector<LogFile> logs = TRY(list_logs(files, directory.snapshots));
    if (!logs.empty()) {
        return fail(Errc::invalid_argument,
                    logs.front().path +
                        " is a transaction log in dataDir, and dataLogDir is "
                        "another folder");
    }
    const std::vector<SnapshotFile> snapshots = TRY(list_snapshots(files, directory.logs));
    if (!snapshots.empty()) {
        return fail(Errc::invalid_argument, snapshots.front().path +
                                                " is a snapshot in dataLogDir, and dataDir is "
                                                "another folder");
    }
    return {};
}

}  // namespace

Result<DataDirectory> open_data_directory(runtime::FileSystem& files, const std::string& data_dir,
                                          const std::string& data_log_dir) {
    DataDirectory directory;
    directory.snapshots = runtime::join_path(data_dir, kVersionFolder);
    directory.logs = runtime::join_path(data_log_dir, kVersionFolder);
    TRY(files.make_durable_directories(directory.snapshots));
    TRY(files.make_durable_directories(directory.logs));
    Result<std::unique_ptr<runtime::FileLock>> lock =
        files.lock(runtime::join_path(data_dir, kLockFile));
    if (!lock) {
        return fail(lock.error().code,
                    fmt::format("{} is in use: {}", data_dir, lock.error().message));
    }
    directory.lock = std::move(*lock);
    TRY(check_places(files, directory));
    TRY(remove_unfinished_snapshots(files, directory.snapshots));
    directory.myid = TRY(read_myid(files, data_dir));
    return directory;
}

}  // namespace millrace::coordinator::storage
