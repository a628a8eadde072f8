#include "lib/runtime/epoll/connect_attempt.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include "lib/runtime/epoll/epoll_stream.h"
#include "lib/runtime/posix/posix_error.h"

namespace millrace::runtime {

ConnectAttempt::~ConnectAttempt() {
    x_loop.cancel(x_timer);
    drop_socket();
}

void ConnectAttempt::start(Duration timeout, Task forget) {
    x_forget = std::move(forget);
    x_timer = x_loop.run_after(timeout, [this, timeout] {
        x_timer = TimerId::none;
        finish(fail(Errc::timed_out, fmt::format("no connection to {} within {} ms",
                                                 x_to.to_string(), to_millis(timeout))));
    });
}

void ConnectAttempt::on_resolved(Result<std::vector<SocketAddress>> addresses) {
    if (x_on_connected == nullptr) {
        return;
    }
    if (!addresses) {
        finish(fail(std::move(addresses).error()));
        return;
    }
    x_addresses = std::move(*addresses);
    try_next();
}

void ConnectAttempt::try_next() {
    drop_socket();
    while (x_next < x_addresses.size()) {
        if (begin(x_addresses[x_next++])) {
            return;
        }
        drop_socket();
    }
    finish(fail(Errc::connection_lost,
                fmt::format("cannot connect to {}: {}", x_to.to_string(), x_last_error)));
}

bool ConnectAttempt::begin(const SocketAddress& address) {
    Result<OwnedDescriptor> socket = open_socket(address.family());
    if (!socket) {
        x_last_error = socket.error().message;
        return false;
    }
    x_socket = std::move(*socket);
    const int outcome = ::connect(x_socket.get(), address.get(), address.length);
    if (outcome < 0 && errno != EINPROGRESS && errno != EINTR) {
        x_last_error = text_of_errno(errno);
        return false;
    }
    // Also a connection made at once is reported by the first event.
    const Result<WatchId> watch = x_loop.watch(x_socket.get(), *this);
    if (!watch) {
        x_last_error = watch.error().message;
        return false;
    }
    x_watch = *watch;
    x_watched = true;
    return true;
}

void ConnectAttempt::on_events(std::uint32_t events) {
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(x_socket.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) {
        x_last_error = text_of_errno(error);
        try_next();
        return;
    }
    if ((events & EPOLLOUT) != 0) {
        connected();
    }
}

void ConnectAttempt::connected() {
    const SocketAddress peer = x_addresses[x_next - 1];
    x_loop.unwatch(x_socket.get(), x_watch);
    x_watched = false;
    finish(EpollStream::make(x_loop, std::move(x_socket), peer));
}

void ConnectAttempt::drop_socket() {
    if (x_watched) {
        x_loop.unwatch(x_socket.get(), x_watch);
        x_watched = false;
    }
    x_socket.reset();
}

void ConnectAttempt::finish(Result<std::unique_ptr<Stream>> result) {
    drop_socket();
    x_loop.cancel(x_timer);
    x_timer = TimerId::none;
    // forget destroys this object.
    Network::ConnectCallback callback = std::exchange(x_on_connected, nullptr);
    Task forget = std::move(x_forget);
    forget();
    callback(std::move(result));
}

}  // namespace millrace::runtime
