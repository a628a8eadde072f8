// Blocking file work away from the loop. Work of one lane runs in order, one piece at a time; lanes
// run in parallel.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "lib/base/result.h"
#include "lib/runtime/loop.h"

namespace millrace::runtime {

enum class DiskLane : std::uint32_t {};

class DiskPool {
 public:
    virtual ~DiskPool() = default;

    virtual DiskLane new_lane() = 0;
    // Runs work on a thread of the pool, then `then` on the loop. work must touch nothing that the
    // loop touches meanwhile. The queue of a lane is bounded by its callers: each keeps at most a
    // declared number of pieces in flight.
    virtual void submit(DiskLane lane, Task work, Task then) = 0;
};

// Collects requests for durability while one sync runs, then covers them all by the next one. Never
// delays when idle: the first request of a turn starts a sync at the end of that turn.
class GroupCommit {
 public:
    // sync runs on the pool and makes everything durable that was written before it started.
    GroupCommit(Loop& loop, DiskPool& pool, std::function<Status()> sync);
    ~GroupCommit();
    GroupCommit(const GroupCommit&) = delete;
    GroupCommit& operator=(const GroupCommit&) = delete;

    // Calls then(status) on the loop once everything written before this call is durable, or once a
    // sync failed. After one failure all later calls fail with the same error: a failed sync is not
    // tried again.
    void commit(std::move_only_function<void(const Status&)> then);

    // Syncs run so far, and the longest and the summed time they took.
    struct Figures {
        std::uint64_t syncs = 0;
        std::uint64_t requests = 0;
        Duration total{};
        Duration longest{};
    };
    const Figures& figures() const;

 private:
    struct State;
    std::shared_ptr<State> x_state;
};

}  // namespace millrace::runtime
