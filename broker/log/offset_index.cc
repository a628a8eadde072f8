#include "broker/log/offset_index.h"

#include <fmt/format.h>

#include "lib/wire/reader.h"
#include "lib/wire/writer.h"

namespace millrace::broker::log {

OffsetIndex::OffsetIndex(OpenFiles& open_files, std::string path, std::int64_t base_offset)
    : x_file(open_files, std::move(path), kEntryBytes), x_base_offset(base_offset) {}

Status OffsetIndex::adopt(std::uint64_t file_bytes, std::uint64_t log_bytes) {
    TRY(x_file.adopt(file_bytes));
    if (const auto entry = TRY(last())) {
        if (entry->offset <= x_base_offset || entry->position >= log_bytes) {
            return fail(Errc::malformed, fmt::format("{} does not fit its segment", x_file.path()));
        }
    }
    return {};
}

OffsetPosition OffsetIndex::decode(BytesView entry) const {
    wire::Reader in(entry);
    const std::int32_t relative = in.int32();
    return {x_base_offset + relative, in.uint32()};
}

Status OffsetIndex::append(const OffsetPosition& entry) {
    wire::Writer out;
    out.int32(static_cast<std::int32_t>(entry.offset - x_base_offset));
    out.uint32(entry.position);
    return x_file.append(out.view());
}

Result<OffsetPosition> OffsetIndex::before(std::size_t count) const {
    if (count == 0) {
        return OffsetPosition{x_base_offset, 0};
    }
    return decode(TRY(x_file.entry(count - 1)));
}

Result<OffsetPosition> OffsetIndex::floor(std::int64_t offset) const {
    return before(
        TRY(x_file.count_while([&](BytesView entry) { return decode(entry).offset <= offset; })));
}

Result<OffsetPosition> OffsetIndex::floor_position(std::uint64_t position) const {
    return before(TRY(
        x_file.count_while([&](BytesView entry) { return decode(entry).position <= position; })));
}

Result<std::optional<OffsetPosition>> OffsetIndex::last() const {
    if (x_file.count() == 0) {
        return std::nullopt;
    }
    return decode(TRY(x_file.entry(x_file.count() - 1)));
}

Status OffsetIndex::truncate_to(std::int64_t offset) {
    return x_file.truncate(
        TRY(x_file.count_while([&](BytesView entry) { return decode(entry).offset < offset; })));
}

}  // namespace millrace::broker::log
