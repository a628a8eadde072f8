// What a server counts about itself. Plain numbers, owned by the loop.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lib/base/time.h"

namespace millrace::coordinator::server {

struct Latency {
    std::int64_t min_ms = 0;
    std::int64_t max_ms = 0;
    std::int64_t sum_ms = 0;
    std::uint64_t count = 0;

    void add(Duration latency) {
        const std::int64_t ms = to_millis(latency);
        min_ms = count == 0 ? ms : std::min(min_ms, ms);
        max_ms = std::max(max_ms, ms);
        sum_ms += ms;
        ++count;
    }
    double average() const {
        return count == 0 ? 0.0 : static_cast<double>(sum_ms) / static_cast<double>(count);
    }
};

// Sizes of answers in bytes; -1 before the first one, as ZooKeeper shows it.
struct ResponseSize {
    std::int64_t last = -1;
    std::int64_t min = -1;
    std::int64_t max = -1;

    void add(std::int64_t bytes) {
        last = bytes;
        min = min < 0 ? bytes : std::min(min, bytes);
        max = std::max(max, bytes);
    }
};

struct Statistics {
    std::uint64_t packets_received = 0;
    std::uint64_t packets_sent = 0;
    Latency latency;  // all requests, pings left out
    Latency read;
    Latency update;
    ResponseSize response_size;

    // Since the start; a reset leaves these alone.
    std::uint64_t bytes_received = 0;
    std::uint64_t response_bytes = 0;
    std::uint64_t watch_bytes = 0;
    std::uint64_t auth_failed = 0;
    std::uint64_t connection_requests = 0;
    std::uint64_t connections_rejected = 0;
    std::uint64_t connections_dropped = 0;
    std::uint64_t sessions_expired = 0;
    std::uint64_t sessionless_expired = 0;
    std::uint64_t commits = 0;
    std::uint64_t snapshots = 0;
    std::uint64_t snapshot_errors = 0;
    std::uint64_t digest_mismatches = 0;
    std::uint64_t requests_throttled = 0;
    std::uint64_t created_watches = 0;
    std::uint64_t deleted_watches = 0;
    std::uint64_t changed_watches = 0;
    std::uint64_t children_watches = 0;

    void reset() {
        packets_received = 0;
        packets_sent = 0;
        latency = {};
        read = {};
        update = {};
        response_size = {};
    }
};

}  // namespace millrace::coordinator::server
