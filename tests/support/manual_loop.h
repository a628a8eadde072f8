// A loop and a disk pool that run only when a test says so, on the test's own thread and in virtual time.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "lib/runtime/disk_pool.h"
#include "lib/runtime/loop.h"

namespace millrace::testing {

class ManualLoop : public runtime::Loop {
 public:
    explicit ManualLoop(std::uint64_t seed = 1) : x_random(seed) {}

    Instant now() const override { return x_now; }
    WallTime wall_now() const override { return {kWallStartMillis + to_millis(x_now.since_start)}; }
    void post(runtime::Task task) override { x_posted.push_back(std::move(task)); }
    runtime::TimerId run_at(Instant when, runtime::Task task) override;
    void cancel(runtime::TimerId timer) override;
    void at_turn_end(runtime::Task task) override { x_turn_end.push_back(std::move(task)); }
    Random& random() override { return x_random; }

    // Runs turns until nothing is left to do without time passing. True when anything ran.
    bool run_until_idle();
    // Lets time pass, running every timer that falls due on the way.
    void advance(Duration by);

 private:
    static constexpr std::int64_t kWallStartMillis = 1'700'000'000'000;

    Instant x_now{};
    Random x_random;
    std::deque<runtime::Task> x_posted;
    std::vector<runtime::Task> x_turn_end;
    std::uint64_t x_timers_made = 0;
    // In order of time, then of their making.
    std::map<std::pair<Instant, std::uint64_t>, runtime::Task> x_timers;
};

class ManualDiskPool : public runtime::DiskPool {
 public:
    explicit ManualDiskPool(ManualLoop& loop) : x_loop(loop) {}

    runtime::DiskLane new_lane() override { return runtime::DiskLane{x_lanes++}; }
    void submit(runtime::DiskLane lane, runtime::Task work, runtime::Task then) override;

    // Runs the oldest piece of a lane, or of any lane, and posts what follows. False when there is none.
    bool run_one(runtime::DiskLane lane);
    bool run_one();
    std::size_t waiting() const { return x_waiting.size(); }

    // Runs the loop and the pool until both have nothing to do.
    void run_until_idle();

 private:
    struct Piece {
        runtime::DiskLane lane;
        runtime::Task work;
        runtime::Task then;
    };

    ManualLoop& x_loop;
    std::uint32_t x_lanes = 0;
    std::deque<Piece> x_waiting;
};

}  // namespace millrace::testing
