// Test-only: random field values for the generated samples. Small on purpose: shapes matter, not sizes.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "lib/base/bytes.h"
#include "lib/base/random.h"

namespace millrace::sample {

// The ends and zero come up often, since mistakes live there.
template <class T>
T integer(Random& random) {
    switch (random.below(6)) {
        case 0:
            return 0;
        case 1:
            return std::numeric_limits<T>::min();
        case 2:
            return std::numeric_limits<T>::max();
        default:
            return static_cast<T>(random.next());
    }
}

// A finite number with an exact binary form.
inline double real(Random& random) {
    return static_cast<double>(random.between(-4096, 4096)) / 8;
}

inline Bytes bytes(Random& random) {
    Bytes value(random.below(12));
    for (std::byte& b : value) {
        b = static_cast<std::byte>(random.next() & 0xff);
    }
    return value;
}

// Letters, and now and then one that takes two bytes of UTF-8. Rarely long enough for a two-byte compact length.
inline std::string text(Random& random) {
    std::string value;
    const std::uint64_t length = random.chance(0.03) ? 200 : random.below(9);
    for (std::uint64_t i = 0; i < length; ++i) {
        if (random.chance(0.05)) {
            value += "\u00e9";
        } else {
            value.push_back(static_cast<char>('a' + random.below(26)));
        }
    }
    return value;
}

inline std::optional<Bytes> buffer(Random& random) {
    return random.chance(0.25) ? std::nullopt : std::optional(bytes(random));
}

template <class Uuid>
Uuid uuid(Random& random) {
    Uuid value;
    for (std::byte& b : value.bytes) {
        b = static_cast<std::byte>(random.next() & 0xff);
    }
    return value;
}

// Borrowed from bytes that live as long as the process.
template <class Records>
Records records(Random& random) {
    static constexpr std::array<std::byte, 64> kPattern = [] {
        std::array<std::byte, 64> pattern{};
        for (std::size_t i = 0; i < pattern.size(); ++i) {
            pattern[i] = static_cast<std::byte>(i * 37);
        }
        return pattern;
    }();
    Records value;
    value.bytes = BytesView(kPattern).first(random.below(kPattern.size() + 1));
    return value;
}

}  // namespace millrace::sample
