// errno as an Error.
#pragma once

#include <cerrno>
#include <string_view>

#include "lib/base/result.h"

namespace millrace::runtime {

// "No such file or directory"; safe on every thread.
std::string text_of_errno(int number);

// "cannot open /data/x: No such file or directory" with the code that fits the number: not_found, already_exists,
// disk_full, address_in_use, timed_out, connection_lost, otherwise io_error.
std::unexpected<Error> fail_errno(int number, std::string_view action, std::string_view object);

// Repeats a system call while a signal interrupts it.
template <class Call>
auto retry_interrupted(Call call) {
    for (;;) {
        const auto result = call();
        if (result >= 0 || errno != EINTR) {
            return result;
        }
    }
}

}  // namespace millrace::runtime
