#include "lib/base/bytes.h"

namespace millrace {
namespace {

constexpr int digit_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

}  // namespace

std::string to_hex(BytesView bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const std::byte b : bytes) {
        text.push_back(kDigits[std::to_integer<std::size_t>(b >> 4)]);
        text.push_back(kDigits[std::to_integer<std::size_t>(b & std::byte{15})]);
    }
    return text;
}

Bytes from_hex(std::string_view digits) {
    Bytes bytes;
    int high = -1;
    for (const char c : digits) {
        if (c == ' ' || c == '\n') {
            continue;
        }
        const int value = digit_value(c);
        if (value < 0) {
            return {};
        }
        if (high < 0) {
            high = value;
        } else {
            bytes.push_back(static_cast<std::byte>(high * 16 + value));
            high = -1;
        }
    }
    return high < 0 ? bytes : Bytes{};
}

}  // namespace millrace
