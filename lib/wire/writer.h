// Appends values to a growing buffer, big-endian. A frame may leave gaps that the sender fills from a file (sendfile):
// external() notes the place and the size without any bytes being copied.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"

namespace millrace::wire {

// A stretch of a frame that lies elsewhere. position is the offset in the written buffer where it belongs.
struct Gap {
    std::size_t position = 0;
    std::uint32_t id = 0;    // the caller's name for the source
    std::uint32_t size = 0;  // bytes
};

class Writer {
 public:
    Writer() = default;
    // Appends to bytes that are there already.
    explicit Writer(Bytes start) : x_bytes(std::move(start)) {}

    void boolean(bool value) { uint8(value ? 1 : 0); }
    void int8(std::int8_t value) { integer(static_cast<std::uint8_t>(value)); }
    void uint8(std::uint8_t value) { integer(value); }
    void int16(std::int16_t value) { integer(static_cast<std::uint16_t>(value)); }
    void uint16(std::uint16_t value) { integer(value); }
    void int32(std::int32_t value) { integer(static_cast<std::uint32_t>(value)); }
    void uint32(std::uint32_t value) { integer(value); }
    void int64(std::int64_t value) { integer(static_cast<std::uint64_t>(value)); }
    void uint64(std::uint64_t value) { integer(value); }
    void float64(double value);
    void unsigned_varint(std::uint32_t value);
    void varint(std::int32_t value);   // zigzag
    void varlong(std::int64_t value);  // zigzag
    void bytes(BytesView value) { x_bytes.insert(x_bytes.end(), value.begin(), value.end()); }
    void text(std::string_view value) { bytes(as_bytes(value)); }
    void external(std::uint32_t id, std::uint32_t size);

    // Overwrites four bytes written before, e.g. a frame length known only at the end.
    void patch_int32(std::size_t position, std::int32_t value);

    // Bytes in the buffer, gaps not counted; and with them.
    std::size_t size() const { return x_bytes.size(); }
    std::size_t size_with_gaps() const { return x_bytes.size() + x_gap_bytes; }
    BytesView view() const { return x_bytes; }
    const std::vector<Gap>& gaps() const { return x_gaps; }
    Bytes take() { return std::move(x_bytes); }
    void reserve(std::size_t count) { x_bytes.reserve(count); }

 private:
    template <class T>
    void integer(T value);

    Bytes x_bytes;
    std::vector<Gap> x_gaps;
    std::size_t x_gap_bytes = 0;
};

template <class T>
void Writer::integer(T value) {
    const std::size_t at = x_bytes.size();
    x_bytes.resize(at + sizeof(T));
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        x_bytes[at + i] = static_cast<std::byte>((value >> (8 * (sizeof(T) - 1 - i))) & 0xff);
    }
}

}  // namespace millrace::wire
