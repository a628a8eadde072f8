#include "broker/log/recovery.h"

#include <fmt/format.h>

#include <limits>
#include <set>

#include "broker/log/checkpoints.h"
#include "broker/log/file_names.h"
#include "lib/base/check.h"
#include "lib/base/log.h"

namespace millrace::broker::log {

namespace {

constexpr std::size_t kRecoveryWindowBytes = 1 << 20;

// One segment under recovery: how far it is good, and why no further.
struct Scan {
    std::uint64_t good_bytes = 0;
    std::int64_t next_offset = 0;
    std::string fault;  // empty: good to its end
};

struct SegmentScan {
    LogState& state;
    Segment& segment;
    std::int64_t next_offset;  // the least offset that may follow
    std::int64_t offset_max;   // of this segment, so that its relative offsets fit

    Result<Scan> run() {
        TRY(segment.reset_indexes());
        TRY(segment.txn_index().reset());
        BatchCursor walk = TRY(segment.cursor(0, kRecoveryWindowBytes));
        Scan scan{0, next_offset, {}};
        while (const auto header = TRY(walk.next())) {
            scan.fault = fault_of(*header, TRY(walk.batch()));
            if (!scan.fault.empty()) {
                return scan;
            }
            TRY(segment.index_batch({*header, walk.batch_position()},
                                    state.config.index_interval_bytes));
            TRY(note(walk, *header));
            next_offset = header->next_offset();
            scan.next_offset = next_offset;
            scan.good_bytes = walk.position();
        }
        if (!walk.at_end()) {
            scan.fault = "no whole batch follows";
        }
        return scan;
    }

    std::string fault_of(const BatchHeader& header, BytesView batch) const {
        if (header.last_offset() < next_offset || header.last_offset() > offset_max) {
            return fmt::format("offset {} does not fit", header.last_offset());
        }
        return batch_checksum_ok(batch) ? "" : "wrong checksum";
    }

