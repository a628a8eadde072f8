#include "lib/kafka/lz4_header.h"

#include <bit>
#include <cstdint>

#include "lib/base/check.h"

namespace millrace::kafka {

namespace {

constexpr std::size_t kMagicSize = 4;
constexpr std::size_t kFixedSize = kMagicSize + 2;  // flags and block sizes behind the magic number
constexpr std::size_t kContentSizeField = 8;
constexpr std::size_t kDictionaryField = 4;
constexpr unsigned kHasContentSize = 0x08;
constexpr unsigned kHasDictionary = 0x01;

std::uint32_t little_endian(BytesView bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i > 0; --i) {
        value = (value << 8) | std::to_integer<std::uint32_t>(bytes[i - 1]);
    }
    return value;
}

// xxHash32 with seed 0 of fewer than 16 bytes: such inputs skip its four lanes.
std::uint32_t short_xxhash32(BytesView bytes) {
    constexpr std::uint32_t kPrime1 = 0x9e3779b1;
    constexpr std::uint32_t kPrime2 = 0x85ebca77;
    constexpr std::uint32_t kPrime3 = 0xc2b2ae3d;
    constexpr std::uint32_t kPrime4 = 0x27d4eb2f;
    constexpr std::uint32_t kPrime5 = 0x165667b1;
    CHECK(bytes.size() < 16);
    std::uint32_t hash = kPrime5 + static_cast<std::uint32_t>(bytes.size());
    for (; bytes.size() >= 4; bytes = bytes.subspan(4)) {
        hash = std::rotl(hash + little_endian(bytes) * kPrime3, 17) * kPrime4;
    }
    for (const std::byte byte : bytes) {
        hash = std::rotl(hash + std::to_integer<std::uint32_t>(byte) * kPrime5, 11) * kPrime1;
    }
    hash = (hash ^ (hash >> 15)) * kPrime2;
    hash = (hash ^ (hash >> 13)) * kPrime3;
    return hash ^ (hash >> 16);
}

}  // namespace

void set_lz4_header_checksum(std::span<std::byte> frame, Lz4HeaderChecksum kind) {
    if (frame.size() <= kFixedSize) {
        return;
    }
    const auto flags = std::to_integer<unsigned>(frame[kMagicSize]);
    const std::size_t end = kFixedSize + ((flags & kHasContentSize) != 0 ? kContentSizeField : 0) +
                            ((flags & kHasDictionary) != 0 ? kDictionaryField : 0);
    const std::size_t start = kind == Lz4HeaderChecksum::specified ? kMagicSize : 0;
    if (frame.size() <= end || end - start >= 16) {
        return;
    }
    const std::uint32_t hash = short_xxhash32(frame.subspan(start, end - start));
    frame[end] = static_cast<std::byte>((hash >> 8) & 0xff);
}

}  // namespace millrace::kafka
