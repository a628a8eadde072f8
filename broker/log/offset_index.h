// <base>.index: last offset of a batch -> position where that batch starts, sparse, both relative to the segment.
#pragma once

#include <optional>

#include "broker/log/index_file.h"

namespace millrace::broker::log {

struct OffsetPosition {
    std::int64_t offset = 0;
    std::uint32_t position = 0;
    auto operator<=>(const OffsetPosition&) const = default;
};

class OffsetIndex {
 public:
    static constexpr std::size_t kEntryBytes = 8;

    OffsetIndex(OpenFiles& open_files, std::string path, std::int64_t base_offset);

    // Errors: malformed when the entries cannot be those of this segment, as the zeros of a preallocated file after a crash.
    Status adopt(std::uint64_t file_bytes, std::uint64_t log_bytes);
    IndexFile& file() { return x_file; }
    const IndexFile& file() const { return x_file; }

    Status append(const OffsetPosition& entry);
    // The last entry at or below; the start of the segment when there is none.
    Result<OffsetPosition> floor(std::int64_t offset) const;
    Result<OffsetPosition> floor_position(std::uint64_t position) const;
    Result<std::optional<OffsetPosition>> last() const;
    // Drops entries of offsets at or above.
    Status truncate_to(std::int64_t offset);

 private:
    OffsetPosition decode(BytesView entry) const;
    Result<OffsetPosition> before(std::size_t count) const;

    IndexFile x_file;
    std::int64_t x_base_offset;
};

}  // namespace millrace::broker::log
