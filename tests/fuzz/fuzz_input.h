// How an input is cut into what a target asks for.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/result.h"

namespace millrace::fuzz {

// Whether there is a value, and it is this one.
template <class T>
bool holds(const Result<T>& result, const T& value) {
    return result.has_value() && *result == value;
}

class Input {
 public:
    Input(const std::uint8_t* data, std::size_t size)
        : x_rest(reinterpret_cast<const std::byte*>(data), size) {}

    bool empty() const { return x_rest.empty(); }

    // A byte as a number below count; 'a' is 0, so that inputs of texts are written with an editor. 0 at the end.
    std::size_t choice(std::size_t count) {
        constexpr std::uint8_t kFirst = 'a';
        return static_cast<std::uint8_t>(byte() - kFirst) % count;
    }
    // 0 at the end.
    std::uint8_t byte() {
        if (x_rest.empty()) {
            return 0;
        }
        const auto value = std::to_integer<std::uint8_t>(x_rest.front());
        x_rest = x_rest.subspan(1);
        return value;
    }
    // So many bytes, or what is left.
    BytesView take(std::size_t count) {
        const BytesView taken = x_rest.first(std::min(count, x_rest.size()));
        x_rest = x_rest.subspan(taken.size());
        return taken;
    }
    // Two bytes of length, big-endian, and the bytes.
    BytesView piece() {
        const std::size_t high = byte();
        const std::size_t low = byte();
        return take(high << 8 | low);
    }
    BytesView rest() { return take(x_rest.size()); }
    std::string_view text() { return as_text(rest()); }

    // Texts between lines of "===".
    std::vector<std::string_view> parts() {
        constexpr std::string_view kBetween = "\n===\n";
        std::vector<std::string_view> found;
        std::string_view left = text();
        for (std::size_t at = left.find(kBetween); at != std::string_view::npos;
             at = left.find(kBetween)) {
            found.push_back(left.substr(0, at));
            left.remove_prefix(at + kBetween.size());
        }
        found.push_back(left);
        return found;
    }

 private:
    BytesView x_rest;
};

}  // namespace millrace::fuzz
