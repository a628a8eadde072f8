// Received bytes that were not consumed yet, as one stretch. Grows with what arrives, never to an announced length.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>

#include "lib/base/bytes.h"

namespace millrace::runtime {

class InputBuffer {
 public:
    bool empty() const { return x_begin == x_end; }
    std::size_t size() const { return x_end - x_begin; }
    BytesView view() const { return {x_bytes.get() + x_begin, size()}; }

    // Room behind the bytes, for receiving in place; `commit` makes it part of them.
    std::span<std::byte> room() { return {x_bytes.get() + x_end, x_capacity - x_end}; }
    void commit(std::size_t count) { x_end += count; }

    void append(BytesView bytes) {
        if (bytes.empty()) {
            return;
        }
        if (bytes.size() > x_capacity - x_end) {
            make_room(bytes.size());
        }
        std::memcpy(x_bytes.get() + x_end, bytes.data(), bytes.size());
        x_end += bytes.size();
    }

    void consume(std::size_t count) {
        x_begin += count;
        if (!empty()) {
            return;
        }
        x_begin = 0;
        x_end = 0;
        if (x_capacity > kKeptWhenEmpty) {
            x_bytes.reset();
            x_capacity = 0;
        }
    }

 private:
    static constexpr std::size_t kKeptWhenEmpty = 4096;

    void make_room(std::size_t count) {
        // Moved to the front when that frees half of the memory, otherwise moved to twice the memory.
        if (x_begin >= x_capacity / 2 && size() + count <= x_capacity) {
            std::memmove(x_bytes.get(), x_bytes.get() + x_begin, size());
        } else {
            const std::size_t capacity = std::max(2 * size(), size() + count);
            auto bytes = std::make_unique_for_overwrite<std::byte[]>(capacity);
            if (!empty()) {
                std::memcpy(bytes.get(), x_bytes.get() + x_begin, size());
            }
            x_bytes = std::move(bytes);
            x_capacity = capacity;
        }
        x_end = size();
        x_begin = 0;
    }

    std::unique_ptr<std::byte[]> x_bytes;
    std::size_t x_capacity = 0;
    std::size_t x_begin = 0;
    std::size_t x_end = 0;
};

}  // namespace millrace::runtime
