// How much memory the code under test has taken: the program's operator new and delete count. What C libraries take from malloc
// themselves (the states of zlib, zstd and lz4) is not counted. One thread only.
#pragma once

#include <cstddef>
#include <source_location>

namespace millrace::fuzz {

// Bytes that a decoder may take beside what it takes for its input.
inline constexpr std::size_t kMemorySlack = 64 << 10;

class MemoryMeter {
 public:
    // Counts from here on. Meters do not nest.
    MemoryMeter();

    // Most bytes held at once since then, beyond what was held at the start.
    std::size_t peak() const;
    // CHECKs that the peak is at most factor times the input, and kMemorySlack.
    void check(std::size_t input_bytes, std::size_t factor,
               std::source_location where = std::source_location::current()) const;

 private:
    std::size_t x_start;
};

}  // namespace millrace::fuzz
