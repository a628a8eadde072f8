#include "broker/log/time_index.h"

#include <fmt/format.h>

#include "lib/wire/reader.h"
#include "lib/wire/writer.h"

namespace millrace::broker::log {

TimeIndex::TimeIndex(OpenFiles& open_files, std::string path, std::int64_t base_offset)
    : x_file(open_files, std::move(path), kEntryBytes), x_base_offset(base_offset) {}

Status TimeIndex::adopt(std::uint64_t file_bytes) {
    TRY(x_file.adopt(file_bytes));
    if (const auto entry = TRY(last())) {
        const TimestampOffset first = decode(TRY(x_file.entry(0)));
        if (entry->timestamp < first.timestamp || entry->timestamp == 0 ||
            entry->offset < x_base_offset) {
            return fail(Errc::malformed, fmt::format("{} does not fit its segment", x_file.path()));
        }
    }
    return {};
}

TimestampOffset TimeIndex::decode(BytesView entry) const {
    wire::Reader in(entry);
    const std::int64_t timestamp = in.int64();
    return {timestamp, x_base_offset + in.int32()};
}

Status TimeIndex::append(const TimestampOffset& entry) {
    const auto previous = TRY(last());
    if (entry.timestamp < 0 || (previous && entry.timestamp <= previous->timestamp)) {
        return {};
    }
    wire::Writer out;
    out.int64(entry.timestamp);
    out.int32(static_cast<std::int32_t>(entry.offset - x_base_offset));
    return x_file.append(out.view());
}

Result<TimestampOffset> TimeIndex::before(std::int64_t timestamp) const {
    const std::size_t count = TRY(
        x_file.count_while([&](BytesView entry) { return decode(entry).timestamp < timestamp; }));
    if (count == 0) {
        return TimestampOffset{-1, x_base_offset};
    }
    return decode(TRY(x_file.entry(count - 1)));
}

Result<std::optional<TimestampOffset>> TimeIndex::last() const {
    if (x_file.count() == 0) {
        return std::nullopt;
    }
    return decode(TRY(x_file.entry(x_file.count() - 1)));
}

Status TimeIndex::truncate_to(std::int64_t offset) {
    return x_file.truncate(
        TRY(x_file.count_while([&](BytesView entry) { return decode(entry).offset < offset; })));
}

}  // namespace millrace::broker::log
