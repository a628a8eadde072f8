#include <utility>

#include "lib/runtime/disk_pool.h"

namespace millrace::runtime {

using CommitCallback = std::move_only_function<void(const Status&)>;

// Shared with the work under way, which may outlive the GroupCommit.
struct GroupCommit::State : std::enable_shared_from_this<State> {
    Loop& loop;
    DiskPool& pool;
    DiskLane lane;
    std::function<Status()> sync;

    std::vector<CommitCallback> waiting;
    bool scheduled = false;  // a start at the end of this turn
    bool running = false;    // a sync on the pool
    bool closed = false;     // the owner is gone
    Status outcome;          // the first failure stays here
    Figures figures;

    State(Loop& on_loop, DiskPool& on_pool, std::function<Status()> with_sync)
        : loop(on_loop), pool(on_pool), lane(on_pool.new_lane()), sync(std::move(with_sync)) {}

    void schedule() {
        if (scheduled || running || waiting.empty()) {
            return;
        }
        scheduled = true;
        loop.at_turn_end([self = shared_from_this()] { self->start(); });
    }

    void start() {
        scheduled = false;
        if (closed) {
            return;
        }
        if (!outcome) {
            answer(std::exchange(waiting, {}));
            return;
        }
        running = true;
        const auto status = std::make_shared<Status>();
        pool.submit(
            lane, [self = shared_from_this(), status] { *status = self->sync(); },
            [self = shared_from_this(), status, started = loop.now(),
             covered = std::exchange(waiting, {})]() mutable {
                self->finish(std::move(*status), started, std::move(covered));
            });
    }

    void finish(Status status, Instant started, std::vector<CommitCallback> covered) {
        running = false;
        if (closed) {
            return;
        }
        const Duration took = loop.now() - started;
        figures.syncs += 1;
        figures.total += took;
        figures.longest = std::max(figures.longest, took);
        if (!status) {
            outcome = std::move(status);
        }
        answer(std::move(covered));
        schedule();
    }

    void answer(std::vector<CommitCallback> callbacks) {
        // A callback may destroy the owner; the ones behind it are dropped then.
        const auto self = shared_from_this();
        for (CommitCallback& callback : callbacks) {
            if (closed) {
                return;
            }
            callback(outcome);
        }
    }
};

GroupCommit::GroupCommit(Loop& loop, DiskPool& pool, std::function<Status()> sync)
    : x_state(std::make_shared<State>(loop, pool, std::move(sync))) {}

GroupCommit::~GroupCommit() {
    x_state->closed = true;
    x_state->waiting.clear();
}

void GroupCommit::commit(CommitCallback then) {
    x_state->figures.requests += 1;
    x_state->waiting.push_back(std::move(then));
    x_state->schedule();
}

const GroupCommit::Figures& GroupCommit::figures() const {
    return x_state->figures;
}

}  // namespace millrace::runtime
