#include "tests/fuzz/memory_meter.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "lib/base/check.h"

namespace millrace::fuzz {
namespace {

std::size_t held = 0;
std::size_t most = 0;

void* counted(void* memory) {
    if (memory == nullptr) {
        std::abort();
    }
    held += malloc_usable_size(memory);
    most = std::max(most, held);
    return memory;
}

void* take(std::size_t size) {
    return counted(std::malloc(size == 0 ? 1 : size));
}

void* take_aligned(std::size_t size, std::align_val_t alignment) {
    const auto to = static_cast<std::size_t>(alignment);
    return counted(std::aligned_alloc(to, (std::max<std::size_t>(size, 1) + to - 1) / to * to));
}

void give_back(void* memory) {
    held -= malloc_usable_size(memory);
    std::free(memory);
}

}  // namespace

MemoryMeter::MemoryMeter() : x_start(held) {
    most = held;
}

std::size_t MemoryMeter::peak() const {
    return most - x_start;
}

void MemoryMeter::check(std::size_t input_bytes, std::size_t factor,
                        std::source_location where) const {
    const std::size_t allowed = factor * input_bytes + kMemorySlack;
    if (peak() > allowed) {
        check_failed("memory bound",
                     fmt::format("{} bytes for an input of {}; allowed are {}", peak(), input_bytes,
                                 allowed),
                     where);
    }
}

}  // namespace millrace::fuzz

void* operator new(std::size_t size) {
    return millrace::fuzz::take(size);
}
void* operator new[](std::size_t size) {
    return millrace::fuzz::take(size);
}
// The sanitizer has these of its own, whose memory the operators below could not give back.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return millrace::fuzz::take(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return millrace::fuzz::take(size);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return millrace::fuzz::take_aligned(size, alignment);
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
    return millrace::fuzz::take_aligned(size, alignment);
}
void operator delete(void* memory) noexcept {
    millrace::fuzz::give_back(memory);
}
void operator delete[](void* memory) noexcept {
    millrace::fuzz::give_back(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    millrace::fuzz::give_back(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    millrace::fuzz::give_back(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    millrace::fuzz::give_back(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
    millrace::fuzz::give_back(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    millrace::fuzz::give_back(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
    millrace::fuzz::give_back(memory);
}
