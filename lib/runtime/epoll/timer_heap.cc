#include "lib/runtime/epoll/timer_heap.h"

#include <algorithm>

#include "lib/base/check.h"

namespace millrace::runtime {
namespace {

constexpr std::size_t kForgottenMin = 64;

std::uint32_t index_of(TimerId timer) {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(timer));
}
std::uint32_t generation_of(TimerId timer) {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(timer) >> 32);
}

}  // namespace

bool TimerHeap::later(const Entry& a, const Entry& b) {
    return a.when != b.when ? a.when > b.when : a.order > b.order;
}

bool TimerHeap::is_live(TimerId timer) const {
    const std::uint32_t index = index_of(timer);
    return index < x_slots.size() && x_slots[index].generation == generation_of(timer);
}

TimerId TimerHeap::add(Instant when, Task task) {
    if (x_free.empty()) {
        CHECK(x_slots.size() < UINT32_MAX);
        x_free.push_back(static_cast<std::uint32_t>(x_slots.size()));
        x_slots.emplace_back();
    }
    const std::uint32_t index = x_free.back();
    x_free.pop_back();
    x_slots[index].task = std::move(task);
    const auto timer = TimerId((std::uint64_t{x_slots[index].generation} << 32) | index);
    x_heap.push_back({when, x_made++, timer});
    std::ranges::push_heap(x_heap, later);
    x_live += 1;
    return timer;
}

Task TimerHeap::release(TimerId timer) {
    Slot& slot = x_slots[index_of(timer)];
    // Generation 0 is skipped, so that no timer is ever called TimerId::none.
    slot.generation = slot.generation == UINT32_MAX ? 1 : slot.generation + 1;
    x_free.push_back(index_of(timer));
    x_live -= 1;
    return std::exchange(slot.task, nullptr);
}

void TimerHeap::cancel(TimerId timer) {
    if (timer == TimerId::none || !is_live(timer)) {
        return;
    }
    // The task goes after the books are right: what it holds may cancel timers in turn.
    const Task forgotten = release(timer);
    if (x_heap.size() > 2 * x_live + kForgottenMin) {
        compact();
    }
}

void TimerHeap::compact() {
    std::erase_if(x_heap, [this](const Entry& entry) { return !is_live(entry.timer); });
    std::ranges::make_heap(x_heap, later);
}

void TimerHeap::drop_forgotten() {
    while (!x_heap.empty() && !is_live(x_heap.front().timer)) {
        std::ranges::pop_heap(x_heap, later);
        x_heap.pop_back();
    }
}

std::optional<Instant> TimerHeap::next() {
    drop_forgotten();
    return x_heap.empty() ? std::nullopt : std::optional(x_heap.front().when);
}

Task TimerHeap::take_due(Instant now) {
    drop_forgotten();
    if (x_heap.empty() || x_heap.front().when > now) {
        return nullptr;
    }
    const TimerId timer = x_heap.front().timer;
    std::ranges::pop_heap(x_heap, later);
    x_heap.pop_back();
    return release(timer);
}

}  // namespace millrace::runtime
