// A small seeded generator (xoshiro256**). The runtime seeds it from the system, the simulator from its one seed.
// Not for secrets: those come from OpenSSL.
#pragma once

#include <array>
#include <cstdint>

namespace millrace {

class Random {
 public:
    explicit Random(std::uint64_t seed);

    std::uint64_t next();

    // Uniform in [0, bound); bound must be above 0.
    std::uint64_t below(std::uint64_t bound);

    // Uniform in [low, high], both included.
    std::int64_t between(std::int64_t low, std::int64_t high);

    // True with the given probability, 0.0 to 1.0.
    bool chance(double probability);

 private:
    std::array<std::uint64_t, 4> x_state{};
};

}  // namespace millrace
