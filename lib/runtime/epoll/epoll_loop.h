// The event loop of production: edge-triggered epoll, an eventfd for posts, a heap of timers.
//
// One turn: wait, read the clocks, serve descriptors that have events, serve those that asked to go on, run what was posted,
// run timers that are due, then the tasks for the end of the turn and the flushes, until neither adds more.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "lib/base/result.h"
#include "lib/runtime/epoll/timer_heap.h"
#include "lib/runtime/loop.h"
#include "lib/runtime/posix/owned_descriptor.h"

namespace millrace::runtime {

// Something with a descriptor that the loop calls. After unwatch it is not called again, not even for events of this turn.
class Watched {
 public:
    virtual ~Watched() = default;
    // Bits of epoll (EPOLLIN …). Edge-triggered: each readiness is told once.
    virtual void on_events(std::uint32_t events) = 0;
    // After go_on_next_turn.
    virtual void on_go_on() {}
    // After flush_at_turn_end.
    virtual void on_flush() {}
};

// Names one registration; a number is not used again soon.
enum class WatchId : std::uint64_t {};

class EpollLoop final : public Loop {
 public:
    EpollLoop();
    ~EpollLoop() override;
    EpollLoop(const EpollLoop&) = delete;
    EpollLoop& operator=(const EpollLoop&) = delete;

    Instant now() const override { return x_now; }
    WallTime wall_now() const override { return x_wall; }
    void post(Task task) override;
    TimerId run_at(Instant when, Task task) override { return x_timers.add(when, std::move(task)); }
    void cancel(TimerId timer) override { x_timers.cancel(timer); }
    void at_turn_end(Task task) override { x_turn_end.push_back(std::move(task)); }
    Random& random() override { return x_random; }

    // Registers for reading, writing and hang-up. Errors: io_error.
    Result<WatchId> watch(int descriptor, Watched& watched);
    // Before the descriptor is closed.
    void unwatch(int descriptor, WatchId id);
    void go_on_next_turn(WatchId id) { x_going_on.push_back(id); }
    void flush_at_turn_end(WatchId id) { x_flushing.push_back(id); }

    // Bytes are received into it and shown to handlers from it; its content lasts until the next read on this loop.
    std::span<std::byte> read_buffer() { return {x_read_buffer.get(), kReadBufferBytes}; }

    // Waits for something to do, at most so long, and does it.
    void run_turn(Duration wait_max);
    // Turns until stop; returns its exit code. A stop before run counts.
    int run();
    void stop(int exit_code) { x_exit_code = exit_code; }

    static constexpr std::size_t kReadBufferBytes = 256 * 1024;

 private:
    struct Slot {
        std::uint32_t generation = 0;
        Watched* watched = nullptr;
    };

    Watched* find(WatchId id) const;
    void read_clocks();
    int wait_millis(Duration wait_max);
    void serve_events(int wait);
    void serve_going_on(const std::vector<WatchId>& batch);
    void run_posted();
    void run_timers();
    void end_turn();
    // Also the work for the end of a turn that was asked for before the first one.
    bool has_local_work() const {
        return !x_posted_here.empty() || !x_going_on.empty() || !x_turn_end.empty() ||
               !x_flushing.empty();
    }

    OwnedDescriptor x_epoll;
    OwnedDescriptor x_wake;
    std::unique_ptr<std::byte[]> x_read_buffer;
    std::vector<Slot> x_slots;
    std::vector<std::uint32_t> x_free_slots;
    std::vector<WatchId> x_going_on;
    std::vector<WatchId> x_flushing;
    std::vector<Task> x_turn_end;
    // What end_turn works on; members to keep their memory.
    std::vector<WatchId> x_flushing_now;
    std::vector<Task> x_tasks_now;
    std::vector<Task> x_posted_here;  // by this loop's own thread
    TimerHeap x_timers;
    Instant x_now{};
    WallTime x_wall{};
    Random x_random;
    std::optional<int> x_exit_code;
    // The thread that runs turns, none before the first; posts from it need no lock.
    std::atomic<std::thread::id> x_thread;

    std::mutex x_mutex;
    std::vector<Task> x_posted_elsewhere;  // guarded by x_mutex
};

}  // namespace millrace::runtime
