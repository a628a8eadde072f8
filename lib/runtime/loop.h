// One event loop: one thread, its clock, its timers and the work posted to it. Everything a process
// owns belongs to one loop. epoll/ has the real one, tests/sim the one in virtual time.
#pragma once

#include <cstdint>
#include <functional>

#include "lib/base/random.h"
#include "lib/base/time.h"

namespace millrace::runtime {

using Task = std::move_only_function<void()>;

// Names one timer; 0 names none.
enum class TimerId : std::uint64_t { none = 0 };

class Loop {
 public:
    virtual ~Loop() = default;

    // Monotonic time, read once per turn.
    virtual Instant now() const = 0;
    // Wall clock, read once per turn. May jump.
    virtual WallTime wall_now() const = 0;

    // Runs the task on this loop in a later turn, in the order of the calls. The only member that
    // other threads may call.
    virtual void post(Task task) = 0;

    // Runs the task once, not before the time given.
    virtual TimerId run_at(Instant when, Task task) = 0;
    TimerId run_after(Duration delay, Task task) { return run_at(now() + delay, std::move(task)); }
    // Forgets a timer. Nothing happens when it has run already or is none.
    virtual void cancel(TimerId timer) = 0;

    // Runs the task once after all events of the present turn, before the loop waits again. For
    // work that collects over a turn: one write per connection, one append per file, one sync per
    // batch.
    virtual void at_turn_end(Task task) = 0;

    virtual Random& random() = 0;
};

}  // namespace millrace::runtime
