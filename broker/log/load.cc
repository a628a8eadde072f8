// Opening the folder of a partition, and the small files beside its segments.
#include <fmt/format.h>

#include "broker/log/checkpoints.h"
#include "broker/log/file_names.h"
#include "broker/log/recovery.h"
#include "lib/base/check.h"
#include "lib/base/log.h"

namespace millrace::broker::log {

namespace {

constexpr std::uint64_t kSmallFileBytesMax = 16 << 20;

// Epochs that cannot be read are found again from the batches that recovery scans; a clean folder keeps none.
void load_epochs(LogState& state) {
    const std::string path = state.path_of(kLeaderEpochFile);
    const auto bytes = state.context.files.read_file(path, kSmallFileBytesMax);
    auto epochs =
        bytes ? decode_leader_epochs(as_text(*bytes)) : Result<LeaderEpochs>(fail(bytes.error()));
    if (epochs) {
        state.epochs = std::move(*epochs);
    } else {
        log_warning("log", "{}: {}; taken as empty", path, epochs.error().to_string());
    }
}

Status load_topic_id(LogState& state) {
    const std::string path = state.path_of(kPartitionMetadataFile);
    const Bytes bytes = TRY(state.context.files.read_file(path, kSmallFileBytesMax));
    const auto id = decode_partition_metadata(as_text(bytes));
    if (id && !id->is_zero()) {
        state.topic_id = *id;
    } else {
        log_warning("log", "{} holds no topic id; it is written again", path);
    }
    return {};
}

Status start_segment(LogState& state, std::int64_t base_offset) {
    auto segment = TRY(Segment::create(state.context.open_files, state.directory, base_offset,
                                       state.now_millis()));
    state.segments[base_offset] = std::move(segment);
    state.flushing.folder_dirty = true;
    return {};
}

// The offset behind the last batch, from the last index entry on. False: the end is not in order.
Result<bool> find_end(LogState& state) {
    Segment& active = state.active();
    TRY(active.ensure_indexes(state.config.index_interval_bytes));
    state.log_end = active.base_offset();
    if (active.size() == 0) {
        return true;
    }
    const std::uint64_t start = TRY(active.last_indexed_position());
    BatchCursor walk = TRY(active.cursor(start));
    while (const auto header = TRY(walk.next())) {
        if (header->base_offset < state.log_end) {
            return false;
        }
        state.log_end = header->next_offset();
    }
    return walk.at_end();
}

Status set_bounds(LogState& state, const LoadHints& hints) {
    state.log_start = std::max(hints.log_start_offset, state.segments.begin()->first);
    if (state.log_end < state.log_start) {
        log_warning("log", "{}: the log ends at {}, below its start {}; it starts anew there",
                    state.partition.to_string(), state.log_end, state.log_start);
        const std::int64_t start = state.log_start;
        TRY(restart_log_at(state, start));
    }
    state.high_watermark = std::clamp(hints.high_watermark, state.log_start, state.log_end);
    bool changed = state.epochs.truncate_end(state.log_end);
    changed |= state.epochs.truncate_start(state.log_start);
    return changed ? save_epochs_now(state) : Status{};
}

Status load_segments(LogState& state, const LoadHints& hints) {
    bool clean = hints.clean;
    if (clean) {
        clean = TRY(find_end(state));
        if (!clean) {
            log_warning("log", "{}: the end is not in order in spite of the clean shutdown marker",
                        state.partition.to_string());
        }
    }
    if (!clean) {
        const std::int64_t point =
            hints.clean ? state.active().base_offset() : hints.recovery_point;
        const std::vector<EpochStart> known = state.epochs.entries();
        TRY(recover_segments(state, point));
        if (state.epochs.entries() != known) {
            TRY(save_epochs_now(state));
        }
    }
    TRY(set_bounds(state, hints));
    TRY(remove_snapshots(state, [&](std::int64_t offset) { return offset > state.log_end; }));
    if (clean && !state.snapshots.empty()) {
        TRY(rebuild_producers(state, state.log_end));
    }
    state.producers.on_high_watermark(state.high_watermark);
    state.recovery_point = clean ? state.log_end : std::min(hints.recovery_point, state.log_end);
    if (clean) {
        return {};
    }
    // A process that died may have left all this in the page cache only, and the entries of its files too. Nobody may be shown
    // what a loss of power would take away.
    state.flushing.folder_dirty = true;
    return sync_all(state);
}

}  // namespace

Status load_log(LogState& state, const LoadHints& hints) {
    state.segment_jitter_seed = state.context.loop.random().next();
    state.unsynced_since = state.context.loop.now();
    if (!state.context.files.exists(state.directory)) {
        TRY(state.context.files.make_directories(state.directory));
        state.flushing.parent_dirty = true;
    }
    FolderContent content = TRY(tidy_folder(state));
    for (const auto& [base_offset, files] : content.segments) {
        state.segments[base_offset] =
            Segment::adopt(state.context.open_files, state.directory, base_offset, files);
    }
    state.snapshots = std::move(content.snapshots);
    if (content.has_epochs) {
        load_epochs(state);
    }
    if (content.has_metadata) {
        TRY(load_topic_id(state));
    }
    if (!state.segments.empty()) {
        return load_segments(state, hints);
    }
    TRY(start_segment(state, hints.log_start_offset));
    state.log_start = hints.log_start_offset;
    state.log_end = state.log_start;
    state.recovery_point = state.log_start;
    state.high_watermark = state.log_start;
    TRY(remove_snapshots(state, [&](std::int64_t offset) { return offset > state.log_end; }));
    return content.has_epochs ? set_bounds(state, hints) : save_epochs_now(state);
}

Status save_epochs_now(LogState& state) {
    const std::string text = encode_leader_epochs(state.epochs);
    const std::string path = state.path_of(kLeaderEpochFile);
    // Not synced here: the next sync of the log does it, and recovery finds epochs in the batches.
    const std::string fresh = path + ".tmp";
    const auto file = TRY(state.context.files.open(fresh, runtime::OpenMode::truncate));
    TRY(file->write_at(0, as_bytes(text)));
    state.flushing.folder_dirty = true;
    return state.context.files.rename(fresh, path);
}

void save_epochs(LogState& state) {
    const auto status = std::make_shared<Status>();
    state.context.disk.submit(
        state.context.lane,
        [files = &state.context.files, path = state.path_of(kLeaderEpochFile),
         text = encode_leader_epochs(state.epochs),
         status] { *status = files->replace_file(path, as_bytes(text)); },
        [weak = state.self, status] {
            const auto alive = weak.lock();
            if (alive && !*status && !alive->failure) {
                (void)fail_log(*alive, status->error());
            }
        });
}

Status save_snapshot_now(LogState& state, std::int64_t offset) {
    const std::string path = state.path_of(segment_file_name(offset, kSnapshotSuffix));
    const auto file = TRY(state.context.files.open(path, runtime::OpenMode::truncate));
    state.snapshots[offset] = false;
    return file->write_at(0, encode_producer_snapshot(state.producers));
}

Status remove_snapshots(LogState& state, const std::function<bool(std::int64_t)>& drop) {
    for (auto at = state.snapshots.begin(); at != state.snapshots.end();) {
        if (!drop(at->first)) {
            ++at;
            continue;
        }
        const std::string path = state.path_of(segment_file_name(at->first, kSnapshotSuffix));
        if (const Status removed = state.context.files.remove(path);
            !removed && removed.error().code != Errc::not_found) {
            return removed;
        }
        state.flushing.folder_dirty = true;
        at = state.snapshots.erase(at);
    }
    return {};
}

}  // namespace millrace::broker::log
