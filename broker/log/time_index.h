// <base>.timeindex: largest timestamp so far -> last offset of the batch that holds it. Timestamps strictly grow.
#pragma once

#include <optional>

#include "broker/log/index_file.h"

namespace millrace::broker::log {

struct TimestampOffset {
    std::int64_t timestamp = -1;  // milliseconds
    std::int64_t offset = -1;
    auto operator<=>(const TimestampOffset&) const = default;
};

class TimeIndex {
 public:
    static constexpr std::size_t kEntryBytes = 12;

    TimeIndex(OpenFiles& open_files, std::string path, std::int64_t base_offset);

    // Errors: malformed when the entries cannot be those of this segment.
    Status adopt(std::uint64_t file_bytes);
    IndexFile& file() { return x_file; }
    const IndexFile& file() const { return x_file; }

    // Does nothing unless the timestamp is above that of the last entry.
    Status append(const TimestampOffset& entry);
    // The last entry with a timestamp below; {-1, base offset} when there is none.
    Result<TimestampOffset> before(std::int64_t timestamp) const;
    Result<std::optional<TimestampOffset>> last() const;
    // Drops entries of offsets at or above.
    Status truncate_to(std::int64_t offset);

 private:
    TimestampOffset decode(BytesView entry) const;

    IndexFile x_file;
    std::int64_t x_base_offset;
};

}  // namespace millrace::broker::log
