#include "coordinator/tree/sessions.h"

#include <algorithm>

#include "lib/base/check.h"

namespace millrace::coordinator::tree {

std::int64_t first_session_id(std::uint8_t server_id, WallTime started) {
    const std::uint64_t time = (static_cast<std::uint64_t>(started.millis) << 24) >> 8;
    const std::uint64_t id = time | static_cast<std::uint64_t>(server_id) << 56;
    return static_cast<std::int64_t>(id);
}

Sessions::Sessions(const Limits& limits, std::int64_t first_id)
    : x_limits(limits), x_next_id(first_id) {
    CHECK(limits.tick > Duration::zero());
    CHECK(limits.timeout_min_ms <= limits.timeout_max_ms);
}

std::int32_t Sessions::negotiate(std::int32_t asked_ms) const {
    return std::clamp(asked_ms, x_limits.timeout_min_ms, x_limits.timeout_max_ms);
}

std::int64_t Sessions::next_id() {
    // The smallest number marks containers, 0 marks "no session".
    while (x_next_id == INT64_MIN || x_next_id == 0 || x_sessions.contains(x_next_id)) {
        ++x_next_id;
    }
    return x_next_id++;
}

Instant Sessions::rounded(Instant time) const {
    const auto ticks = time.since_start / x_limits.tick;
    return {(ticks + 1) * x_limits.tick};
}

void Sessions::schedule(std::int64_t id, Session& session, Instant now) {
    const Instant expiry = rounded(now + std::chrono::milliseconds(session.timeout_ms));
    if (expiry == session.expiry) {
        return;
    }
    unschedule(id, session);
    session.expiry = expiry;
    x_buckets[expiry].insert(id);
}

void Sessions::unschedule(std::int64_t id, const Session& session) {
    const auto bucket = x_buckets.find(session.expiry);
    if (bucket != x_buckets.end()) {
        bucket->second.erase(id);
        if (bucket->second.empty()) {
            x_buckets.erase(bucket);
        }
    }
}

void Sessions::add(std::int64_t session, std::int32_t timeout_ms, Instant now) {
    Session& entry = x_sessions[session];
    entry.timeout_ms = timeout_ms;
    schedule(session, entry, now);
}

void Sessions::remove(std::int64_t session) {
    const auto found = x_sessions.find(session);
    if (found != x_sessions.end()) {
        unschedule(session, found->second);
        x_sessions.erase(found);
    }
}

bool Sessions::touch(std::int64_t session, Instant now) {
    const auto found = x_sessions.find(session);
    if (found == x_sessions.end() || found->second.closing) {
        return false;
    }
    schedule(session, found->second, now);
    return true;
}

bool Sessions::resume(std::int64_t session, std::int32_t timeout_ms, Instant now) {
    const auto found = x_sessions.find(session);
    if (found == x_sessions.end() || found->second.closing) {
        return false;
    }
    found->second.timeout_ms = timeout_ms;
    schedule(session, found->second, now);
    return true;
}

void Sessions::set_closing(std::int64_t session) {
    const auto found = x_sessions.find(session);
    if (found != x_sessions.end()) {
        found->second.closing = true;
        unschedule(session, found->second);
        found->second.expiry = {};
    }
}

bool Sessions::is_open(std::int64_t session) const {
    const auto found = x_sessions.find(session);
    return found != x_sessions.end() && !found->second.closing;
}

std::optional<std::int32_t> Sessions::timeout_ms(std::int64_t session) const {
    const auto found = x_sessions.find(session);
    return found == x_sessions.end() ? std::nullopt : std::optional(found->second.timeout_ms);
}

std::vector<std::int64_t> Sessions::expire(Instant now) {
    std::vector<std::int64_t> due;
    for (const auto& [expiry, ids] : x_buckets) {
        if (expiry > now) {
            break;
        }
        due.insert(due.end(), ids.begin(), ids.end());
    }
    std::ranges::sort(due);
    for (const std::int64_t session : due) {
        set_closing(session);
    }
    return due;
}

std::optional<Instant> Sessions::next_expiry() const {
    return x_buckets.empty() ? std::nullopt : std::optional(x_buckets.begin()->first);
}

std::map<Instant, std::vector<std::int64_t>> Sessions::by_expiry() const {
    std::map<Instant, std::vector<std::int64_t>> result;
    for (const auto& [expiry, ids] : x_buckets) {
        std::vector<std::int64_t>& sorted = result[expiry];
        sorted.assign(ids.begin(), ids.end());
        std::ranges::sort(sorted);
    }
    return result;
}

void Sessions::invariants() const {
    std::size_t scheduled = 0;
    for (const auto& [expiry, ids] : x_buckets) {
        CHECK(!ids.empty());
        CHECK(expiry.since_start % x_limits.tick == Duration::zero());
        scheduled += ids.size();
        for (const std::int64_t id : ids) {
            const auto found = x_sessions.find(id);
            CHECK(found != x_sessions.end() && !found->second.closing);
            CHECK(found->second.expiry == expiry);
        }
    }
    std::size_t open = 0;
    for (const auto& [id, session] : x_sessions) {
        open += session.closing ? 0U : 1U;
    }
    CHECK(open == scheduled);
}

}  // namespace millrace::coordinator::tree
