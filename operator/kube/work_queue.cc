#include "operator/kube/work_queue.h"

#include "lib/base/check.h"

namespace millrace::kube_operator::kube {

WorkQueue::WorkQueue(WorkQueueLimits limits) : x_limits(limits) {}

void WorkQueue::make_ready(const std::string& key) {
    if (auto waiting = x_waiting.find(key); waiting != x_waiting.end()) {
        x_by_time.erase({waiting->second, key});
        x_waiting.erase(waiting);
    }
    if (x_ready_set.insert(key).second) {
        x_ready.push_back(key);
    }
}

void WorkQueue::add(const std::string& key) {
    if (auto busy = x_in_work.find(key); busy != x_in_work.end()) {
        busy->second = true;
        return;
    }
    make_ready(key);
}

void WorkQueue::add_at(const std::string& key, Instant when) {
    if (x_ready_set.contains(key)) {
        return;
    }
    auto waiting = x_waiting.find(key);
    if (waiting != x_waiting.end()) {
        if (waiting->second <= when) {
            return;
        }
        x_by_time.erase({waiting->second, key});
    }
    x_waiting[key] = when;
    x_by_time.insert({when, key});
}

std::optional<std::string> WorkQueue::take(Instant now) {
    while (!x_by_time.empty() && x_by_time.begin()->first <= now) {
        const std::string key = x_by_time.begin()->second;
        x_by_time.erase(x_by_time.begin());
        x_waiting.erase(key);
        add(key);
    }
    if (x_ready.empty()) {
        return std::nullopt;
    }
    std::string key = std::move(x_ready.front());
    x_ready.pop_front();
    x_ready_set.erase(key);
    x_in_work[key] = false;
    return key;
}

void WorkQueue::finish(const std::string& key) {
    auto busy = x_in_work.find(key);
    CHECK(busy != x_in_work.end(), "only a key that was taken can be finished");
    const bool again = busy->second;
    x_in_work.erase(busy);
    if (again) {
        make_ready(key);
    }
}

void WorkQueue::done(const std::string& key) {
    x_failures.erase(key);
    finish(key);
}

void WorkQueue::failed(const std::string& key, Instant now) {
    constexpr std::uint32_t kDoublingsMax = 30;
    const std::uint32_t count = ++x_failures[key];
    finish(key);
    const Duration pause =
        x_limits.retry_first * (std::int64_t{1} << std::min(count - 1, kDoublingsMax));
    add_at(key, now + std::min(pause, x_limits.retry_longest));
}

std::optional<Instant> WorkQueue::next_due() const {
    return x_by_time.empty() ? std::nullopt : std::optional(x_by_time.begin()->first);
}

std::uint32_t WorkQueue::failures(const std::string& key) const {
    auto found = x_failures.find(key);
    return found == x_failures.end() ? 0 : found->second;
}

void WorkQueue::invariants() const {
    CHECK(x_ready.size() == x_ready_set.size(), "a key is ready at most once");
    CHECK(x_waiting.size() == x_by_time.size(), "each waiting key has one time");
    for (const std::string& key : x_ready) {
        CHECK(x_ready_set.contains(key), "the ready keys agree");
        CHECK(!x_in_work.contains(key), "a key in work is not ready");
        CHECK(!x_waiting.contains(key), "a ready key does not wait");
    }
}

}  // namespace millrace::kube_operator::kube
