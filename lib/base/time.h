// Time as values. Nothing in this project reads a clock except lib/runtime; everything else is told what time it is.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>

namespace millrace {

using Duration = std::chrono::nanoseconds;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""us;

// A point of the monotonic clock of one process. Says nothing outside it.
struct Instant {
    Duration since_start{};

    constexpr auto operator<=>(const Instant&) const = default;
    constexpr Instant operator+(Duration d) const { return {since_start + d}; }
    constexpr Instant operator-(Duration d) const { return {since_start - d}; }
    constexpr Duration operator-(Instant other) const { return since_start - other.since_start; }
};

constexpr std::int64_t to_millis(Duration d) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

// Milliseconds since 1970-01-01T00:00Z, as both protocols carry them. May jump in either direction.
struct WallTime {
    std::int64_t millis = 0;

    constexpr auto operator<=>(const WallTime&) const = default;
};

// "2026-01-31T12:34:56Z".
std::string to_iso8601(WallTime time);

}  // namespace millrace