    Status note(BatchCursor& walk, const BatchHeader& header) {
        // What the file of the epochs knows is right; batches behind its last sync may tell more.
        if (header.leader_epoch > state.epochs.latest()) {
            state.epochs.assign(header.leader_epoch, header.base_offset);
        }
        const auto ended = state.producers.apply(header, TRY(marker_of(walk, header)));
        if (ended && ended->aborted) {
            TRY(segment.txn_index().append({ended->producer_id, ended->first_offset,
                                            ended->last_offset,
                                            state.producers.stable_offset_after(*ended)}));
        }
        return {};
    }
};

// The newest snapshot at or below an offset that can be read; ones that cannot go away.
Result<std::int64_t> load_newest_snapshot(LogState& state, std::int64_t offset) {
    state.producers.clear();
    constexpr std::uint64_t kSnapshotBytesMax = 1U << 30;
    for (auto at = state.snapshots.upper_bound(offset); at != state.snapshots.begin();) {
        at = std::prev(at);
        const std::string path = state.path_of(segment_file_name(at->first, kSnapshotSuffix));
        const auto bytes = state.context.files.read_file(path, kSnapshotBytesMax);
        auto decoded =
            bytes ? decode_producer_snapshot(*bytes) : Result<ProducerState>(fail(bytes.error()));
        if (decoded && decoded->last_offset() >= at->first) {
            decoded = fail(Errc::malformed, "it knows of batches behind its own offset");
        }
        if (decoded) {
            state.producers = std::move(*decoded);
            return at->first;
        }
        log_warning("log", "{}: {}; an older one is taken", path, decoded.error().to_string());
        (void)state.context.files.remove(path);
        at = state.snapshots.erase(at);
    }
    return state.log_start;
}

Status remove_all(LogState& state, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        TRY(state.context.files.remove(state.path_of(name)));
        state.flushing.folder_dirty = true;
    }
    return {};
}

// The offset behind the last batch of a file that is no segment yet.
Result<std::int64_t> end_of_file(LogState& state, const std::string& name,
                                 std::int64_t base_offset) {
    const std::shared_ptr<runtime::File> file =
        TRY(state.context.files.open(state.path_of(name), runtime::OpenMode::read));
    BatchCursor walk(file, 0, TRY(file->size()));
    std::int64_t end = base_offset;
    while (const auto header = TRY(walk.next())) {
        end = header->next_offset();
    }
    return end;
}

using NamedFiles = std::vector<std::pair<SegmentFileName, std::string>>;

// A .swap is a finished output of the cleaner, unless a .cleaned at or below says that its group was still being made
// (KAFKA-6264). It replaces the segments whose offsets it covers.
Status finish_swaps(LogState& state, const NamedFiles& swaps, std::int64_t first_unfinished) {
    std::set<std::int64_t> bases;
    for (const auto& [file, name] : swaps) {
        if (file.base_offset >= first_unfinished) {
            TRY(state.context.files.remove(state.path_of(name)));
        } else if (file.suffix == kLogSuffix) {
            bases.insert(file.base_offset);
        }
    }
    for (const std::int64_t base : bases) {
        const std::string swap_log = segment_file_name(base, kLogSuffix) + std::string(kSwapSuffix);
        const std::int64_t end = TRY(end_of_file(state, swap_log, base));
        for (const auto& entry : TRY(state.context.files.list(state.directory))) {
            const auto file = parse_segment_file_name(entry.name);
            const bool covered = file && file->state.empty() && file->suffix != kSnapshotSuffix &&
                                 file->base_offset >= base && file->base_offset < end;
            if (covered) {
                TRY(state.context.files.remove(state.path_of(entry.name)));
            }
        }
    }
    for (const auto& [file, name] : swaps) {
        if (file.base_offset < first_unfinished) {
            TRY(state.context.files.rename(
                state.path_of(name),
                state.path_of(segment_file_name(file.base_offset, file.suffix))));
        }
    }
    return {};
}

void note_file(FolderContent& content, const SegmentFileName& file,
               const runtime::DirectoryEntry& entry) {
    if (file.suffix == kSnapshotSuffix) {
        content.snapshots[file.base_offset] = true;
        return;
    }
    SegmentFiles& segment = content.segments[file.base_offset];
    if (file.suffix == kLogSuffix) {
        segment.log_bytes = entry.size;
        segment.modified_millis = entry.modified_millis;
    } else if (file.suffix == kOffsetIndexSuffix) {
        segment.offset_index_bytes = entry.size;
    } else if (file.suffix == kTimeIndexSuffix) {
        segment.time_index_bytes = entry.size;
    } else {
        segment.txn_index_bytes = entry.size;
    }
}

Status settle_interrupted_work(LogState& state) {
    std::vector<std::string> leftovers;
    NamedFiles swaps;
    std::int64_t first_unfinished = std::numeric_limits<std::int64_t>::max();
    for (const auto& entry : TRY(state.context.files.list(state.directory))) {
        const auto file = parse_segment_file_name(entry.name);
        if (!file || file->state.empty()) {
            continue;
        }
        if (file->state == kSwapSuffix) {
            swaps.emplace_back(*file, entry.name);
            continue;
        }
        leftovers.push_back(entry.name);
        if (file->state == kCleanedSuffix) {
            first_unfinished = std::min(first_unfinished, file->base_offset);
        }
    }
    TRY(remove_all(state, leftovers));
    if (!swaps.empty()) {
        state.flushing.folder_dirty = true;
        TRY(finish_swaps(state, swaps, first_unfinished));
    }
    return {};
}

// A power failure may take the end of a segment and leave the next one, as neither was synced. Compaction leaves holes too, and
// what is missing below the recovery point is damage of another kind.
bool is_hole(const LogState& state, std::int64_t end_offset, std::int64_t next_base,
             std::int64_t recovery_point) {
    return !state.config.cleanup_compact && end_offset >= recovery_point && end_offset < next_base;
}

}  // namespace

