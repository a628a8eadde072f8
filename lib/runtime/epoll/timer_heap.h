// Timers in order of time, then of their making. Cancelling is cheap: the entry in the heap is dropped when it comes up, or
// when forgotten entries outnumber the others.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/runtime/loop.h"

namespace millrace::runtime {

class TimerHeap {
 public:
    TimerId add(Instant when, Task task);
    void cancel(TimerId timer);

    // When the next timer is due; nothing when there is none.
    std::optional<Instant> next();
    // Takes out the first timer that is due at `now`; an empty task when there is none.
    Task take_due(Instant now);

    std::size_t size() const { return x_live; }
    // Entries in memory, with those of cancelled timers.
    std::size_t entries() const { return x_heap.size(); }

 private:
    struct Entry {
        Instant when;
        std::uint64_t order;
        TimerId timer;
    };
    struct Slot {
        std::uint32_t generation = 1;
        Task task;
    };

    static bool later(const Entry& a, const Entry& b);
    bool is_live(TimerId timer) const;
    Task release(TimerId timer);
    void drop_forgotten();
    void compact();

    std::vector<Entry> x_heap;
    std::vector<Slot> x_slots;
    std::vector<std::uint32_t> x_free;
    std::uint64_t x_made = 0;
    std::size_t x_live = 0;
};

}  // namespace millrace::runtime
