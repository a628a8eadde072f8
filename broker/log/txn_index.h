// <base>.txnindex: the aborted transactions whose marker lies in the segment. The file exists only when there is one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/log/open_files.h"

namespace millrace::broker::log {

struct AbortedEntry {
    std::int64_t producer_id = 0;
    std::int64_t first_offset = 0;
    std::int64_t last_offset = 0;         // of the abort marker
    std::int64_t last_stable_offset = 0;  // when the marker was appended
    auto operator<=>(const AbortedEntry&) const = default;
};

class TxnIndex {
 public:
    static constexpr std::size_t kEntryBytes = 34;

    TxnIndex(OpenFiles& open_files, std::string path)
        : x_open_files(open_files), x_path(std::move(path)) {}

    // Takes over a file of this size; a torn last entry is left out. 0: there is none.
    void adopt(std::uint64_t file_bytes) { x_count = file_bytes / kEntryBytes; }
    std::size_t count() const { return x_count; }

    // Goes to the page cache at once. Errors: io_error, disk_full.
    Status append(const AbortedEntry& entry);
    // Errors: io_error, malformed for an unknown version.
    Result<std::vector<AbortedEntry>> all() const;
    // Removes all entries and the file.
    Status reset();
    // Keeps the entries whose marker is below the offset.
    Status truncate_to(std::int64_t offset);

    const std::string& path() const { return x_path; }
    void set_path(std::string path) { x_path = std::move(path); }

 private:
    OpenFiles& x_open_files;
    std::string x_path;
    std::size_t x_count = 0;
};

}  // namespace millrace::broker::log
