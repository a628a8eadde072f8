#include "broker/log/txn_index.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/wire/reader.h"
#include "lib/wire/writer.h"

namespace millrace::broker::log {

Status TxnIndex::append(const AbortedEntry& entry) {
    wire::Writer out;
    out.int16(0);
    out.int64(entry.producer_id);
    out.int64(entry.first_offset);
    out.int64(entry.last_offset);
    out.int64(entry.last_stable_offset);
    if (x_count == 0) {
        TRY(x_open_files.files().open(x_path, runtime::OpenMode::create));
    }
    const auto file = TRY(x_open_files.open(x_path));
    TRY(file->write_at(x_count * kEntryBytes, out.view()));
    ++x_count;
    return {};
}

Result<std::vector<AbortedEntry>> TxnIndex::all() const {
    std::vector<AbortedEntry> entries;
    if (x_count == 0) {
        return entries;
    }
    const auto file = TRY(x_open_files.open(x_path));
    Bytes bytes(x_count * kEntryBytes);
    bytes.resize(TRY(file->read_at(0, bytes)));
    wire::Reader in(bytes);
    while (in.remaining() >= kEntryBytes) {
        const std::int16_t version = in.int16();
        if (version != 0) {
            return fail(Errc::malformed,
                        fmt::format("{} has an entry of version {}", x_path, version));
        }
        AbortedEntry entry;
        entry.producer_id = in.int64();
        entry.first_offset = in.int64();
        entry.last_offset = in.int64();
        entry.last_stable_offset = in.int64();
        entries.push_back(entry);
    }
    return entries;
}

Status TxnIndex::reset() {
    x_count = 0;
    x_open_files.forget(x_path);
    if (x_open_files.files().exists(x_path)) {
        TRY(x_open_files.files().remove(x_path));
    }
    return {};
}

Status TxnIndex::truncate_to(std::int64_t offset) {
    const auto entries = TRY(all());
    const auto keep = std::ranges::count_if(
        entries, [&](const AbortedEntry& entry) { return entry.last_offset < offset; });
    if (keep == 0) {
        return reset();
    }
    if (static_cast<std::size_t>(keep) < x_count) {
        const auto file = TRY(x_open_files.open(x_path));
        x_count = static_cast<std::size_t>(keep);
        TRY(file->truncate(x_count * kEntryBytes));
    }
    return {};
}

}  // namespace millrace::broker::log
