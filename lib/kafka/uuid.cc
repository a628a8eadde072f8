#include "lib/kafka/uuid.h"

#include <algorithm>
#include <string>

namespace millrace::kafka {

namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kTextSize = 22;

unsigned byte_or_zero(const std::array<std::byte, 16>& bytes, std::size_t at) {
    return at < bytes.size() ? std::to_integer<unsigned>(bytes[at]) : 0U;
}

}  // namespace

std::string Uuid::to_string() const {
    std::string text;
    text.reserve(kTextSize + 2);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const unsigned group = (byte_or_zero(bytes, i) << 16) | (byte_or_zero(bytes, i + 1) << 8) |
                               byte_or_zero(bytes, i + 2);
        for (const unsigned shift : {18U, 12U, 6U, 0U}) {
            text.push_back(kDigits[(group >> shift) & 63U]);
        }
    }
    text.resize(kTextSize);  // 16 bytes need 22 digits; the last group stood for one byte only
    return text;
}

Result<Uuid> Uuid::parse(std::string_view text) {
    // Java's decoder also takes the padding that its encoder leaves out.
    if (text.size() == kTextSize + 2 && text.ends_with("==")) {
        text.remove_suffix(2);
    }
    if (text.size() != kTextSize) {
        return fail(Errc::malformed, "an id has 22 base64 digits: " + std::string(text));
    }
    Uuid id;
    unsigned bits = 0;
    unsigned count = 0;
    std::size_t written = 0;
    for (const char digit : text) {
        const std::size_t value = kDigits.find(digit);
        if (value == std::string_view::npos) {
            return fail(Errc::malformed, "not a base64 digit in the id " + std::string(text));
        }
        bits = (bits << 6) | static_cast<unsigned>(value);
        count += 6;
        if (count >= 8 && written < id.bytes.size()) {
            count -= 8;
            id.bytes[written++] = static_cast<std::byte>((bits >> count) & 0xffU);
        }
    }
    return id;
}

Uuid Uuid::make(Random& random) {
    Uuid id;
    do {
        for (std::size_t half = 0; half < 2; ++half) {
            std::uint64_t value = random.next();
            for (std::size_t i = 0; i < 8; ++i, value >>= 8) {
                id.bytes[half * 8 + i] = static_cast<std::byte>(value & 0xff);
            }
        }
        id.bytes[6] = (id.bytes[6] & std::byte{0x0f}) | std::byte{0x40};  // version 4
        id.bytes[8] = (id.bytes[8] & std::byte{0x3f}) | std::byte{0x80};  // variant of RFC 4122
    } while (id.to_string().starts_with('-'));
    return id;
}

}  // namespace millrace::kafka
