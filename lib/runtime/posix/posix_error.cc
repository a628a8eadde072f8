#include "lib/runtime/posix/posix_error.h"

#include <fmt/format.h>

#include <system_error>

namespace millrace::runtime {
namespace {

Errc code_of(int number) {
    switch (number) {
        case ENOENT:
            return Errc::not_found;
        case ESRCH:
            return Errc::not_found;
        case EEXIST:
            return Errc::already_exists;
        case ENOSPC:
            return Errc::disk_full;
        case EDQUOT:
            return Errc::disk_full;
        case EADDRINUSE:
            return Errc::address_in_use;
        case ETIMEDOUT:
            return Errc::timed_out;
        case ECONNREFUSED:
            return Errc::connection_lost;
        case ECONNRESET:
            return Errc::connection_lost;
        case ECONNABORTED:
            return Errc::connection_lost;
        case EPIPE:
            return Errc::connection_lost;
        case EHOSTUNREACH:
            return Errc::connection_lost;
        case ENETUNREACH:
            return Errc::connection_lost;
        default:
            return Errc::io_error;
    }
}

}  // namespace

std::string text_of_errno(int number) {
    return std::generic_category().message(number);
}

std::unexpected<Error> fail_errno(int number, std::string_view action, std::string_view object) {
    return fail(code_of(number),
                fmt::format("cannot {} {}: {}", action, object, text_of_errno(number)));
}

}  // namespace millrace::runtime
