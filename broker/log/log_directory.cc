#include "broker/log/log_directory.h"

#include <fmt/format.h>

#include "broker/log/file_names.h"
#include "broker/log/open_files.h"
#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/kafka/topic_name.h"

namespace millrace::broker::log {

namespace {

// Syncs of different partitions run side by side on so many lanes.
constexpr std::size_t kSyncLanes = 8;
constexpr std::uint64_t kMetaBytesMax = 64 << 10;
constexpr std::int64_t kFlushCheckMs = 1000;
constexpr std::size_t kProgressEvery = 100;

}  // namespace

struct LogDirectory::State {
    State(runtime::Runtime& on, LogDirectoryOptions with)
        : runtime(on), options(std::move(with)), open_files(on.files, options.open_files_max) {}

    runtime::Runtime& runtime;
    LogDirectoryOptions options;
    std::weak_ptr<State> self;
    std::unique_ptr<runtime::FileLock> lock;
    MetaProperties meta;
    OpenFiles open_files;
    std::vector<runtime::DiskLane> lanes;
    runtime::DiskLane checkpoint_lane{};
    std::size_t next_lane = 0;
    std::map<TopicPartition, std::unique_ptr<PartitionLog>> logs;
    std::vector<std::string> folders_to_remove;  // …-delete, found at the start
    std::map<std::string, std::string>
        last_checkpoints;  // by file name, to write only what changed
    bool clean = false;
    bool offline = false;
    bool closed = false;

