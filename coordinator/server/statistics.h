// What a server counts about itself. Plain numbers, owned by the loop.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <map>
#include <string>

#include "lib/base/time.h"

namespace millrace::coordinator::server {

// What ZooKeeper shows of numbers that it does not keep: sizes, counts, milliseconds.
struct Tally {
    std::int64_t min = 0;
    std::int64_t max = 0;
    std::int64_t sum = 0;
    std::uint64_t count = 0;

    void add(std::int64_t value) {
        min = count == 0 ? value : std::min(min, value);
        max = std::max(max, value);
        sum += value;
        ++count;
    }
    double average() const {
        return count == 0 ? 0.0 : static_cast<double>(sum) / static_cast<double>(count);
    }
};

// In milliseconds.
struct Latency : Tally {
    void add(Duration latency) { Tally::add(to_millis(latency)); }
};

// How latencies are spread, for quantiles: milliseconds one by one up to 15, then four steps for each doubling, up to days.
class Distribution {
 public:
    void add(Duration latency) {
        x_counts[slot_of(
            static_cast<std::uint64_t>(std::max<std::int64_t>(to_millis(latency), 0)))] += 1;
        x_total += 1;
    }
    // The milliseconds that this share (0 to 1) stays at or below, as the start of their step; 0 before anything was added.
    std::int64_t quantile(double share) const {
        const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(x_total));
        std::uint64_t passed = 0;
        for (std::size_t slot = 0; slot < kSlots; ++slot) {
            passed += x_counts[slot];
            if (passed > wanted || (passed == x_total && x_total > 0)) {
                return start_of(slot);
            }
        }
        return 0;
    }

 private:
    static constexpr std::size_t kExact = 16;
    static constexpr std::size_t kSteps = 4;  // of each doubling
    static constexpr std::size_t kSlots = kExact + 28 * kSteps;

    static std::size_t slot_of(std::uint64_t ms) {
        if (ms < kExact) {
            return static_cast<std::size_t>(ms);
        }
        const auto doubling = static_cast<std::size_t>(std::bit_width(ms)) - 5;
        const auto step = static_cast<std::size_t>(ms >> (doubling + 2)) - kSteps;
        return std::min(kExact + doubling * kSteps + step, kSlots - 1);
    }
    static std::int64_t start_of(std::size_t slot) {
        if (slot < kExact) {
            return static_cast<std::int64_t>(slot);
        }
        const std::size_t doubling = (slot - kExact) / kSteps;
        const std::size_t step = (slot - kExact) % kSteps;
        return static_cast<std::int64_t>((kSteps + step) << (doubling + 2));
    }

    std::array<std::uint64_t, kSlots> x_counts{};
    std::uint64_t x_total = 0;
};

// One kind of request: its latencies, and how they are spread.
struct Spread {
    Latency latency;
    Distribution distribution;

    void add(Duration took) {
        latency.add(took);
        distribution.add(took);
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
    Spread read;
    Spread update;
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
    // How many watches each event of a kind fired.
    Tally created_watches;
    Tally deleted_watches;
    Tally changed_watches;
    Tally children_watches;
    Latency snapshot_time;
    Latency start_time;  // reading the data folder
    Tally txns_replayed;
    // Requests refused for a quota, by the first name of its path.
    std::map<std::string, std::uint64_t, std::less<>> quota_refusals;

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
