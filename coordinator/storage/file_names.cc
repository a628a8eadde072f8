#include "coordinator/storage/file_names.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace millrace::coordinator::storage {
namespace {

constexpr std::string_view kLogPrefix = "log.";
constexpr std::string_view kSnapshotPrefix = "snapshot.";

// A zxid is unsigned in file names and signed everywhere else.
std::optional<std::int64_t> parse_zxid(std::string_view digits) {
    std::uint64_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto [stopped, error] = std::from_chars(digits.data(), end, value, 16);
    if (error != std::errc{} || stopped != end) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(value);
}

constexpr std::array<std::pair<std::string_view, SnapshotCompression>, 2> kSuffixes{
    {{".gz", SnapshotCompression::gzip}, {".snappy", SnapshotCompression::snappy}}};

SnapshotCompression take_compression(std::string_view& name) {
    for (const auto& [suffix, compression] : kSuffixes) {
        if (name.ends_with(suffix)) {
            name.remove_suffix(suffix.size());
            return compression;
        }
    }
    return SnapshotCompression::none;
}

Result<std::vector<runtime::DirectoryEntry>> entries_of(runtime::FileSystem& files,
                                                        const std::string& directory) {
    if (!files.exists(directory)) {
        return std::vector<runtime::DirectoryEntry>{};
    }
    return files.list(directory);
}

}  // namespace

std::string log_file_name(std::int64_t first_zxid) {
    return fmt::format("log.{:x}", static_cast<std::uint64_t>(first_zxid));
}

std::string snapshot_file_name(std::int64_t zxid, SnapshotCompression compression) {
    std::string name = fmt::format("snapshot.{:x}", static_cast<std::uint64_t>(zxid));
    for (const auto& [suffix, of] : kSuffixes) {
        name += of == compression ? suffix : std::string_view();
    }
    return name;
}

Result<std::vector<LogFile>> list_logs(runtime::FileSystem& files, const std::string& directory) {
    std::vector<LogFile> logs;
    for (const runtime::DirectoryEntry& entry : TRY(entries_of(files, directory))) {
        if (entry.is_directory || !entry.name.starts_with(kLogPrefix)) {
            continue;
        }
        if (const auto zxid = parse_zxid(std::string_view(entry.name).substr(kLogPrefix.size()))) {
            logs.push_back({*zxid, runtime::join_path(directory, entry.name), entry.size});
        }
    }
    std::ranges::sort(logs, {}, &LogFile::first_zxid);
    return logs;
}

Result<std::vector<SnapshotFile>> list_snapshots(runtime::FileSystem& files,
                                                 const std::string& directory) {
    std::vector<SnapshotFile> snapshots;
    for (const runtime::DirectoryEntry& entry : TRY(entries_of(files, directory))) {
        if (entry.is_directory || !entry.name.starts_with(kSnapshotPrefix)) {
            continue;
        }
        std::string_view digits = std::string_view(entry.name).substr(kSnapshotPrefix.size());
        const SnapshotCompression compression = take_compression(digits);
        if (const auto zxid = parse_zxid(digits)) {
            snapshots.push_back({*zxid, compression, runtime::join_path(directory, entry.name),
                                 entry.size, entry.modified_millis});
        }
    }
    std::ranges::sort(snapshots, {}, &SnapshotFile::zxid);
    return snapshots;
}

}  // namespace millrace::coordinator::storage
