// Durability of a log: calls that wait are collected while a sync runs, and the next sync covers them all. It is the scheme of
// runtime::GroupCommit; a log needs its own because each sync covers another set of files.
#include <fmt/format.h>
#include <algorithm>

#include "broker/log/file_names.h"
#include "broker/log/log_state.h"
#include "lib/base/log.h"

namespace millrace::broker::log {

namespace {

// One sync: handed to the disk pool, which alone touches it until it is done.
struct SyncJob {
    std::vector<std::shared_ptr<runtime::File>> files;
    std::vector<std::string> folders;
    runtime::FileSystem* file_system = nullptr;
    std::vector<std::shared_ptr<Segment>> closed;  // looked at on the loop only
    std::vector<std::int64_t> snapshots;
    std::int64_t end_offset = 0;
    std::uint64_t generation = 0;
    Status status;

    void run() {
        for (const auto& file : files) {
            if (status) {
                status = file->sync_data();
            }
        }
        for (const std::string& folder : folders) {
            if (status) {
                status = file_system->sync_directory(folder);
            }
        }
    }
};

std::string parent_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
}

Status add_closed_segments(LogState& state, SyncJob& job) {
    auto first = state.floor_segment(state.recovery_point);
    // A segment that was cut at its very end lies below the recovery point: the cut must be durable before records follow it.
    if (first != state.segments.begin() && !std::prev(first)->second->synced()) {
        --first;
    }
    for (auto at = first; at != state.segments.end(); ++at) {
        const bool closed = std::next(at) != state.segments.end();
        if (closed && at->second->synced()) {
            continue;
        }
        auto files = TRY(at->second->files_to_sync(closed));
        std::ranges::move(files, std::back_inserter(job.files));
        if (closed) {
            job.closed.push_back(at->second);
        }
    }
    return {};
}

Result<std::shared_ptr<SyncJob>> make_job(LogState& state) {
    TRY(state.active().write_out());
    auto job = std::make_shared<SyncJob>();
    job->file_system = &state.context.files;
    job->end_offset = state.log_end;
    job->generation = state.flushing.generation;
    TRY(add_closed_segments(state, *job));
    for (const auto& [offset, durable] : state.snapshots) {
        if (!durable) {
            job->files.push_back(TRY(
                state.context.files.open(state.path_of(segment_file_name(offset, kSnapshotSuffix)),
                                         runtime::OpenMode::read_write)));
            job->snapshots.push_back(offset);
        }
    }
    if (std::exchange(state.flushing.folder_dirty, false)) {
        job->folders.push_back(state.directory);
    }
    if (std::exchange(state.flushing.parent_dirty, false)) {
        job->folders.push_back(parent_of(state.directory));
    }
    return job;
}

void note_synced(LogState& state, const SyncJob& job) {
    for (const std::int64_t offset : job.snapshots) {
        if (const auto found = state.snapshots.find(offset); found != state.snapshots.end()) {
            found->second = true;
        }
    }
    if (job.generation != state.flushing.generation) {
        return;  // the log was cut meanwhile; what was appended since is not covered
    }
    for (const auto& segment : job.closed) {
        segment->set_synced(true);
    }
    if (job.end_offset > state.recovery_point) {
        state.recovery_point = job.end_offset;
        state.unsynced_since = state.context.loop.now();
    }
}

// The calls that a sync up to an offset satisfies.
std::vector<FlushCallback> take_satisfied(LogState& state) {
    std::vector<FlushCallback> satisfied;
    auto& waiting = state.flushing.waiting;
    // The offsets waited for only rise; a truncation ends the calls above it.
    const auto rest = std::ranges::partition_point(waiting, [&](const FlushState::Waiter& waiter) {
        return waiter.end_offset <= state.recovery_point;
    });
    for (auto at = waiting.begin(); at != rest; ++at) {
        satisfied.push_back(std::move(at->then));
    }
    waiting.erase(waiting.begin(), rest);
    return satisfied;
}

void start_sync(LogState& state);

void finish_sync(LogState& state, const SyncJob& job) {
    const std::shared_ptr<LogState> keep = state.self.lock();
    state.flushing.sync_running = false;
    if (!job.status) {
        (void)fail_log(state, job.status.error());
        return;
    }
    note_synced(state, job);
    for (FlushCallback& then : take_satisfied(state)) {
        then({});
    }
    if (!state.flushing.waiting.empty() || state.flushing.sync_wanted) {
        start_sync(state);
    }
}

void start_sync(LogState& state) {
    if (state.flushing.sync_running || state.failure) {
        return;
    }
    state.flushing.sync_wanted = false;
    auto job = make_job(state);
    if (!job) {
        (void)fail_log(state, job.error());
        return;
    }
    state.flushing.sync_running = true;
    state.context.disk.submit(
        state.context.lane, [work = *job] { work->run(); },
        [weak = state.self, done = *job] {
            if (const auto alive = weak.lock()) {
                finish_sync(*alive, *done);
            }
        });
}

void end_turn(LogState& state) {
    const std::shared_ptr<LogState> keep = state.self.lock();
    state.flushing.turn_scheduled = false;
    if (state.failure) {
        return;
    }
    if (const Status written = state.active().write_out(); !written) {
        (void)fail_log(state, written.error());
        return;
    }
    for (FlushCallback& then : std::exchange(state.flushing.waiting_write, {})) {
        if (then) {
            then({});
        }
    }
    for (FlushCallback& then : take_satisfied(state)) {
        then({});
    }
    if (!state.flushing.waiting.empty() || state.flushing.sync_wanted) {
        start_sync(state);
    }
}

void schedule_turn_end(LogState& state) {
    if (std::exchange(state.flushing.turn_scheduled, true)) {
        return;
    }
    state.context.loop.at_turn_end([weak = state.self] {
        if (const auto alive = weak.lock()) {
            end_turn(*alive);
        }
    });
}

void post_result(LogState& state, FlushCallback then, Status status) {
    state.context.loop.post(
        [then = std::move(then), status = std::move(status)]() mutable { then(status); });
}

}  // namespace

