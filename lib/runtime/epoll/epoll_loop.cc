#include "lib/runtime/epoll/epoll_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>

#include <algorithm>
#include <array>

#include "lib/base/check.h"
#include "lib/runtime/posix/posix_error.h"

namespace millrace::runtime {
namespace {

constexpr std::size_t kEventsPerWait = 256;
constexpr std::uint64_t kWakeToken = UINT64_MAX;
constexpr Duration kForever = std::chrono::hours(1);

std::uint64_t seed_from_system() {
    std::uint64_t seed = 0;
    CHECK(::getrandom(&seed, sizeof seed, 0) == static_cast<ssize_t>(sizeof seed));
    return seed;
}

Duration read_clock(clockid_t clock) {
    timespec time{};
    CHECK(::clock_gettime(clock, &time) == 0);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::uint32_t index_of(WatchId id) {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(id));
}
std::uint32_t generation_of(WatchId id) {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(id) >> 32);
}

}  // namespace

EpollLoop::EpollLoop()
    : x_epoll(::epoll_create1(EPOLL_CLOEXEC)),
      x_wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      x_read_buffer(std::make_unique_for_overwrite<std::byte[]>(kReadBufferBytes)),
      x_random(seed_from_system()) {
    CHECK(x_epoll.is_open() && x_wake.is_open(), "no descriptors left for an event loop");
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.u64 = kWakeToken;
    CHECK(::epoll_ctl(x_epoll.get(), EPOLL_CTL_ADD, x_wake.get(), &event) == 0);
    read_clocks();
}

EpollLoop::~EpollLoop() {
    // Tasks that never ran may hold streams and timers of this loop: they go while it is whole.
    x_turn_end.clear();
    x_posted_here.clear();
    const std::lock_guard lock(x_mutex);
    x_posted_elsewhere.clear();
}

void EpollLoop::read_clocks() {
    x_now = Instant{read_clock(CLOCK_MONOTONIC)};
    x_wall = WallTime{to_millis(read_clock(CLOCK_REALTIME))};
}

void EpollLoop::post(Task task) {
    if (std::this_thread::get_id() == x_thread.load(std::memory_order_relaxed)) {
        x_posted_here.push_back(std::move(task));
        return;
    }
    bool first = false;
    {
        const std::lock_guard lock(x_mutex);
        first = x_posted_elsewhere.empty();
        x_posted_elsewhere.push_back(std::move(task));
    }
    if (first) {
        // The counter is never read: an edge-triggered eventfd reports every write.
        const std::uint64_t one = 1;
        CHECK(::write(x_wake.get(), &one, sizeof one) == static_cast<ssize_t>(sizeof one));
    }
}

Result<WatchId> EpollLoop::watch(int descriptor, Watched& watched) {
    if (x_free_slots.empty()) {
        x_free_slots.push_back(static_cast<std::uint32_t>(x_slots.size()));
        x_slots.emplace_back();
    }
    const std::uint32_t index = x_free_slots.back();
    const auto id = WatchId((std::uint64_t{x_slots[index].generation} << 32) | index);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u64 = static_cast<std::uint64_t>(id);
    if (::epoll_ctl(x_epoll.get(), EPOLL_CTL_ADD, descriptor, &event) < 0) {
        return fail_errno(errno, "watch", "descriptor");
    }
    x_free_slots.pop_back();
    x_slots[index].watched = &watched;
    return id;
}

void EpollLoop::unwatch(int descriptor, WatchId id) {
    CHECK(find(id) != nullptr);
    Slot& slot = x_slots[index_of(id)];
    slot.watched = nullptr;
    slot.generation += 1;
    x_free_slots.push_back(index_of(id));
    ::epoll_ctl(x_epoll.get(), EPOLL_CTL_DEL, descriptor, nullptr);
}

Watched* EpollLoop::find(WatchId id) const {
    const std::uint32_t index = index_of(id);
    if (index >= x_slots.size() || x_slots[index].generation != generation_of(id)) {
        return nullptr;
    }
    return x_slots[index].watched;
}

int EpollLoop::wait_millis(Duration wait_max) {
    if (has_local_work()) {
        return 0;
    }
    Duration wait = std::min(wait_max, kForever);
    if (const auto next = x_timers.next()) {
        // The clock of the last turn is stale by the time that turn took.
        wait = std::min(wait, *next - Instant{read_clock(CLOCK_MONOTONIC)});
    }
    // Rounded up: a wait that ends early would turn in circles until the timer is due.
    return static_cast<int>(to_millis(std::max(wait, Duration{}) + Duration(999'999)));
}

void EpollLoop::serve_events(int wait) {
    std::array<epoll_event, kEventsPerWait> events{};
    const int count = ::epoll_wait(x_epoll.get(), events.data(), kEventsPerWait, wait);
    CHECK(count >= 0 || errno == EINTR, "epoll_wait failed");
    read_clocks();
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        if (event.data.u64 == kWakeToken) {
            continue;
        }
        if (Watched* const watched = find(WatchId(event.data.u64))) {
            watched->on_events(event.events);
        }
    }
}

void EpollLoop::serve_going_on(const std::vector<WatchId>& batch) {
    for (const WatchId id : batch) {
        if (Watched* const watched = find(id)) {
            watched->on_go_on();
        }
    }
}

void EpollLoop::run_posted() {
    std::vector<Task> here = std::exchange(x_posted_here, {});
    std::vector<Task> elsewhere;
    {
        const std::lock_guard lock(x_mutex);
        elsewhere.swap(x_posted_elsewhere);
    }
    for (Task& task : here) {
        task();
        task = nullptr;
    }
    for (Task& task : elsewhere) {
        task();
        task = nullptr;
    }
}

void EpollLoop::run_timers() {
    // A timer made by a timer for a time already past waits for the next turn.
    std::size_t left = x_timers.size();
    while (left-- > 0) {
        Task task = x_timers.take_due(x_now);
        if (task == nullptr) {
            return;
        }
        task();
    }
}

void EpollLoop::end_turn() {
    while (!x_turn_end.empty() || !x_flushing.empty()) {
        x_tasks_now.swap(x_turn_end);
        for (Task& task : x_tasks_now) {
            task();
            task = nullptr;
        }
        x_tasks_now.clear();
        // Flushes come when no task of this round can add to them, so that each stream needs one system call.
        if (!x_turn_end.empty()) {
            continue;
        }
        x_flushing_now.swap(x_flushing);
        for (const WatchId id : x_flushing_now) {
            if (Watched* const watched = find(id)) {
                watched->on_flush();
            }
        }
        x_flushing_now.clear();
    }
}

void EpollLoop::run_turn(Duration wait_max) {
    x_thread.store(std::this_thread::get_id(), std::memory_order_relaxed);
    const int wait = wait_millis(wait_max);
    // Taken before the events: what they put off is for the next turn, behind what is flushed at the end of this one.
    const std::vector<WatchId> going_on = std::exchange(x_going_on, {});
    serve_events(wait);
    serve_going_on(going_on);
    run_posted();
    run_timers();
    end_turn();
}

int EpollLoop::run() {
    while (!x_exit_code.has_value()) {
        run_turn(kForever);
    }
    return *x_exit_code;
}

}  // namespace millrace::runtime
