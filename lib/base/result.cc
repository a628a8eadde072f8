#include "lib/base/result.h"

#include "lib/base/check.h"

namespace millrace {

std::string_view name_of(Errc code) {
    switch (code) {
        case Errc::invalid_argument:
            return "invalid_argument";
        case Errc::malformed:
            return "malformed";
        case Errc::not_found:
            return "not_found";
        case Errc::already_exists:
            return "already_exists";
        case Errc::io_error:
            return "io_error";
        case Errc::disk_full:
            return "disk_full";
        case Errc::address_in_use:
            return "address_in_use";
        case Errc::connection_lost:
            return "connection_lost";
        case Errc::timed_out:
            return "timed_out";
        case Errc::too_large:
            return "too_large";
        case Errc::unsupported:
            return "unsupported";
        case Errc::conflict:
            return "conflict";
        case Errc::busy:
            return "busy";
        case Errc::shutting_down:
            return "shutting_down";
    }
    UNREACHABLE();
}

std::string Error::to_string() const {
    return message + " (" + std::string(name_of(code)) + ")";
}

}  // namespace millrace
