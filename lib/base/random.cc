#include "lib/base/random.h"

#include <bit>

#include "lib/base/check.h"

namespace millrace {

Random::Random(std::uint64_t seed) {
    // splitmix64 spreads the seed over the four words, as the authors of xoshiro advise.
    for (std::uint64_t& word : x_state) {
        seed += 0x9e3779b97f4a7c15ULL;
        std::uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        word = z ^ (z >> 31);
    }
}

std::uint64_t Random::next() {
    const std::uint64_t result = std::rotl(x_state[1] * 5, 7) * 9;
    const std::uint64_t t = x_state[1] << 17;
    x_state[2] ^= x_state[0];
    x_state[3] ^= x_state[1];
    x_state[1] ^= x_state[2];
    x_state[0] ^= x_state[3];
    x_state[2] ^= t;
    x_state[3] = std::rotl(x_state[3], 45);
    return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
    CHECK(bound > 0);
    // Values below the threshold would make the remainder uneven; they are drawn again.
    const std::uint64_t threshold = (0 - bound) % bound;
    std::uint64_t value = next();
    while (value < threshold) {
        value = next();
    }
    return value % bound;
}

std::int64_t Random::between(std::int64_t low, std::int64_t high) {
    CHECK(low <= high);
    const std::uint64_t width = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    const std::uint64_t offset = width == UINT64_MAX ? next() : below(width + 1);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + offset);
}

bool Random::chance(double probability) {
    return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability;
}

}  // namespace millrace