    std::string path_of(std::string_view name) const {
        return runtime::join_path(options.path, name);
    }
    LogContext log_context();
    Status load();
    Status load_partition(const TopicPartition& partition, const LoadHints& hints);
    Status read_meta();
    Status take_clean_marker();
    void go_offline(const Error& error);
    void remove_folder_later(const std::string& folder, std::int64_t delay_ms);
    void every(std::int64_t delay_ms, std::int64_t interval_ms, std::function<void(State&)> work);
    void retain();
    std::map<std::string, std::string> checkpoints() const;
    void save_checkpoints(std::span<const std::string_view> names);
};

LogContext LogDirectory::State::log_context() {
    return {runtime.loop,
            runtime.files,
            runtime.disk,
            lanes[next_lane++ % lanes.size()],
            open_files,
            [weak = self](const Error& error) {
                if (const auto alive = weak.lock()) {
                    alive->go_offline(error);
                }
            }};
}

void LogDirectory::State::go_offline(const Error& error) {
    if (std::exchange(offline, true)) {
        return;
    }
    log_error("log", "log directory {} goes offline: {}", options.path, error.to_string());
    if (options.on_offline) {
        options.on_offline(error);
    }
}

Status LogDirectory::State::read_meta() {
    const auto bytes = runtime.files.read_file(path_of(kMetaPropertiesFile), kMetaBytesMax);
    if (!bytes) {
        return bytes.error().code == Errc::not_found ? Status{} : Status(fail(bytes.error()));
    }
    meta = TRY(decode_meta_properties(as_text(*bytes)));
    return {};
}

// The marker counts once: a crash from now on must not look like an orderly end.
Status LogDirectory::State::take_clean_marker() {
    const std::string path = path_of(kCleanShutdownFile);
    clean = runtime.files.exists(path);
    if (clean) {
        TRY(runtime.files.remove(path));
    }
    // Without the marker too: the process before may have died between making a partition's folder and syncing its entry.
    return runtime.files.sync_directory(options.path);
}

Status LogDirectory::State::load_partition(const TopicPartition& partition,
                                           const LoadHints& hints) {
    const std::string folder = path_of(partition.to_string());
    auto log = TRY(PartitionLog::open(log_context(), partition, folder,
                                      options.config_of(partition.topic), hints));
    logs[partition] = std::move(log);
    return {};
}

Status LogDirectory::State::load() {
    TRY(read_meta());
    TRY(take_clean_marker());
    const auto recovery_points = read_offset_checkpoint(runtime.files, path_of(kRecoveryPointFile));
    const auto starts = read_offset_checkpoint(runtime.files, path_of(kLogStartFile));
    const auto watermarks = read_offset_checkpoint(runtime.files, path_of(kHighWatermarkFile));
    const auto known = [](const OffsetCheckpoint& offsets, const TopicPartition& partition) {
        const auto found = offsets.find(partition);
        return found == offsets.end() ? 0 : std::max<std::int64_t>(found->second, 0);
    };
    std::vector<TopicPartition> found;
    for (const auto& entry : TRY(runtime.files.list(options.path))) {
        if (!entry.is_directory) {
            continue;
        }
        if (is_deleted_folder(entry.name)) {
            folders_to_remove.push_back(path_of(entry.name));
        } else if (auto partition = parse_partition_folder(entry.name)) {
            found.push_back(std::move(*partition));
        } else {
            log_warning("log", "{} is no partition; it is left alone", path_of(entry.name));
        }
    }
    std::size_t done = 0;
    for (const TopicPartition& partition : found) {
        TRY(load_partition(partition, {clean, known(recovery_points, partition),
                                       known(starts, partition), known(watermarks, partition)}));
        ++done;
        if (options.on_progress && (done % kProgressEvery == 0 || done == found.size())) {
            options.on_progress(done, found.size());
        }
    }
    return {};
}

std::map<std::string, std::string> LogDirectory::State::checkpoints() const {
    OffsetCheckpoint recovery_points;
    OffsetCheckpoint starts;
    OffsetCheckpoint watermarks;
    for (const auto& [partition, log] : logs) {
        recovery_points[partition] = log->recovery_point();
        watermarks[partition] = log->high_watermark();
        // A start that is the first segment's base says itself.
        if (log->log_start_offset() > log->first_segment_base_offset()) {
            starts[partition] = log->log_start_offset();
        }
    }
    return {{std::string(kRecoveryPointFile), encode_offset_checkpoint(recovery_points)},
            {std::string(kLogStartFile), encode_offset_checkpoint(starts)},
            {std::string(kHighWatermarkFile), encode_offset_checkpoint(watermarks)}};
}

void LogDirectory::State::save_checkpoints(std::span<const std::string_view> names) {
    auto texts = checkpoints();
    for (const std::string_view name : names) {
        const std::string key(name);
        std::string& last = last_checkpoints[key];
        if (last == texts[key]) {
            continue;
        }
        last = texts[key];
        const auto status = std::make_shared<Status>();
        runtime.disk.submit(
            checkpoint_lane,
            [files = &runtime.files, path = path_of(name), text = last, status] {
                *status = files->replace_file(path, as_bytes(text));
            },
            [weak = self, status] {
                const auto alive = weak.lock();
                if (alive && !*status && !alive->closed) {
                    alive->go_offline(status->error());
                }
            });
    }
}

void LogDirectory::State::every(std::int64_t delay_ms, std::int64_t interval_ms,
                                std::function<void(State&)> work) {
    runtime.loop.run_after(std::chrono::milliseconds(delay_ms),
                           [weak = self, interval_ms, work = std::move(work)] {
                               const auto alive = weak.lock();
                               if (!alive || alive->closed || alive->offline) {
                                   return;
                               }
                               work(*alive);
                               alive->every(interval_ms, interval_ms, work);
                           });
}

void LogDirectory::State::retain() {
    for (const auto& [partition, log] : logs) {
        log->expire_producers(options.producer_id_expiration_ms);
        if (const auto dropped = log->apply_retention(); !dropped) {
            return;  // the directory is on its way offline
        }
    }
}

void LogDirectory::State::remove_folder_later(const std::string& folder, std::int64_t delay_ms) {
    runtime.loop.run_after(std::chrono::milliseconds(delay_ms), [weak = self, folder] {
        const auto alive = weak.lock();
        if (!alive || alive->closed || alive->offline) {
            return;  // found again at the next start
        }
        const auto status = std::make_shared<Status>();
        alive->runtime.disk.submit(
            alive->checkpoint_lane,
            [files = &alive->runtime.files, folder, status] {
                *status = files->remove_tree(folder);
            },
            [folder, status] {
                if (!*status) {
                    log_warning("log", "{} is not removed: {}", folder,
                                status->error().to_string());
                }
            });
    });
}

LogDirectory::LogDirectory(std::shared_ptr<State> state) : x_state(std::move(state)) {}

LogDirectory::~LogDirectory() {
    x_state->closed = true;
}

Result<std::unique_ptr<LogDirectory>> LogDirectory::open(runtime::Runtime& runtime,
                                                         LogDirectoryOptions options) {
    CHECK(options.config_of != nullptr);
    auto state = std::make_shared<State>(runtime, std::move(options));
    state->self = state;
    TRY(runtime.files.make_durable_directories(state->options.path));
    auto lock = runtime.files.lock(state->path_of(kLockFile));
    if (!lock) {
        return fail(lock.error().code, fmt::format("another broker uses log directory {}: {}",
                                                   state->options.path, lock.error().message));
    }
    state->lock = std::move(*lock);
    for (std::size_t i = 0; i < kSyncLanes; ++i) {
        state->lanes.push_back(runtime.disk.new_lane());
    }
    state->checkpoint_lane = runtime.disk.new_lane();
    TRY(state->load());
    return std::unique_ptr<LogDirectory>(new LogDirectory(std::move(state)));
}

const std::string& LogDirectory::path() const {
    return x_state->options.path;
}
const MetaProperties& LogDirectory::meta() const {
    return x_state->meta;
}
bool LogDirectory::online() const {
    return !x_state->offline;
}
bool LogDirectory::was_clean() const {
    return x_state->clean;
}

Status LogDirectory::set_meta(std::int32_t broker_id, const std::string& cluster_id) {
    MetaProperties& meta = x_state->meta;
    if ((meta.broker_id && *meta.broker_id != broker_id) ||
        (meta.cluster_id && *meta.cluster_id != cluster_id)) {
        return fail(
            Errc::conflict,
            fmt::format("{} belongs to broker {} of cluster {}, not to broker {} of cluster {}",
                        x_state->path_of(kMetaPropertiesFile), meta.broker_id.value_or(-1),
                        meta.cluster_id.value_or("?"), broker_id, cluster_id));
    }
    if (meta.broker_id && meta.cluster_id) {
        return {};
    }
    meta.broker_id = broker_id;
    meta.cluster_id = cluster_id;
    return x_state->runtime.files.replace_file(x_state->path_of(kMetaPropertiesFile),
                                               as_bytes(encode_meta_properties(meta)));
}

PartitionLog* LogDirectory::find(const TopicPartition& partition) {
    const auto found = x_state->logs.find(partition);
    return found == x_state->logs.end() ? nullptr : found->second.get();
}

std::vector<PartitionLog*> LogDirectory::all() {
    std::vector<PartitionLog*> logs;
    for (const auto& [partition, log] : x_state->logs) {
        logs.push_back(log.get());
    }
    return logs;
}

void LogDirectory::set_producer_id_expiration(std::int64_t ms) {
    x_state->options.producer_id_expiration_ms = ms;
}

std::uint64_t LogDirectory::size_bytes() const {
    std::uint64_t size = 0;
    for (const auto& [partition, log] : x_state->logs) {
        size += log->size_bytes();
    }
    return size;
}

Result<std::uint64_t> LogDirectory::usable_bytes() const {
    return x_state->runtime.files.free_bytes(x_state->options.path);
}

Result<PartitionLog*> LogDirectory::create(const TopicPartition& partition,
                                           std::optional<kafka::Uuid> topic_id) {
    State& state = *x_state;
    TRY(kafka::check_topic_name(partition.topic));
    if (partition.partition < 0) {
        return fail(Errc::invalid_argument,
                    fmt::format("{} is no number of a partition", partition.partition));
    }
    if (state.logs.contains(partition)) {
        return fail(Errc::already_exists, partition.to_string() + " is there already");
    }
    if (state.offline) {
        return fail(Errc::io_error, fmt::format("log directory {} is offline", path()));
    }
    // A folder that is here without being loaded cannot be: load() takes them all.
    TRY(state.load_partition(partition, LoadHints{}));
    PartitionLog* log = find(partition);
    if (topic_id) {
        TRY(log->set_topic_id(*topic_id));
    }
    return log;
}

Status LogDirectory::remove(const TopicPartition& partition) {
    State& state = *x_state;
    const auto found = state.logs.find(partition);
    if (found == state.logs.end()) {
        return fail(Errc::not_found, partition.to_string() + " is not here");
    }
    const std::int64_t delay_ms = found->second->config().file_delete_delay_ms;
    const std::string folder = found->second->directory();
    const std::string gone = state.path_of(
        deleted_folder_name(partition, kafka::Uuid::make(state.runtime.loop.random())));
    found->second->discard();
    state.logs.erase(found);
    state.open_files.forget_folder(folder);
    if (const Status renamed = state.runtime.files.rename(folder, gone); !renamed) {
        state.go_offline(renamed.error());
        return renamed;
    }
    state.remove_folder_later(gone, delay_ms);
    return {};
}

void LogDirectory::start() {
    State& state = *x_state;
    const LogDirectoryOptions& options = state.options;
    for (const std::string& folder : std::exchange(state.folders_to_remove, {})) {
        state.remove_folder_later(folder, options.initial_task_delay_ms);
    }
    state.every(options.initial_task_delay_ms, options.retention_check_ms,
                [](State& at) { at.retain(); });
    state.every(options.initial_task_delay_ms, options.checkpoint_ms, [](State& at) {
        at.save_checkpoints(std::array{kRecoveryPointFile, kLogStartFile});
    });
    state.every(options.high_watermark_checkpoint_ms, options.high_watermark_checkpoint_ms,
                [](State& at) { at.save_checkpoints(std::array{kHighWatermarkFile}); });
    state.every(kFlushCheckMs, kFlushCheckMs, [](State& at) {
        for (const auto& [partition, log] : at.logs) {
            log->flush_when_due();
        }
    });
}

Status LogDirectory::write_checkpoints() {
    for (const auto& [name, text] : x_state->checkpoints()) {
        TRY(x_state->runtime.files.replace_file(x_state->path_of(name), as_bytes(text)));
    }
    return {};
}

Status LogDirectory::close() {
    State& state = *x_state;
    if (std::exchange(state.closed, true)) {
        return {};
    }
    if (state.offline) {
        state.lock.reset();
        return fail(Errc::io_error, fmt::format("log directory {} is offline", path()));
    }
    for (const auto& [partition, log] : state.logs) {
        TRY(log->close());
    }
    TRY(write_checkpoints());
    TRY(state.runtime.files.replace_file(state.path_of(kCleanShutdownFile),
                                         as_bytes(clean_shutdown_text())));
    state.lock.reset();
    return {};
}

void LogDirectory::invariants() const {
    for (const auto& [partition, log] : x_state->logs) {
        CHECK(log->partition() == partition);
        log->invariants();
    }
}

}  // namespace millrace::broker::log
