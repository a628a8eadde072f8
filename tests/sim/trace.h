// What happened in a simulated world, folded into one number: two runs of a seed must give the same.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/base/time.h"
#include "lib/wire/crc32c.h"

namespace millrace::sim {

class Trace {
 public:
    // Prints every event to stderr.
    void set_verbose(bool verbose) { x_verbose = verbose; }

    void record(Instant at, std::string_view machine, std::string_view kind,
                std::string_view text) {
        fold(static_cast<std::uint64_t>(at.since_start.count()));
        fold(wire::crc32c(as_bytes(machine)));
        fold(wire::crc32c(as_bytes(kind)));
        fold(wire::crc32c(as_bytes(text)));
        ++x_events;
        if (x_verbose) {
            fmt::print(stderr, "{:>14} {:<12} {:<8} {}\n", at.since_start.count(), machine, kind,
                       text);
        }
    }

    std::uint64_t hash() const { return x_hash; }
    std::uint64_t events() const { return x_events; }

 private:
    void fold(std::uint64_t word) {
        // A multiply and a rotation per word; every bit of the past reaches every bit of the result.
        x_hash = (x_hash ^ word) * 0x9e3779b97f4a7c15ULL;
        x_hash ^= x_hash >> 29;
    }

    std::uint64_t x_hash = 0xcbf29ce484222325ULL;
    std::uint64_t x_events = 0;
    bool x_verbose = false;
};

}  // namespace millrace::sim
