// The loop of one life of a machine. It ends with that life: what it was to run then is dropped.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "lib/runtime/loop.h"
#include "tests/sim/event_queue.h"

namespace millrace::sim {

class SimLoop : public runtime::Loop {
 public:
    // wall_offset_millis may change under the loop: clocks jump.
    SimLoop(EventQueue& events, const std::int64_t& wall_offset_millis, std::uint64_t seed)
        : x_events(events), x_wall_offset_millis(wall_offset_millis), x_random(seed) {}

    Instant now() const override { return x_events.now(); }
    WallTime wall_now() const override {
        return {kWallStartMillis + x_wall_offset_millis + to_millis(now().since_start)};
    }
    void post(runtime::Task task) override;
    runtime::TimerId run_at(Instant when, runtime::Task task) override;
    void cancel(runtime::TimerId timer) override;
    void at_turn_end(runtime::Task task) override;
    Random& random() override { return x_random; }

    // A turn that begins with this event.
    void turn(runtime::Task event);
    // The life is over; destroys everything that waits.
    void end();
    // Runs the task in a turn of its own after the delay, if the life lasts so long.
    void turn_after(Duration delay, runtime::Task task) {
        turn_at(x_events.now() + delay, std::move(task));
    }
    // Nothing runs until then, as after SIGSTOP; what was due meanwhile runs at its end.
    void pause_until(Instant until) { x_paused_until = std::max(x_paused_until, until); }
    bool paused() const { return x_paused_until > x_events.now(); }
    Instant paused_until() const { return x_paused_until; }

    static constexpr std::int64_t kWallStartMillis = 1'700'000'000'000;

 private:
    void turn_at(Instant when, runtime::Task task);
    void wake();
    void run_posted();

    EventQueue& x_events;
    const std::int64_t& x_wall_offset_millis;
    Random x_random;
    std::vector<runtime::Task> x_posted;
    std::vector<runtime::Task> x_turn_end;
    std::map<std::uint64_t, runtime::Task> x_timers;
    std::uint64_t x_timers_made = 0;
    Instant x_paused_until{};
    bool x_wake_planned = false;
    bool x_in_turn = false;
    bool x_ended = false;
    std::shared_ptr<int> x_alive = std::make_shared<int>();
};

}  // namespace millrace::sim
