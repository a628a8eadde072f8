// The part of Segment that keeps its indexes in step with its file.
#include <fmt/format.h>

#include "broker/log/file_names.h"
#include "broker/log/segment.h"
#include "lib/base/check.h"
#include "lib/base/log.h"

namespace millrace::broker::log {

Status Segment::index_batch(const BatchPlace& place, std::int32_t index_interval_bytes) {
    // As in Kafka, an entry names the batch that comes after the interval has passed; none is made for the first batch.
    if (x_bytes_since_index > static_cast<std::uint64_t>(index_interval_bytes)) {
        TRY(x_offset_index.append(
            {place.header.last_offset(), static_cast<std::uint32_t>(place.position)}));
        x_bytes_since_index = 0;
        if (!x_largest || place.header.max_timestamp > x_largest->timestamp) {
            x_largest = TimestampOffset{place.header.max_timestamp, place.header.last_offset()};
        }
        TRY(x_time_index.append(*x_largest));
    }
    if (!x_largest || place.header.max_timestamp > x_largest->timestamp) {
        x_largest = TimestampOffset{place.header.max_timestamp, place.header.last_offset()};
    }
    if (place.position == 0) {
        x_first_timestamp = place.header.max_timestamp;
    }
    x_bytes_since_index += place.header.size;
    return {};
}

Result<std::uint64_t> Segment::last_indexed_position() const {
    const auto last = TRY(x_offset_index.last());
    return last ? last->position : 0;
}

Status Segment::reset_indexes() {
    TRY(x_offset_index.file().reset());
    TRY(x_time_index.file().reset());
    x_bytes_since_index = 0;
    x_largest = TimestampOffset{};
    x_first_timestamp.reset();
    x_indexes_ready = true;
    x_synced = false;
    return {};
}

Status Segment::load_index_ends() {
    if (!x_found.offset_index_bytes || !x_found.time_index_bytes) {
        return fail(Errc::malformed, fmt::format("{} has no index", path(kLogSuffix)));
    }
    TRY(x_offset_index.adopt(*x_found.offset_index_bytes, x_size));
    TRY(x_time_index.adopt(*x_found.time_index_bytes));
    const auto last = TRY(x_offset_index.last());
    x_bytes_since_index = x_size - (last ? last->position : 0);
    x_indexes_ready = true;
    return {};
}

Status Segment::ensure_indexes(std::int32_t index_interval_bytes) {
    if (x_indexes_ready) {
        return {};
    }
    const Status loaded = load_index_ends();
    if (loaded) {
        return {};
    }
    if (loaded.error().code != Errc::malformed && loaded.error().code != Errc::not_found) {
        return loaded;
    }
    log_warning("log", "{}; the indexes are built again", loaded.error().message);
    return rebuild_indexes(index_interval_bytes);
}

Status Segment::rebuild_indexes(std::int32_t index_interval_bytes) {
    TRY(reset_indexes());
    BatchCursor walk = TRY(cursor(0));
    while (const auto header = TRY(walk.next())) {
        TRY(index_batch({*header, walk.batch_position()}, index_interval_bytes));
    }
    return seal();
}

Status Segment::truncate(std::uint64_t position, std::int64_t end_offset) {
    CHECK(x_indexes_ready);
    TRY(write_out());
    TRY(x_offset_index.truncate_to(end_offset));
    TRY(x_time_index.truncate_to(end_offset));
    TRY(x_txn_index.truncate_to(end_offset));
    const auto log_file = TRY(file());
    TRY(log_file->truncate(position));
    x_size = position;
    x_synced = false;
    x_found = {};
    // What the time index lost is found again behind its last entry.
    x_largest = TRY(x_time_index.last()).value_or(TimestampOffset{});
    if (position == 0) {
        x_first_timestamp.reset();
    }
    const auto last = TRY(x_offset_index.last());
    x_bytes_since_index = x_size - (last ? last->position : 0);
    BatchCursor walk = TRY(cursor(last ? last->position : 0));
    while (const auto header = TRY(walk.next())) {
        if (header->max_timestamp > x_largest->timestamp) {
            x_largest = TimestampOffset{header->max_timestamp, header->last_offset()};
        }
    }
    return {};
}

Status Segment::seal() {
    TRY(write_out());
    if (!x_indexes_ready) {
        return {};
    }
    const TimestampOffset largest = TRY(largest_timestamp());
    TRY(x_time_index.append(largest));
    TRY(x_offset_index.file().write_tail());
    TRY(x_time_index.file().write_tail());
    x_file.reset();
    return {};
}

Result<std::vector<std::shared_ptr<runtime::File>>> Segment::files_to_sync(bool with_indexes) {
    std::vector<std::shared_ptr<runtime::File>> files;
    files.push_back(TRY(file()));
    if (with_indexes) {
        files.push_back(TRY(x_open_files.open(path(kOffsetIndexSuffix))));
        files.push_back(TRY(x_open_files.open(path(kTimeIndexSuffix))));
        if (x_txn_index.count() > 0) {
            files.push_back(TRY(x_open_files.open(path(kTxnIndexSuffix))));
        }
    }
    return files;
}

}  // namespace millrace::broker::log
