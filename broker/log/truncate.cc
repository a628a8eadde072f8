// Taking records away: from the end (truncation), from the start (retention, DeleteRecords), or all.
#include <fmt/format.h>

#include "broker/log/file_names.h"
#include "broker/log/log_state.h"
#include "broker/log/retention.h"
#include "lib/base/check.h"
#include "lib/base/log.h"

namespace millrace::broker::log {

namespace {

// Removes files on the disk pool; readers that hold them keep them.
void remove_later(LogState& state, std::vector<std::shared_ptr<Segment>> segments) {
    const Duration delay = std::chrono::milliseconds(state.config.file_delete_delay_ms);
    std::vector<std::string> paths;
    for (const auto& segment : segments) {
        for (const std::string_view suffix :
             {kLogSuffix, kOffsetIndexSuffix, kTimeIndexSuffix, kTxnIndexSuffix}) {
            paths.push_back(segment->path(suffix));
        }
    }
    state.context.loop.run_after(delay, [weak = state.self, paths = std::move(paths)] {
        const auto alive = weak.lock();
        if (!alive) {
            return;  // the folder is gone, or was closed: what is left goes at the next load
        }
        alive->context.disk.submit(
            alive->context.lane,
            [files = &alive->context.files, paths] {
                for (const std::string& path : paths) {
                    (void)files->remove(path);  // absent indexes are fine
                }
            },
            [] {});
    });
}

void after_cut(LogState& state, std::int64_t end_offset) {
    ++state.flushing.generation;
    state.positions.clear();
    state.recovery_point = std::min(state.recovery_point, end_offset);
    state.high_watermark = std::clamp(state.high_watermark, state.log_start, state.log_end);
    drop_waiters(state, end_offset, {Errc::conflict, "the log was truncated"});
}

}  // namespace

Status drop_segments(LogState& state, SegmentMap::iterator first, SegmentMap::iterator last) {
    std::vector<std::shared_ptr<Segment>> dropped;
    for (auto at = first; at != last; ++at) {
        TRY(at->second->change_suffix(std::string(kDeletedSuffix)));
        dropped.push_back(at->second);
    }
    state.segments.erase(first, last);
    state.flushing.folder_dirty = true;
    remove_later(state, std::move(dropped));
    return {};
}

Status truncate_log(LogState& state, std::int64_t end_offset) {
    if (end_offset >= state.log_end) {
        return {};
    }
    CHECK(end_offset >= 0);
    if (end_offset <= state.segments.begin()->first) {
        return restart_log_at(state, end_offset);
    }
    // Segments that begin at or behind the cut go whole; the one before it becomes the active one.
    const auto behind = state.segments.lower_bound(end_offset);
    TRY(drop_segments(state, behind, state.segments.end()));
    Segment& active = state.active();
    TRY(active.ensure_indexes(state.config.index_interval_bytes));
    std::int64_t new_end = end_offset;
    std::uint64_t position = active.size();
    if (const auto place = TRY(active.find(end_offset))) {
        position = place->position;
        new_end = std::min(new_end, place->header.base_offset);
    }
    TRY(active.truncate(position, new_end));
    state.log_end = new_end;
    state.log_start = std::min(state.log_start, new_end);
    if (state.epochs.truncate_end(new_end)) {
        save_epochs(state);
    }
    after_cut(state, new_end);
    TRY(remove_snapshots(state, [&](std::int64_t offset) { return offset > new_end; }));
    return rebuild_producers(state, new_end);
}

Status restart_log_at(LogState& state, std::int64_t offset) {
    TRY(drop_segments(state, state.segments.begin(), state.segments.end()));
    TRY(remove_snapshots(state, [](std::int64_t) { return true; }));
    auto segment =
        TRY(Segment::create(state.context.open_files, state.directory, offset, state.now_millis()));
    state.segments[offset] = std::move(segment);
    state.log_start = offset;
    state.log_end = offset;
    state.producers.clear();
    state.epochs.clear();
    save_epochs(state);
    after_cut(state, offset);
    state.recovery_point = offset;
    state.high_watermark = offset;
    return {};
}

Result<bool> retain(LogState& state) {
    std::vector<SegmentFacts> facts;
    for (auto at = state.segments.begin(); at != state.segments.end(); ++at) {
        Segment& segment = *at->second;
        SegmentFacts fact;
        fact.base_offset = at->first;
        fact.end_offset = state.end_of_segment(at);
        fact.size = segment.size();
        fact.modified_millis = segment.modified_millis();
        // Only the front of the log can go: there is no need to open the indexes of all.
        if (facts.size() <= kRetentionLooksAhead || std::next(at) == state.segments.end()) {
            TRY(segment.ensure_indexes(state.config.index_interval_bytes));
            fact.largest_timestamp = TRY(segment.largest_timestamp()).timestamp;
        }
        facts.push_back(fact);
    }
    const RetentionPlan plan = plan_retention(
        facts, state.config, {state.log_start, state.high_watermark, state.now_millis()});
    if (plan.drop == 0) {
        return false;
    }
    if (plan.drop == facts.size()) {
        TRY(roll_segment(state));
    }
    const auto last = std::next(state.segments.begin(), static_cast<std::ptrdiff_t>(plan.drop));
    CHECK(last != state.segments.end());
    log_info("log", "{}: {} segments below offset {} are deleted: {}", state.partition.to_string(),
             plan.drop, last->first, plan.reason);
    const std::int64_t start = last->first;
    TRY(drop_segments(state, state.segments.begin(), last));
    state.log_start = std::max(state.log_start, start);
    state.high_watermark = std::max(state.high_watermark, state.log_start);
    if (state.epochs.truncate_start(state.log_start)) {
        save_epochs(state);
    }
    TRY(remove_snapshots(state, [&](std::int64_t offset) { return offset < start; }));
    return true;
}

}  // namespace millrace::broker::log
