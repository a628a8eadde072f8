#include "lib/kafka/hashing.h"

#include <limits>

#include "lib/base/check.h"

namespace millrace::kafka {

namespace {

std::uint32_t byte_at(BytesView bytes, std::size_t at) {
    return std::to_integer<std::uint32_t>(bytes[at]);
}

struct CodePoint {
    std::uint32_t value = 0;
    std::size_t size = 0;  // bytes it takes
};

constexpr CodePoint kReplacement{0xfffd, 1};

std::size_t sequence_size(std::uint32_t lead) {
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xc2 && lead < 0xe0) {
        return 2;
    }
    if (lead >= 0xe0 && lead < 0xf0) {
        return 3;
    }
    return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

// The code point at the start of text, which is not empty.
CodePoint decode_utf8(BytesView text) {
    const std::uint32_t lead = byte_at(text, 0);
    const std::size_t size = sequence_size(lead);
    if (size == 0 || size > text.size()) {
        return kReplacement;
    }
    constexpr std::uint32_t kLeadBits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    std::uint32_t value = lead & kLeadBits[size];
    for (std::size_t i = 1; i < size; ++i) {
        const std::uint32_t next = byte_at(text, i);
        if ((next & 0xc0) != 0x80) {
            return kReplacement;
        }
        value = (value << 6) | (next & 0x3f);
    }
    constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = value >= 0xd800 && value < 0xe000;
    if (value < kSmallest[size] || value > 0x10ffff || surrogate) {
        return kReplacement;
    }
    return {value, size};
}

}  // namespace

std::int32_t murmur2(BytesView bytes) {
    constexpr std::uint32_t kSeed = 0x9747b28c;
    constexpr std::uint32_t kFactor = 0x5bd1e995;
    constexpr unsigned kShift = 24;
    std::uint32_t hash = kSeed ^ static_cast<std::uint32_t>(bytes.size());
    std::size_t at = 0;
    for (; at + 4 <= bytes.size(); at += 4) {
        std::uint32_t word = byte_at(bytes, at) | (byte_at(bytes, at + 1) << 8) |
                             (byte_at(bytes, at + 2) << 16) | (byte_at(bytes, at + 3) << 24);
        word *= kFactor;
        word ^= word >> kShift;
        word *= kFactor;
        hash = (hash * kFactor) ^ word;
    }
    const std::size_t rest = bytes.size() - at;
    for (std::size_t i = rest; i > 0; --i) {
        hash ^= byte_at(bytes, at + i - 1) << (8 * (i - 1));
    }
    if (rest > 0) {
        hash *= kFactor;
    }
    hash ^= hash >> 13;
    hash *= kFactor;
    hash ^= hash >> 15;
    return static_cast<std::int32_t>(hash);
}

std::int32_t partition_for_key(BytesView key, std::int32_t partitions) {
    CHECK(partitions > 0, "a topic has at least one partition");
    return (murmur2(key) & std::numeric_limits<std::int32_t>::max()) % partitions;
}

std::int32_t java_string_hash(std::string_view utf8) {
    BytesView rest = as_bytes(utf8);
    std::uint32_t hash = 0;
    while (!rest.empty()) {
        const CodePoint point = decode_utf8(rest);
        rest = rest.subspan(point.size);
        if (point.value < 0x10000) {
            hash = hash * 31 + point.value;
            continue;
        }
        const std::uint32_t above = point.value - 0x10000;
        hash = hash * 31 + (0xd800 + (above >> 10));
        hash = hash * 31 + (0xdc00 + (above & 0x3ff));
    }
    return static_cast<std::int32_t>(hash);
}

std::int32_t partition_for_id(std::string_view id, std::int32_t partitions) {
    CHECK(partitions > 0, "a topic has at least one partition");
    const std::int32_t hash = java_string_hash(id);
    // The smallest int has no absolute value; Kafka takes 0 for it.
    if (hash == std::numeric_limits<std::int32_t>::min()) {
        return 0;
    }
    return (hash < 0 ? -hash : hash) % partitions;
}

}  // namespace millrace::kafka
