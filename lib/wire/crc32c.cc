#include "lib/wire/crc32c.h"

#include <isa-l/crc.h>
#include <nmmintrin.h>

#include <array>
#include <cstring>

namespace millrace::wire {
namespace {

constexpr std::size_t kFoldingFrom =
    2048;  // bytes; below, one SSE4.2 stream is faster than ISA-L's set-up

constexpr std::array<std::uint32_t, 256> make_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) {
            value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78U : 0U);
        }
        table[i] = value;
    }
    return table;
}

constexpr std::array<std::uint32_t, 256> kTable = make_table();

[[gnu::target("sse4.2")]] std::uint32_t crc32c_sse42(BytesView bytes, std::uint32_t state) {
    const std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    std::uint64_t wide = state;
    for (; left >= 8; left -= 8, at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    auto narrow = static_cast<std::uint32_t>(wide);
    for (; left > 0; --left, ++at) {
        narrow = _mm_crc32_u8(narrow, std::to_integer<std::uint8_t>(*at));
    }
    return narrow;
}

}  // namespace

std::uint32_t crc32c_portable(BytesView bytes, std::uint32_t previous) {
    std::uint32_t state = ~previous;
    for (const std::byte b : bytes) {
        state = (state >> 8) ^ kTable[(state ^ std::to_integer<std::uint32_t>(b)) & 0xff];
    }
    return ~state;
}

std::uint32_t crc32c(BytesView bytes, std::uint32_t previous) {
    static const bool has_sse42 = __builtin_cpu_supports("sse4.2") != 0;
    if (!has_sse42) {
        return crc32c_portable(bytes, previous);
    }
    if (bytes.size() < kFoldingFrom) {
        return ~crc32c_sse42(bytes, ~previous);
    }
    // ISA-L's prototype lacks const; it only reads.
    auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
    return ~crc32_iscsi(data, static_cast<int>(bytes.size()), ~previous);
}

}  // namespace millrace::wire
