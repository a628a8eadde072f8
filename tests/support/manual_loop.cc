#include "tests/support/manual_loop.h"

#include <algorithm>

namespace millrace::testing {

using runtime::DiskLane;
using runtime::Task;
using runtime::TimerId;

TimerId ManualLoop::run_at(Instant when, Task task) {
    const std::uint64_t id = ++x_timers_made;
    x_timers.emplace(std::pair{std::max(when, x_now), id}, std::move(task));
    return TimerId{id};
}

void ManualLoop::cancel(TimerId timer) {
    std::erase_if(x_timers, [&](const auto& entry) {
        return entry.first.second == static_cast<std::uint64_t>(timer);
    });
}

bool ManualLoop::run_until_idle() {
    bool ran = false;
    while (!x_posted.empty() || !x_turn_end.empty() ||
           (!x_timers.empty() && x_timers.begin()->first.first <= x_now)) {
        ran = true;
        // One turn: the work that was there at its start, then what it left for its end.
        std::deque<Task> posted = std::exchange(x_posted, {});
        for (Task& task : posted) {
            task();
        }
        while (!x_timers.empty() && x_timers.begin()->first.first <= x_now) {
            Task task = std::move(x_timers.begin()->second);
            x_timers.erase(x_timers.begin());
            task();
        }
        while (!x_turn_end.empty()) {
            std::vector<Task> ending = std::exchange(x_turn_end, {});
            for (Task& task : ending) {
                task();
            }
        }
    }
    return ran;
}

void ManualLoop::advance(Duration by) {
    const Instant until = x_now + by;
    run_until_idle();
    while (!x_timers.empty() && x_timers.begin()->first.first <= until) {
        x_now = std::max(x_now, x_timers.begin()->first.first);
        run_until_idle();
    }
    x_now = until;
    run_until_idle();
}

void ManualDiskPool::submit(DiskLane lane, Task work, Task then) {
    x_waiting.push_back({lane, std::move(work), std::move(then)});
}

bool ManualDiskPool::run_one(DiskLane lane) {
    const auto found = std::ranges::find(x_waiting, lane, &Piece::lane);
    if (found == x_waiting.end()) {
        return false;
    }
    Piece piece = std::move(*found);
    x_waiting.erase(found);
    piece.work();
    x_loop.post(std::move(piece.then));
    return true;
}

bool ManualDiskPool::run_one() {
    return !x_waiting.empty() && run_one(x_waiting.front().lane);
}

void ManualDiskPool::run_until_idle() {
    do {
        x_loop.run_until_idle();
    } while (run_one());
    x_loop.run_until_idle();
}

}  // namespace millrace::testing
