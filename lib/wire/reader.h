// A bounds-checked cursor over bytes of a peer or a disk. Failure is sticky: after the first one every read yields zero or
// empty, and the caller asks ok() once at the end. Integers are big-endian unless a name says otherwise.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/bytes.h"

namespace millrace::wire {

class Reader {
 public:
    explicit Reader(BytesView bytes) : x_bytes(bytes) {}

    bool ok() const { return !x_failed; }
    void fail() { x_failed = true; }
    std::size_t position() const { return x_position; }
    std::size_t remaining() const { return x_failed ? 0 : x_bytes.size() - x_position; }
    bool at_end() const { return remaining() == 0; }

    bool boolean() { return int8() != 0; }
    std::int8_t int8() { return static_cast<std::int8_t>(integer<std::uint8_t>()); }
    std::uint8_t uint8() { return integer<std::uint8_t>(); }
    std::int16_t int16() { return static_cast<std::int16_t>(integer<std::uint16_t>()); }
    std::uint16_t uint16() { return integer<std::uint16_t>(); }
    std::int32_t int32() { return static_cast<std::int32_t>(integer<std::uint32_t>()); }
    std::uint32_t uint32() { return integer<std::uint32_t>(); }
    std::int64_t int64() { return static_cast<std::int64_t>(integer<std::uint64_t>()); }
    std::uint64_t uint64() { return integer<std::uint64_t>(); }
    double float64();

    // Protocol-buffers style: seven bits a byte, least significant first; 5 and 10 bytes at most.
    std::uint32_t unsigned_varint();
    std::int32_t varint();   // zigzag
    std::int64_t varlong();  // zigzag

    // The next count bytes, borrowed from the input.
    BytesView bytes(std::size_t count);
    std::string_view text(std::size_t count) { return as_text(bytes(count)); }
    void skip(std::size_t count) { (void)bytes(count); }

    // A count that a peer announced. Fails when negative, or when count elements of at least element_size_min bytes
    // (0 counts as 1) could not stand in what remains; so nothing is allocated for a lie.
    std::size_t checked_count(std::int64_t count, std::size_t element_size_min);

 private:
    template <class T>
    T integer();

    BytesView x_bytes;
    std::size_t x_position = 0;
    bool x_failed = false;
};

template <class T>
T Reader::integer() {
    if (remaining() < sizeof(T)) [[unlikely]] {
        x_failed = true;
        return 0;
    }
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        value = static_cast<T>((sizeof(T) == 1 ? 0 : value << 8) |
                               std::to_integer<T>(x_bytes[x_position + i]));
    }
    x_position += sizeof(T);
    return value;
}

}  // namespace millrace::wire
