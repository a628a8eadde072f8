#include "broker/log/segment.h"

#include <fmt/format.h>

#include "broker/log/file_names.h"
#include "lib/base/check.h"
#include "lib/base/log.h"

namespace millrace::broker::log {

namespace {
// A search hops over bodies; a small window costs least there.
constexpr std::size_t kSearchWindowBytes = 4096;
constexpr std::string_view kAllSuffixes[] = {kLogSuffix, kOffsetIndexSuffix, kTimeIndexSuffix,
                                             kTxnIndexSuffix};
}  // namespace

Segment::Segment(OpenFiles& open_files, std::string directory, std::int64_t base_offset,
                 std::string suffix)
    : x_open_files(open_files),
      x_directory(std::move(directory)),
      x_suffix(std::move(suffix)),
      x_base_offset(base_offset),
      x_offset_index(open_files, path(kOffsetIndexSuffix), base_offset),
      x_time_index(open_files, path(kTimeIndexSuffix), base_offset),
      x_txn_index(open_files, path(kTxnIndexSuffix)) {}

std::string Segment::path(std::string_view suffix) const {
    return runtime::join_path(x_directory, segment_file_name(x_base_offset, suffix) + x_suffix);
}

Result<std::shared_ptr<Segment>> Segment::create(OpenFiles& open_files, std::string directory,
                                                 std::int64_t base_offset, std::int64_t now_millis,
                                                 std::string suffix) {
    std::shared_ptr<Segment> segment(
        new Segment(open_files, std::move(directory), base_offset, std::move(suffix)));
    // A leftover of a segment that was cut away at this offset is of no use any more.
    open_files.forget(segment->path(kLogSuffix));
    segment->x_file =
        TRY(open_files.files().open(segment->path(kLogSuffix), runtime::OpenMode::truncate));
    TRY(segment->reset_indexes());
    TRY(segment->x_txn_index.reset());
    segment->x_created_millis = now_millis;
    segment->x_modified_millis = now_millis;
    segment->x_largest = TimestampOffset{};
    return segment;
}

std::shared_ptr<Segment> Segment::adopt(OpenFiles& open_files, std::string directory,
                                        std::int64_t base_offset, const SegmentFiles& files) {
    std::shared_ptr<Segment> segment(
        new Segment(open_files, std::move(directory), base_offset, ""));
    segment->x_size = files.log_bytes;
    segment->x_modified_millis = files.modified_millis;
    segment->x_found = files;
    segment->x_synced = true;
    segment->x_txn_index.adopt(files.txn_index_bytes.value_or(0));
    return segment;
}

Result<std::shared_ptr<runtime::File>> Segment::file() const {
    if (x_file) {
        return x_file;
    }
    return x_open_files.open(path(kLogSuffix));
}

Status Segment::append(std::span<const BatchPieces> batches, std::int32_t index_interval_bytes,
                       std::int64_t now_millis) {
    CHECK(x_indexes_ready, "a segment is appended to only after its indexes are loaded");
    if (!x_file) {
        x_file = TRY(x_open_files.files().open(path(kLogSuffix), runtime::OpenMode::read_write));
    }
    std::uint64_t bytes = 0;
    for (const BatchPieces& batch : batches) {
        CHECK(batch.header.size == batch.first.size() + batch.rest.size());
        TRY(index_batch({batch.header, x_size + bytes}, index_interval_bytes));
        bytes += batch.header.size;
    }
    if (x_pending.size() + bytes <= kPendingBytesMax) {
        for (const BatchPieces& batch : batches) {
            x_pending.insert(x_pending.end(), batch.first.begin(), batch.first.end());
            x_pending.insert(x_pending.end(), batch.rest.begin(), batch.rest.end());
        }
    } else {
        std::vector<BytesView> pieces;
        pieces.reserve(1 + batches.size() * 2);
        pieces.emplace_back(x_pending);
        for (const BatchPieces& batch : batches) {
            pieces.push_back(batch.first);
            pieces.push_back(batch.rest);
        }
        TRY(x_file->write_pieces_at(x_size - x_pending.size(), pieces));
        x_pending.clear();
    }
    x_size += bytes;
    x_modified_millis = now_millis;
    x_synced = false;
    return {};
}

Status Segment::write_out() {
    if (x_pending.empty()) {
        return {};
    }
    const auto log_file = TRY(file());
    TRY(log_file->write_at(x_size - x_pending.size(), x_pending));
    x_pending.clear();
    if (x_pending.capacity() > kSearchWindowBytes * 4) {
        x_pending.shrink_to_fit();  // an idle partition must not keep a busy one's buffer
    }
    return {};
}

Result<BatchCursor> Segment::cursor(std::uint64_t position, std::size_t window_bytes) {
    TRY(write_out());
    const auto log_file = TRY(file());
    return BatchCursor(log_file, position, x_size, window_bytes);
}

Result<std::optional<BatchPlace>> Segment::find(std::int64_t offset) {
    const OffsetPosition start = TRY(x_offset_index.floor(offset));
    BatchCursor walk = TRY(cursor(start.position, kSearchWindowBytes));
    while (const auto header = TRY(walk.next())) {
        if (header->last_offset() >= offset) {
            return BatchPlace{*header, walk.batch_position()};
        }
    }
    return std::nullopt;
}

Result<BatchPlace> Segment::last_end_within(std::uint64_t from, std::uint64_t limit) {
    const OffsetPosition start = TRY(x_offset_index.floor_position(limit));
    BatchCursor walk =
        TRY(cursor(std::max<std::uint64_t>(from, start.position), kSearchWindowBytes));
    BatchPlace place;
    place.position = walk.position();
    while (const auto header = TRY(walk.next())) {
        place = {*header, walk.batch_position()};
        if (walk.position() > limit) {
            break;
        }
    }
    return place;
}

Result<std::optional<BatchHeader>> Segment::header_at(std::uint64_t position) const {
    CHECK(x_pending.empty(), "headers are read behind write_out");
    const auto log_file = TRY(file());
    BatchCursor walk(log_file, position, x_size, kBatchHeaderBytes);
    return walk.next();
}

Result<std::uint64_t> Segment::position_before_timestamp(std::int64_t timestamp) {
    const TimestampOffset start = TRY(x_time_index.before(timestamp));
    // The entry names the last offset of a batch below the timestamp: the search may begin at that batch or before.
    const OffsetPosition place = TRY(x_offset_index.floor(start.offset));
    return place.position;
}

Result<TimestampOffset> Segment::largest_timestamp() {
    if (!x_largest) {
        // The time index of a closed segment ends with it.
        x_largest = TRY(x_time_index.last()).value_or(TimestampOffset{});
    }
    return *x_largest;
}

Result<std::int64_t> Segment::first_timestamp() {
    if (!x_first_timestamp) {
        TRY(write_out());
        if (const auto header = TRY(header_at(0))) {
            x_first_timestamp = header->max_timestamp;
        }
    }
    return x_first_timestamp.value_or(-1);
}

void Segment::set_directory(const std::string& directory) {
    for (const std::string_view suffix : kAllSuffixes) {
        x_open_files.forget(path(suffix));
    }
    x_directory = directory;
    x_offset_index.file().set_path(path(kOffsetIndexSuffix));
    x_time_index.file().set_path(path(kTimeIndexSuffix));
    x_txn_index.set_path(path(kTxnIndexSuffix));
}

Status Segment::change_suffix(const std::string& suffix) {
    TRY(write_out());
    for (const std::string_view kind : kAllSuffixes) {
        const std::string from = path(kind);
        x_open_files.forget(from);
        if (x_open_files.files().exists(from)) {
            const std::string to =
                runtime::join_path(x_directory, segment_file_name(x_base_offset, kind) + suffix);
            TRY(x_open_files.files().rename(from, to));
        }
    }
    x_suffix = suffix;
    set_directory(x_directory);
    return {};
}

Status Segment::remove_files() {
    for (const std::string_view kind : kAllSuffixes) {
        const std::string file_path = path(kind);
        x_open_files.forget(file_path);
        if (const Status removed = x_open_files.files().remove(file_path);
            !removed && removed.error().code != Errc::not_found) {
            return removed;
        }
    }
    return {};
}

}  // namespace millrace::broker::log
