#include "broker/log/index_file.h"

#include <fmt/format.h>

#include "lib/base/check.h"

namespace millrace::broker::log {

namespace {
constexpr std::size_t kTailBytesMax = 4096;
}

IndexFile::IndexFile(OpenFiles& open_files, std::string path, std::size_t entry_bytes)
    : x_open_files(open_files), x_path(std::move(path)), x_entry_bytes(entry_bytes) {}

Status IndexFile::adopt(std::uint64_t file_bytes) {
    if (file_bytes % x_entry_bytes != 0) {
        return fail(Errc::malformed, fmt::format("{} has {} bytes, no multiple of {}", x_path,
                                                 file_bytes, x_entry_bytes));
    }
    x_stored = file_bytes / x_entry_bytes;
    x_tail.clear();
    return {};
}

Status IndexFile::reset() {
    x_stored = 0;
    x_tail.clear();
    x_open_files.forget(x_path);
    TRY(x_open_files.files().open(x_path, runtime::OpenMode::truncate));
    return {};
}

Status IndexFile::append(BytesView entry) {
    CHECK(entry.size() == x_entry_bytes);
    x_tail.insert(x_tail.end(), entry.begin(), entry.end());
    if (x_tail.size() + x_entry_bytes > kTailBytesMax) {
        TRY(write_tail());
    }
    return {};
}

Result<Bytes> IndexFile::entry(std::size_t at) const {
    CHECK(at < count());
    Bytes bytes(x_entry_bytes);
    if (at >= x_stored) {
        const auto from =
            x_tail.begin() + static_cast<std::ptrdiff_t>((at - x_stored) * x_entry_bytes);
        std::copy(from, from + static_cast<std::ptrdiff_t>(x_entry_bytes), bytes.begin());
        return bytes;
    }
    const auto file = TRY(x_open_files.open(x_path));
    if (TRY(file->read_at(at * x_entry_bytes, bytes)) != x_entry_bytes) {
        return fail(Errc::malformed, fmt::format("{} is shorter than it was", x_path));
    }
    return bytes;
}

Result<std::size_t> IndexFile::count_while(const std::function<bool(BytesView)>& holds) const {
    std::size_t low = 0;
    std::size_t high = count();
    if (x_stored > 0 && x_stored < high && holds(TRY(entry(x_stored)))) {
        low = x_stored + 1;  // most searches are for the end, which is in memory
    }
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        if (holds(TRY(entry(middle)))) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

Status IndexFile::truncate(std::size_t count) {
    if (count >= x_stored) {
        x_tail.resize(std::min(x_tail.size(), (count - x_stored) * x_entry_bytes));
        return {};
    }
    x_tail.clear();
    x_stored = count;
    const auto file = TRY(x_open_files.open(x_path));
    return file->truncate(x_stored * x_entry_bytes);
}

Status IndexFile::write_tail() {
    const auto file = TRY(x_open_files.open(x_path));
    if (!x_tail.empty()) {
        TRY(file->write_at(x_stored * x_entry_bytes, x_tail));
        x_stored += x_tail.size() / x_entry_bytes;
        x_tail.clear();
    }
    return {};
}

}  // namespace millrace::broker::log
