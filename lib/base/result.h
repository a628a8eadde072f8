// Operating failures (a disk, a peer, bad input): values that the caller must look at.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace millrace {

// A code exists only where some caller reacts to it in its own way.
enum class Errc {
    invalid_argument,  // the caller's or the user's value is outside what is allowed
    malformed,         // bytes from a peer or a disk do not follow their format
    not_found,         // the named thing is not there
    already_exists,    // the named thing is there already
    io_error,          // the operating system refused; never retried for fsync
    disk_full,         // ENOSPC or EDQUOT
    address_in_use,    // another process listens there
    connection_lost,   // the peer is gone or cannot be reached
    timed_out,         // no answer in the time given
    too_large,         // above a declared limit
    unsupported,       // well formed, and not offered here
    conflict,          // the state has changed since it was read
    busy,              // a bounded queue or pool is full, or a lock is held
    shutting_down,     // the process refuses new work
};

// Lower-case name of the code, as it stands above.
std::string_view name_of(Errc code);

struct Error {
    Errc code = Errc::invalid_argument;
    std::string message;  // what, where, why; one line, no full stop at the end

    // "message (code)".
    std::string to_string() const;
};

template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
    using std::expected<T, Error>::expected;
};

using Status = Result<void>;

// fail(Errc::not_found, "no topic named x") converts to every Result<T>.
inline std::unexpected<Error> fail(Errc code, std::string message) {
    return std::unexpected<Error>(Error{code, std::move(message)});
}
inline std::unexpected<Error> fail(Error error) {
    return std::unexpected<Error>(std::move(error));
}

}  // namespace millrace

// TRY(result) yields the value, or returns the error from the enclosing function. For Status it stands alone: TRY(status).
#define TRY(...)                                                     \
    ({                                                               \
        auto try_result_ = (__VA_ARGS__);                            \
        if (!try_result_) [[unlikely]] {                             \
            return ::millrace::fail(std::move(try_result_).error()); \
        }                                                            \
        ::millrace::take_value(std::move(try_result_));              \
    })

namespace millrace {
template <class T>
T take_value(Result<T>&& result) {
    return std::move(*result);
}
inline void take_value(Status&&) {}
}  // namespace millrace
