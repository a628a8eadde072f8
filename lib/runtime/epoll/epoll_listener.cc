#include "lib/runtime/epoll/epoll_listener.h"

#include <fcntl.h>

#include "lib/base/log.h"
#include "lib/runtime/epoll/epoll_stream.h"
#include "lib/runtime/posix/posix_error.h"

namespace millrace::runtime {
namespace {

constexpr int kAcceptsPerTurn = 256;
constexpr Duration kRetryAfter = 100ms;
constexpr Duration kWarningPause = 1s;

OwnedDescriptor open_spare() {
    return OwnedDescriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace

EpollListener::EpollListener(EpollLoop& loop, OwnedDescriptor socket, int backlog,
                             Network::AcceptCallback on_accept)
    : x_loop(loop),
      x_socket(std::move(socket)),
      x_backlog(backlog),
      x_spare(open_spare()),
      x_on_accept(std::move(on_accept)) {}

EpollListener::~EpollListener() {
    if (x_destroyed != nullptr) {
        *x_destroyed = true;
    }
    x_loop.cancel(x_retry);
    if (x_watched) {
        x_loop.unwatch(x_socket.get(), x_watch);
    }
}

Status EpollListener::listen() {
    if (::listen(x_socket.get(), x_backlog) < 0) {
        return fail_errno(errno, "listen on", local().to_string());
    }
    x_watch = TRY(x_loop.watch(x_socket.get(), *this));
    x_watched = true;
    return {};
}

void EpollListener::on_events(std::uint32_t) {
    accept_some();
}

void EpollListener::accept_some() {
    bool destroyed = false;
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
        SocketAddress peer;
        const int descriptor =
            ::accept4(x_socket.get(), peer.get(), &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0) {
            if (after_failure(errno) == Next::wait_for_event) {
                return;
            }
            continue;
        }
        auto stream = EpollStream::make(x_loop, OwnedDescriptor(descriptor), peer);
        if (!stream) {
            warn(stream.error().message);
            continue;
        }
        x_destroyed = &destroyed;
        x_on_accept(std::move(*stream));
        if (destroyed) {
            return;
        }
        x_destroyed = nullptr;
    }
    x_loop.go_on_next_turn(x_watch);
}

EpollListener::Next EpollListener::after_failure(int number) {
    switch (number) {
        case EAGAIN:
            return Next::wait_for_event;
        case EMFILE:
            return refuse_one();
        case ENFILE:
            return refuse_one();
        case ENOBUFS:
            break;
        case ENOMEM:
            break;
        // Errors of one connection, which is gone: EINTR, ECONNABORTED, EPROTO, ENETDOWN and their like.
        default:
            return Next::accept_more;
    }
    warn(text_of_errno(number));
    retry_later();
    return Next::wait_for_event;
}

EpollListener::Next EpollListener::refuse_one() {
    warn("no file descriptors left (see ulimit -n)");
    x_spare.reset();
    const int descriptor = ::accept4(x_socket.get(), nullptr, nullptr, SOCK_CLOEXEC);
    const bool refused = descriptor >= 0;
    OwnedDescriptor(descriptor).reset();
    x_spare = open_spare();
    if (refused && x_spare.is_open()) {
        return Next::accept_more;
    }
    retry_later();
    return Next::wait_for_event;
}

void EpollListener::retry_later() {
    // No event comes for connections that wait already, so the clock has to bring us back.
    x_loop.cancel(x_retry);
    x_retry = x_loop.run_after(kRetryAfter, [this] { accept_some(); });
}

void EpollListener::warn(std::string_view what) {
    x_refused += 1;
    if (x_loop.now() < x_quiet_until) {
        return;
    }
    log_warning("network", "cannot accept connections on {}: {}; {} refused since the last warning",
                local().to_string(), what, x_refused);
    x_refused = 0;
    x_quiet_until = x_loop.now() + kWarningPause;
}

}  // namespace millrace::runtime
