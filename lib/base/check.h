// Broken invariants. CHECK is on in every build: a state that cannot be must not be carried on.
#pragma once

#include <source_location>
#include <string_view>

namespace millrace {

// Prints the expression, the message and the location to stderr and aborts.
[[noreturn]] void check_failed(std::string_view expression, std::string_view message,
                               std::source_location where = std::source_location::current());

}  // namespace millrace

// CHECK(condition) or CHECK(condition, "what it means for the reader of the crash report").
#define CHECK(condition, ...)                                     \
    do {                                                          \
        if (!(condition)) [[unlikely]] {                          \
            ::millrace::check_failed(#condition, "" __VA_ARGS__); \
        }                                                         \
    } while (false)

#define UNREACHABLE() ::millrace::check_failed("unreachable", "")
