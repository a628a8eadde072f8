// The one queue of a simulated world: virtual time jumps from event to event. Events of the same time run in the order
// in which they were added.
#pragma once

#include <algorithm>
#include <map>
#include <utility>

#include "lib/base/time.h"
#include "lib/runtime/loop.h"

namespace millrace::sim {

class EventQueue {
 public:
    Instant now() const { return x_now; }

    void at(Instant when, runtime::Task task) {
        x_events.emplace(std::pair{std::max(when, x_now), ++x_added}, std::move(task));
    }
    void after(Duration delay, runtime::Task task) { at(x_now + delay, std::move(task)); }

    // Runs the next event when it is not later than the time given; else lets time pass up to then and returns false.
    bool run_next(Instant until) {
        if (x_events.empty() || x_events.begin()->first.first > until) {
            x_now = std::max(x_now, until);
            return false;
        }
        auto event = x_events.extract(x_events.begin());
        x_now = event.key().first;
        event.mapped()();
        return true;
    }

    // Drops what waits; what the tasks hold is destroyed.
    void clear() { std::exchange(x_events, {}).clear(); }

 private:
    Instant x_now{};
    std::uint64_t x_added = 0;
    std::map<std::pair<Instant, std::uint64_t>, runtime::Task> x_events;
};

}  // namespace millrace::sim
