#include "tests/sim/sim_loop.h"

#include "lib/base/check.h"

namespace millrace::sim {

namespace {

constexpr std::int64_t kWakeNanosMax = 40'000;

}  // namespace

void SimLoop::post(runtime::Task task) {
    if (!x_ended) {
        x_posted.push_back(std::move(task));
        wake();
    }
}

void SimLoop::wake() {
    if (x_wake_planned || x_ended) {
        return;
    }
    x_wake_planned = true;
    turn_after(Duration(x_random.between(1'000, kWakeNanosMax)), [this] {
        x_wake_planned = false;
        run_posted();
    });
}

void SimLoop::run_posted() {
    // What is posted meanwhile runs in a later turn.
    for (runtime::Task& task : std::exchange(x_posted, {})) {
        task();
    }
}

runtime::TimerId SimLoop::run_at(Instant when, runtime::Task task) {
    if (x_ended) {
        return runtime::TimerId::none;
    }
    const std::uint64_t id = ++x_timers_made;
    x_timers.emplace(id, std::move(task));
    turn_at(when, [this, id] {
        auto timer = x_timers.extract(id);
        if (!timer.empty()) {
            timer.mapped()();
        }
    });
    return runtime::TimerId{id};
}

void SimLoop::cancel(runtime::TimerId timer) {
    // Destroyed outside the map: what the task holds may cancel further timers.
    const auto dropped = x_timers.extract(static_cast<std::uint64_t>(timer));
}

void SimLoop::at_turn_end(runtime::Task task) {
    if (x_ended) {
        return;
    }
    x_turn_end.push_back(std::move(task));
    if (!x_in_turn) {
        wake();
    }
}

void SimLoop::turn(runtime::Task event) {
    CHECK(!x_in_turn, "turns of a loop do not nest");
    x_in_turn = true;
    event();
    while (!x_turn_end.empty()) {
        for (runtime::Task& task : std::exchange(x_turn_end, {})) {
            task();
        }
    }
    x_in_turn = false;
}

void SimLoop::turn_at(Instant when, runtime::Task task) {
    x_events.at(when, [this, alive = std::weak_ptr(x_alive), task = std::move(task)]() mutable {
        if (alive.expired()) {
            return;
        }
        if (paused()) {
            turn_at(x_paused_until, std::move(task));
            return;
        }
        turn(std::move(task));
    });
}

void SimLoop::end() {
    x_ended = true;
    x_alive.reset();
    std::exchange(x_posted, {}).clear();
    std::exchange(x_turn_end, {}).clear();
    std::exchange(x_timers, {}).clear();
}

}  // namespace millrace::sim
