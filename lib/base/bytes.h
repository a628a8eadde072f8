// Owned and borrowed byte strings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

using Bytes = std::vector<std::byte>;
using BytesView = std::span<const std::byte>;

// The same bytes seen as text and back; no copy, no check of the encoding.
inline std::string_view as_text(BytesView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline BytesView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline Bytes to_bytes(std::string_view text) {
    const BytesView view = as_bytes(text);
    return {view.begin(), view.end()};
}
inline std::string to_text(BytesView bytes) {
    return std::string(as_text(bytes));
}

// Lower-case hexadecimal digits, two for each byte.
std::string to_hex(BytesView bytes);

// Reads hexadecimal digits; blanks between them are skipped. Other characters and odd counts give an empty result.
Bytes from_hex(std::string_view digits);

}  // namespace millrace