Result<std::optional<TransactionMarker>> marker_of(BatchCursor& cursor, const BatchHeader& header) {
    if (!header.control()) {
        return std::nullopt;
    }
    return parse_marker(TRY(cursor.batch()));
}

Result<FolderContent> tidy_folder(LogState& state) {
    TRY(settle_interrupted_work(state));
    FolderContent content;
    std::set<std::int64_t> logs;
    const auto entries = TRY(state.context.files.list(state.directory));
    for (const auto& entry : entries) {
        content.has_epochs |= entry.name == kLeaderEpochFile;
        content.has_metadata |= entry.name == kPartitionMetadataFile;
        if (const auto file = parse_segment_file_name(entry.name)) {
            note_file(content, *file, entry);
            if (file->suffix == kLogSuffix) {
                logs.insert(file->base_offset);
            }
        }
    }
    std::vector<std::string> orphans;
    for (const auto& entry : entries) {
        const auto file = parse_segment_file_name(entry.name);
        if (file && file->suffix != kSnapshotSuffix && !logs.contains(file->base_offset)) {
            orphans.push_back(entry.name);
        }
    }
    TRY(remove_all(state, orphans));
    std::erase_if(content.segments, [&](const auto& item) { return !logs.contains(item.first); });
    return content;
}

Status rebuild_producers(LogState& state, std::int64_t end_offset) {
    const std::int64_t from = TRY(load_newest_snapshot(state, end_offset));
    for (auto at = state.floor_segment(from); at != state.segments.end() && at->first < end_offset;
         ++at) {
        Segment& segment = *at->second;
        std::uint64_t position = 0;
        if (from > at->first) {
            TRY(segment.ensure_indexes(state.config.index_interval_bytes));
            const auto place = TRY(segment.find(from));
            position = place ? place->position : segment.size();
        }
        BatchCursor walk = TRY(segment.cursor(position));
        while (const auto header = TRY(walk.next())) {
            if (header->base_offset >= from && header->base_offset < end_offset) {
                state.producers.apply(*header, TRY(marker_of(walk, *header)));
            }
        }
    }
    state.producers.on_high_watermark(state.high_watermark);
    return {};
}

Status recover_segments(LogState& state, std::int64_t recovery_point) {
    const auto first = state.floor_segment(recovery_point);
    TRY(rebuild_producers(state, first->first));
    std::int64_t next_offset = first->first;
    for (auto at = first; at != state.segments.end(); ++at) {
        Segment& segment = *at->second;
        next_offset = std::max(next_offset, at->first);
        const std::int64_t offset_max = at->first + std::numeric_limits<std::int32_t>::max();
        const Scan scan = TRY(SegmentScan{state, segment, next_offset, offset_max}.run());
        next_offset = scan.next_offset;
        if (!scan.fault.empty()) {
            log_warning("log", "{}: {} at position {}: {} bytes and all later segments are cut off",
                        segment.path(kLogSuffix), scan.fault, scan.good_bytes,
                        segment.size() - scan.good_bytes);
            TRY(segment.truncate(scan.good_bytes, next_offset));
            TRY(drop_segments(state, std::next(at), state.segments.end()));
            break;
        }
        const auto next = std::next(at);
        if (next != state.segments.end() &&
            is_hole(state, next_offset, next->first, recovery_point)) {
            log_warning("log",
                        "{}: the records from {} to {} are lost: all later segments are cut off",
                        segment.path(kLogSuffix), next_offset, next->first - 1);
            TRY(drop_segments(state, next, state.segments.end()));
            break;
        }
        if (next != state.segments.end()) {
            TRY(segment.seal());
        }
    }
    state.log_end = next_offset;
    return {};
}

}  // namespace millrace::broker::log
