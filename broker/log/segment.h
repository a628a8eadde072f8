// One segment: the .log file and its three indexes. The active segment keeps small appends in memory until write_out, so that
// one system call takes what arrives in one turn of the loop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/log/batch_header.h"
#include "broker/log/log_config.h"
#include "broker/log/offset_index.h"
#include "broker/log/time_index.h"
#include "broker/log/txn_index.h"

namespace millrace::broker::log {

// Sizes of the files of a segment as a folder listing shows them; absent when there is no file.
struct SegmentFiles {
    std::uint64_t log_bytes = 0;
    std::int64_t modified_millis = 0;
    std::optional<std::uint64_t> offset_index_bytes;
    std::optional<std::uint64_t> time_index_bytes;
    std::optional<std::uint64_t> txn_index_bytes;
};

// A batch and where it starts in its segment.
struct BatchPlace {
    BatchHeader header;
    std::uint64_t position = 0;
};

// A batch to append: the header as it is to be on the disk, patched by the caller, and the rest.
struct BatchPieces {
    BatchHeader header;
    BytesView first;  // kBatchHeaderBytes
    BytesView rest;
};

class Segment {
 public:
    static constexpr std::size_t kPendingBytesMax = 128 << 10;

    // Makes the files. suffix is "" or ".cleaned". Errors: already_exists, io_error, disk_full.
    static Result<std::shared_ptr<Segment>> create(OpenFiles& open_files, std::string directory,
                                                   std::int64_t base_offset,
                                                   std::int64_t now_millis,
                                                   std::string suffix = "");
    // Takes over files that are there; opens none of them yet.
    static std::shared_ptr<Segment> adopt(OpenFiles& open_files, std::string directory,
                                          std::int64_t base_offset, const SegmentFiles& files);

    std::int64_t base_offset() const { return x_base_offset; }
    std::uint64_t size() const { return x_size; }
    std::int64_t modified_millis() const { return x_modified_millis; }
    std::uint64_t pending_bytes() const { return x_pending.size(); }
    std::size_t offset_index_entries() const { return x_offset_index.file().count(); }
    std::size_t time_index_entries() const { return x_time_index.file().count(); }
    TxnIndex& txn_index() { return x_txn_index; }
    const TxnIndex& txn_index() const { return x_txn_index; }
    std::string path(std::string_view suffix) const;
    // The .log file. Errors: not_found, io_error.
    Result<std::shared_ptr<runtime::File>> file() const;

    // Batches in offset order. now_millis dates the file. Errors: io_error, disk_full; the segment must not be used then.
    Status append(std::span<const BatchPieces> batches, std::int32_t index_interval_bytes,
                  std::int64_t now_millis);
    // Hands pending bytes to the page cache.
    Status write_out();

    // The first batch whose last offset is at or above; nothing when the segment ends before. Errors: io_error.
    Result<std::optional<BatchPlace>> find(std::int64_t offset);
    // The largest position of a batch's end that is at most `limit`, walking on from a batch that starts at `from`.
    // Also the header that follows it.
    Result<BatchPlace> last_end_within(std::uint64_t from, std::uint64_t limit);
    // The batch that starts at a position.
    Result<std::optional<BatchHeader>> header_at(std::uint64_t position) const;
    // Walks the batches from a position on; pending bytes are written first.
    Result<BatchCursor> cursor(std::uint64_t position, std::size_t window_bytes = 64 << 10);
    // Where a search for a timestamp at or above may begin.
    Result<std::uint64_t> position_before_timestamp(std::int64_t timestamp);

    // The largest timestamp and the last offset of the batch that holds it first; {-1, -1} when unknown. Read when asked for.
    Result<TimestampOffset> largest_timestamp();
    // Of the first batch; -1 when there is none.
    Result<std::int64_t> first_timestamp();
    // Where the batch of the last index entry starts; 0 without entries.
    Result<std::uint64_t> last_indexed_position() const;
    // When the segment was made by this process; -1 for one found on the disk.
    std::int64_t created_millis() const { return x_created_millis; }

    // Loads the ends of the indexes; rebuilds them when they are missing or cannot be right. Errors: io_error, disk_full.
    Status ensure_indexes(std::int32_t index_interval_bytes);
    // Empties the indexes, to be filled by index_batch for each batch in order.
    Status reset_indexes();
    Status index_batch(const BatchPlace& place, std::int32_t index_interval_bytes);
    // Cuts the file at a position that is a batch boundary, the indexes at the offset.
    Status truncate(std::uint64_t position, std::int64_t end_offset);
    // No more appends: writes everything, forces the last entry of the time index. Nothing is synced.
    Status seal();

    // Nothing was changed since a sync covered it with its indexes, or since it was found on the disk.
    bool synced() const { return x_synced; }
    void set_synced(bool synced) { x_synced = synced; }
    // The files that a sync must cover. Errors: io_error.
    Result<std::vector<std::shared_ptr<runtime::File>>> files_to_sync(bool with_indexes);

    // Renames every file by replacing the suffix behind its name, e.g. "" by ".deleted".
    Status change_suffix(const std::string& suffix);
    // Removes every file. Those that are gone already do not matter.
    Status remove_files();
    void set_directory(const std::string& directory);

 private:
    Segment(OpenFiles& open_files, std::string directory, std::int64_t base_offset,
            std::string suffix);
    Status rebuild_indexes(std::int32_t index_interval_bytes);
    Status load_index_ends();

    OpenFiles& x_open_files;
    std::string x_directory;
    std::string x_suffix;
    std::int64_t x_base_offset;
    std::shared_ptr<runtime::File> x_file;  // held while appends go on
    std::uint64_t x_size = 0;               // with pending bytes
    Bytes x_pending;                        // the last bytes, at most kPendingBytesMax
    OffsetIndex x_offset_index;
    TimeIndex x_time_index;
    TxnIndex x_txn_index;
    SegmentFiles x_found;  // as adopted
    bool x_indexes_ready = false;
    bool x_synced = false;
    std::uint64_t x_bytes_since_index = 0;
    std::optional<TimestampOffset> x_largest;
    std::optional<std::int64_t> x_first_timestamp;
    std::int64_t x_modified_millis = 0;
    std::int64_t x_created_millis = -1;
};

}  // namespace millrace::broker::log
