#include "broker/log/partition_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "broker/log/checkpoints.h"
#include "broker/log/log_state.h"
#include "lib/base/check.h"
#include "lib/base/log.h"

namespace millrace::broker::log {

LogState::LogState(LogContext log_context, TopicPartition id, std::string folder,
                   LogConfig log_config)
    : context(std::move(log_context)),
      partition(std::move(id)),
      directory(std::move(folder)),
      config(log_config) {}

SegmentMap::iterator LogState::floor_segment(std::int64_t offset) {
    const auto behind = segments.upper_bound(offset);
    return behind == segments.begin() ? behind : std::prev(behind);
}

std::int64_t LogState::end_of_segment(SegmentMap::const_iterator segment) const {
    const auto next = std::next(segment);
    return next == segments.end() ? log_end : next->first;
}

std::string LogState::path_of(std::string_view name) const {
    return runtime::join_path(directory, name);
}

PartitionLog::PartitionLog(std::shared_ptr<LogState> state) : x_state(std::move(state)) {}

PartitionLog::~PartitionLog() = default;

Result<std::unique_ptr<PartitionLog>> PartitionLog::open(LogContext context,
                                                         TopicPartition partition,
                                                         std::string directory, LogConfig config,
                                                         const LoadHints& hints) {
    auto state = std::make_shared<LogState>(std::move(context), std::move(partition),
                                            std::move(directory), config);
    state->self = state;
    TRY(load_log(*state, hints));
    return std::unique_ptr<PartitionLog>(new PartitionLog(std::move(state)));
}

const TopicPartition& PartitionLog::partition() const {
    return x_state->partition;
}
const std::string& PartitionLog::directory() const {
    return x_state->directory;
}
const LogConfig& PartitionLog::config() const {
    return x_state->config;
}
void PartitionLog::set_config(LogConfig config) {
    x_state->config = config;
}
std::optional<kafka::Uuid> PartitionLog::topic_id() const {
    return x_state->topic_id;
}

Status PartitionLog::set_topic_id(const kafka::Uuid& id) {
    LogState& state = *x_state;
    if (state.topic_id) {
        if (*state.topic_id == id) {
            return {};
        }
        return fail(Errc::conflict,
                    fmt::format("{} has topic id {}, not {}", state.partition.to_string(),
                                state.topic_id->to_string(), id.to_string()));
    }
    const std::string text = encode_partition_metadata(id);
    const std::string path = state.path_of(kPartitionMetadataFile);
    const auto file = TRY(state.context.files.open(path, runtime::OpenMode::truncate));
    TRY(file->write_at(0, as_bytes(text)));
    state.flushing.folder_dirty = true;
    state.topic_id = id;
    // The id reaches the disk with the first records; an empty folder without one gets it again.
    return {};
}

std::int64_t PartitionLog::log_start_offset() const {
    return x_state->log_start;
}
std::int64_t PartitionLog::log_end_offset() const {
    return x_state->log_end;
}
std::int64_t PartitionLog::recovery_point() const {
    return x_state->recovery_point;
}
std::int64_t PartitionLog::high_watermark() const {
    return x_state->high_watermark;
}
std::size_t PartitionLog::segment_count() const {
    return x_state->segments.size();
}
bool PartitionLog::failed() const {
    return x_state->failure.has_value();
}

std::int64_t PartitionLog::active_segment_base_offset() const {
    return x_state->segments.rbegin()->first;
}

std::int64_t PartitionLog::first_segment_base_offset() const {
    return x_state->segments.begin()->first;
}

void PartitionLog::set_high_watermark(std::int64_t offset) {
    LogState& state = *x_state;
    state.high_watermark = std::clamp(offset, state.log_start, state.log_end);
    state.producers.on_high_watermark(state.high_watermark);
}

std::int64_t PartitionLog::last_stable_offset() const {
    const auto unstable = x_state->producers.first_unstable_offset();
    return unstable ? std::clamp(*unstable, x_state->log_start, x_state->high_watermark)
                    : x_state->high_watermark;
}

std::uint64_t PartitionLog::size_bytes() const {
    std::uint64_t size = 0;
    for (const auto& [base_offset, segment] : x_state->segments) {
        size += segment->size();
    }
    return size;
}

AppendResult PartitionLog::append_as_leader(const LeaderAppend& append) {
    return append_records(*x_state, append);
}

AppendResult PartitionLog::append_as_follower(BytesView records) {
    return append_replicated(*x_state, records);
}

void PartitionLog::flush(std::move_only_function<void(const Status&)> then) {
    request_flush(*x_state, std::move(then));
}

void PartitionLog::write_out(std::move_only_function<void(const Status&)> then) {
    request_write(*x_state, std::move(then));
}

void PartitionLog::begin_leader_epoch(std::int32_t epoch) {
    if (x_state->epochs.assign(epoch, x_state->log_end)) {
        save_epochs(*x_state);
    }
}

std::int32_t PartitionLog::latest_epoch() const {
    return x_state->epochs.latest();
}

std::int32_t PartitionLog::epoch_at(std::int64_t offset) const {
    return x_state->epochs.epoch_at(offset);
}

EpochEnd PartitionLog::end_of_epoch(std::int32_t epoch) const {
    return x_state->epochs.end_of(epoch, x_state->log_end);
}

Status PartitionLog::truncate_to(std::int64_t end_offset) {
    const Status done = truncate_log(*x_state, end_offset);
    return done ? done : fail_log(*x_state, done.error());
}

Status PartitionLog::truncate_fully_and_start_at(std::int64_t offset) {
    const Status done = restart_log_at(*x_state, offset);
    return done ? done : fail_log(*x_state, done.error());
}

Status PartitionLog::advance_log_start_offset(std::int64_t offset) {
    LogState& state = *x_state;
    if (offset > state.high_watermark) {
        return fail(Errc::invalid_argument, fmt::format("offset {} is above the high watermark, {}",
                                                        offset, state.high_watermark));
    }
    if (offset > state.log_start) {
        state.log_start = offset;
        if (state.epochs.truncate_start(offset)) {
            save_epochs(state);
        }
    }
    return {};
}

Result<bool> PartitionLog::apply_retention() {
    if (x_state->failure) {
        return false;
    }
    auto dropped = retain(*x_state);
    if (!dropped) {
        return fail_log(*x_state, dropped.error());
    }
    return dropped;
}

void PartitionLog::expire_producers(std::int64_t producer_id_expiration_ms) {
    x_state->producers.expire(x_state->now_millis(), producer_id_expiration_ms);
}

void PartitionLog::flush_when_due() {
    LogState& state = *x_state;
    if (state.config.flush_ms == kNoLimit || state.recovery_point >= state.log_end) {
        return;
    }
    if (to_millis(state.context.loop.now() - state.unsynced_since) >= state.config.flush_ms) {
        want_sync(state);
    }
}

Status PartitionLog::roll() {
    const Status done = roll_segment(*x_state);
    return done ? done : fail_log(*x_state, done.error());
}

std::vector<ActiveProducer> PartitionLog::active_producers() const {
    std::vector<ActiveProducer> producers;
    for (const auto& [producer_id, entry] : x_state->producers.producers()) {
        producers.push_back({producer_id, entry.epoch, entry.last_sequence(), entry.last_timestamp,
                             entry.coordinator_epoch, entry.transaction_first_offset.value_or(-1)});
    }
    return producers;
}

Status PartitionLog::close() {
    LogState& state = *x_state;
    if (state.failure) {
        return fail(*state.failure);
    }
    TRY(state.active().ensure_indexes(state.config.index_interval_bytes));
    TRY(state.active().seal());
    if (!state.snapshots.contains(state.log_end)) {
        state.snapshots.emplace(state.log_end, false);
    }
    TRY(save_snapshot_now(state, state.log_end));
    state.flushing.folder_dirty = true;
    TRY(sync_all(state));
    for (const auto& file : TRY(state.active().files_to_sync(true))) {
        TRY(file->sync_data());
    }
    drop_waiters(state, -1, {Errc::shutting_down, "the log is closed"});
    return {};
}

void PartitionLog::discard() {
    x_state->context.on_failure = nullptr;
    (void)fail_log(*x_state, {Errc::not_found, "the log was deleted"});
}

void PartitionLog::invariants() const {
    LogState& state = *x_state;
    CHECK(!state.segments.empty());
    CHECK(state.log_start <= state.high_watermark || state.log_start == 0);
    CHECK(state.high_watermark <= state.log_end);
    CHECK(state.log_start <= state.log_end);
    CHECK(state.recovery_point <= state.log_end);
    CHECK(state.segments.rbegin()->first <= state.log_end);
    CHECK(state.segments.begin()->first <= state.log_start);
    for (const auto& [base_offset, segment] : state.segments) {
        CHECK(segment->base_offset() == base_offset);
        CHECK(segment->pending_bytes() <= segment->size());
        CHECK(segment.get() == &state.active() || segment->pending_bytes() == 0);
    }
    state.epochs.invariants();
    CHECK(state.epochs.entries().empty() ||
          state.epochs.entries().back().start_offset <= state.log_end);
    state.producers.invariants();
    for (const auto& [offset, durable] : state.snapshots) {
        CHECK(offset <= state.log_end);
    }
}

}  // namespace millrace::broker::log
