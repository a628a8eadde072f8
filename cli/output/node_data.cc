#include "cli/output/node_data.h"

#include <fmt/format.h>

namespace millrace::cli {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t kRowBytes = 16;
constexpr std::string_view kHead =
    "         +-------------------------------------------------+\n"
    "         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |\n";
constexpr std::string_view kRule =
    "+--------+-------------------------------------------------+----------------+";

std::uint32_t number_of(std::byte byte) {
    return std::to_integer<std::uint32_t>(byte);
}

}  // namespace

std::string base64(BytesView bytes) {
    std::string out;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            group = group << 8 | (i < count ? number_of(bytes[at + i]) : 0);
        }
        for (std::size_t i = 0; i < 4; ++i) {
            out += i <= count ? kDigits[group >> (18 - 6 * i) & 63] : '=';
        }
    }
    return out;
}

Result<Bytes> from_base64(std::string_view text) {
    const auto wrong = [text] {
        return fail(Errc::malformed, fmt::format("'{}' is not base64", text));
    };
    if (text.size() % 4 != 0) {
        return wrong();
    }
    std::string_view digits = text;
    while (digits.ends_with('=') && text.size() - digits.size() < 2) {
        digits.remove_suffix(1);
    }
    Bytes out;
    std::uint32_t group = 0;
    int bits = 0;
    for (const char digit : digits) {
        const std::size_t value = kDigits.find(digit);
        if (value == std::string_view::npos) {
            return wrong();
        }
        group = (group << 6 | static_cast<std::uint32_t>(value)) & 0xffffU;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out.push_back(static_cast<std::byte>(group >> bits & 0xffU));
        }
    }
    return out;
}

std::string hex_dump(BytesView bytes) {
    if (bytes.empty()) {
        return "";
    }
    std::string out = fmt::format("{}{}\n", kHead, kRule);
    for (std::size_t at = 0; at < bytes.size(); at += kRowBytes) {
        std::string hex;
        std::string text;
        for (const std::byte byte : bytes.subspan(at, std::min(kRowBytes, bytes.size() - at))) {
            const std::uint32_t number = number_of(byte);
            hex += fmt::format(" {:02x}", number);
            text += number > 31 && number < 127 ? static_cast<char>(number) : '.';
        }
        out += fmt::format("|{:08x}|{:<49}|{:<16}|\n", at, hex, text);
    }
    return out + std::string(kRule);
}

}  // namespace millrace::cli
