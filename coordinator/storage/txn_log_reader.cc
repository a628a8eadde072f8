#include "coordinator/storage/txn_log_reader.h"

#include <algorithm>

#include "coordinator/storage/txn_log_format.h"
#include "coordinator/storage/txn_log_writer.h"
#include "lib/wire/reader.h"

namespace millrace::coordinator::storage {
namespace {

constexpr std::size_t kReadSize = 1 << 20;
constexpr std::uint64_t kSectorSize = 512;
// How far behind damage valid records are looked for.
constexpr std::size_t kScanMax = 256 << 20;

bool all_zero(BytesView bytes) {
    return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{}; });
}

// Bytes the record at the start of rest claims, or its head alone when the claim is nonsense.
std::uint64_t claimed_size(BytesView rest) {
    wire::Reader in(rest);
    in.uint64();
    const std::int32_t size = in.int32();
    return in.ok() && size > 0 ? static_cast<std::uint64_t>(size) + kRecordFrameSize
                               : kRecordHeadSize;
}

// offset is the place of rest in the file, to which the disk's sectors are aligned.
bool lost_a_sector(BytesView rest, std::uint64_t offset) {
    const std::uint64_t size = claimed_size(rest);
    if (size > rest.size()) {
        return true;
    }
    for (std::uint64_t at = 0; at < size;) {
        const std::uint64_t to = std::min(size, at + kSectorSize - (offset + at) % kSectorSize);
        if (all_zero(rest.subspan(at, to - at))) {
            return true;
        }
        at = to;
    }
    return false;
}

}  // namespace

Result<TxnLogReader> TxnLogReader::open(runtime::FileSystem& files, const std::string& path) {
    std::unique_ptr<runtime::File> file = TRY(files.open(path, runtime::OpenMode::read));
    const std::uint64_t size = TRY(file->size());
    TxnLogReader reader(std::move(file), path, size);
    const BytesView start = TRY(reader.ahead(kLogHeaderSize));
    if (start.size() < kLogHeaderSize || all_zero(start.first(kLogHeaderSize))) {
        reader.x_ended = true;
        reader.x_torn = size > 0;
        return reader;
    }
    if (!is_log_header(start)) {
        return fail(Errc::malformed, path + " is no transaction log of ZooKeeper");
    }
    reader.x_position = kLogHeaderSize;
    return reader;
}

Result<BytesView> TxnLogReader::ahead(std::size_t wanted) {
    const std::size_t skipped = x_position - x_buffer_start;
    if (x_buffer.size() - skipped < wanted && x_buffer_start + x_buffer.size() < x_size) {
        x_buffer.erase(x_buffer.begin(), x_buffer.begin() + static_cast<std::ptrdiff_t>(skipped));
        x_buffer_start = x_position;
        const std::size_t had = x_buffer.size();
        const std::uint64_t left = x_size - x_buffer_start;
        x_buffer.resize(std::min<std::uint64_t>(std::max(wanted, kReadSize), left));
        const std::size_t got =
            TRY(x_file->read_at(x_buffer_start + had, std::span(x_buffer).subspan(had)));
        if (had + got < x_buffer.size()) {
            return fail(Errc::io_error, x_path + " became shorter while it was read");
        }
    }
    return BytesView(x_buffer).subspan(x_position - x_buffer_start);
}

Result<std::optional<TxnEntry>> TxnLogReader::next() {
    if (x_ended) {
        return std::nullopt;
    }
    BytesView bytes = TRY(ahead(kRecordHeadSize));
    const std::uint64_t claimed = std::min(claimed_size(bytes), x_size - x_position);
    bytes = TRY(ahead(claimed));
    const RecordView record = read_record(bytes);
    if (record.state == RecordState::damaged) {
        TRY(judge_damage());
    }
    if (record.state != RecordState::valid) {
        x_ended = true;
        return std::nullopt;
    }
    Result<TxnEntry> entry = TxnEntry::decode(record.payload);
    if (!entry) {
        return fail(entry.error().code,
                    fmt::format("{} at offset {}: {}", x_path, x_position, entry.error().message));
    }
    x_record_offset = x_position;
    x_position += kRecordFrameSize + record.payload.size();
    return *entry;
}

Status TxnLogReader::judge_damage() {
    const std::uint64_t left = x_size - x_position;
    const BytesView rest = TRY(ahead(std::min<std::uint64_t>(left, kScanMax)));
    const std::size_t following = find_record(rest);
    const bool far_record = following < rest.size() && following > kBatchReach;
    if (lost_a_sector(rest, x_position) && !far_record) {
        x_torn = true;
        return {};
    }
    return fail(
        Errc::malformed,
        fmt::format("{} is corrupt at offset {}: a record does not match its checksum{}", x_path,
                    x_position, following < rest.size() ? " and valid records follow it" : ""));
}

}  // namespace millrace::coordinator::storage
