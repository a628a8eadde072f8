// Topic ids: 16 raw bytes; the text form is URL-safe base64 without padding, 22 characters. All
// zero means absent.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <string>
#include <string_view>

#include "lib/base/random.h"
#include "lib/base/result.h"

namespace millrace::kafka {

struct Uuid {
    std::array<std::byte, 16> bytes{};

    auto operator<=>(const Uuid&) const = default;
    bool is_zero() const { return *this == Uuid{}; }
    std::string to_string() const;
    static Result<Uuid> parse(std::string_view text);
    // Random, version 4, never one whose text form starts with '-' (Kafka avoids those: tools take
    // them for options).
    static Uuid make(Random& random);
};

}  // namespace millrace::kafka