std::unexpected<Error> fail_log(LogState& state, const Error& error) {
    if (!state.failure) {
        state.failure = error;
        for (FlushState::Waiter& waiter : std::exchange(state.flushing.waiting, {})) {
            post_result(state, std::move(waiter.then), fail(error));
        }
        for (FlushCallback& then : std::exchange(state.flushing.waiting_write, {})) {
            if (then) {
                post_result(state, std::move(then), fail(error));
            }
        }
        if (state.context.on_failure) {
            log_error("log", "{}: {}; the log takes no more appends", state.partition.to_string(),
                      error.to_string());
            state.context.loop.post([tell = state.context.on_failure, error] { tell(error); });
        }
    }
    return fail(error);
}

void request_flush(LogState& state, FlushCallback then) {
    if (state.failure) {
        post_result(state, std::move(then), fail(*state.failure));
        return;
    }
    state.flushing.waiting.push_back({state.log_end, state.flushing.generation, std::move(then)});
    schedule_turn_end(state);
}

void request_write(LogState& state, FlushCallback then) {
    if (state.failure) {
        if (then) {
            post_result(state, std::move(then), fail(*state.failure));
        }
        return;
    }
    if (then) {
        state.flushing.waiting_write.push_back(std::move(then));
    }
    schedule_turn_end(state);
}

void want_sync(LogState& state) {
    state.flushing.sync_wanted = true;
    schedule_turn_end(state);
}

void drop_waiters(LogState& state, std::int64_t end_offset, const Error& why) {
    auto& waiting = state.flushing.waiting;
    const auto rest = std::ranges::partition_point(
        waiting, [&](const FlushState::Waiter& waiter) { return waiter.end_offset <= end_offset; });
    for (auto at = rest; at != waiting.end(); ++at) {
        post_result(state, std::move(at->then), fail(why));
    }
    waiting.erase(rest, waiting.end());
}

Status sync_all(LogState& state) {
    const auto job = TRY(make_job(state));
    job->run();
    TRY(job->status);
    note_synced(state, *job);
    return {};
}

}  // namespace millrace::broker::log
