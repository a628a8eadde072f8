#include "lib/wire/writer.h"

#include <bit>

#include "lib/base/check.h"

namespace millrace::wire {

void Writer::float64(double value) {
    uint64(std::bit_cast<std::uint64_t>(value));
}

void Writer::unsigned_varint(std::uint32_t value) {
    while (value >= 0x80) {
        uint8(static_cast<std::uint8_t>(value | 0x80));
        value >>= 7;
    }
    uint8(static_cast<std::uint8_t>(value));
}

void Writer::varint(std::int32_t value) {
    unsigned_varint((static_cast<std::uint32_t>(value) << 1) ^
                    static_cast<std::uint32_t>(value >> 31));
}

void Writer::varlong(std::int64_t value) {
    std::uint64_t raw =
        (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
    while (raw >= 0x80) {
        uint8(static_cast<std::uint8_t>(raw | 0x80));
        raw >>= 7;
    }
    uint8(static_cast<std::uint8_t>(raw));
}

void Writer::external(std::uint32_t id, std::uint32_t size) {
    x_gaps.push_back({x_bytes.size(), id, size});
    x_gap_bytes += size;
}

void Writer::patch_int32(std::size_t position, std::int32_t value) {
    CHECK(position + 4 <= x_bytes.size());
    const auto raw = static_cast<std::uint32_t>(value);
    for (std::size_t i = 0; i < 4; ++i) {
        x_bytes[position + i] = static_cast<std::byte>((raw >> (24 - 8 * i)) & 0xff);
    }
}

}  // namespace millrace::wire
