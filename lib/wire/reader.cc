#include "lib/wire/reader.h"

#include <bit>

namespace millrace::wire {

double Reader::float64() {
    return std::bit_cast<double>(uint64());
}

std::uint32_t Reader::unsigned_varint() {
    std::uint32_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        const std::uint8_t b = uint8();
        if (shift == 28 && b > 0x0f) {
            break;
        }
        value |= static_cast<std::uint32_t>(b & 0x7f) << shift;
        if (b < 0x80) {
            return value;
        }
    }
    x_failed = true;
    return 0;
}

std::int32_t Reader::varint() {
    const std::uint32_t raw = unsigned_varint();
    return static_cast<std::int32_t>((raw >> 1) ^ (0 - (raw & 1)));
}

std::int64_t Reader::varlong() {
    std::uint64_t raw = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        const std::uint8_t b = uint8();
        if (shift == 63 && b > 1) {
            break;
        }
        raw |= static_cast<std::uint64_t>(b & 0x7f) << shift;
        if (b < 0x80) {
            return static_cast<std::int64_t>((raw >> 1) ^ (0 - (raw & 1)));
        }
    }
    x_failed = true;
    return 0;
}

BytesView Reader::bytes(std::size_t count) {
    if (remaining() < count) [[unlikely]] {
        x_failed = true;
        return {};
    }
    const BytesView view = x_bytes.subspan(x_position, count);
    x_position += count;
    return view;
}

std::size_t Reader::checked_count(std::int64_t count, std::size_t element_size_min) {
    const std::size_t element_size = element_size_min == 0 ? 1 : element_size_min;
    if (count < 0 || static_cast<std::uint64_t>(count) > remaining() / element_size) {
        x_failed = true;
        return 0;
    }
    return static_cast<std::size_t>(count);
}

}  // namespace millrace::wire
