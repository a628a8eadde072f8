#include "lib/runtime/epoll/epoll_network.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include "lib/runtime/epoll/connect_attempt.h"
#include "lib/runtime/epoll/epoll_listener.h"
#include "lib/runtime/epoll/socket.h"
#include "lib/runtime/posix/posix_error.h"

namespace millrace::runtime {
namespace {

constexpr unsigned kResolverThreads = 4;
constexpr std::size_t kResolutionsMax = 1024;

Result<OwnedDescriptor> bound_socket(const SocketAddress& address, const Endpoint& at,
                                     const ListenOptions& options) {
    OwnedDescriptor socket = TRY(open_socket(address.family()));
    const int on = 1;
    const int off = 0;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (options.reuse_port) {
        ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    }
    if (address.family() == AF_INET6) {
        // All addresses of IPv6 take in those of IPv4.
        const int& only = at.host.empty() ? off : on;
        ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    }
    if (::bind(socket.get(), address.get(), address.length) < 0) {
        return fail_errno(errno, "listen on", at.to_string());
    }
    return socket;
}

Result<SocketAddress> address_to_listen_on(const Endpoint& at) {
    if (const auto numeric = numeric_address(at)) {
        return *numeric;
    }
    const Result<std::vector<SocketAddress>> found = resolve(at);
    if (!found) {
        return fail(Errc::invalid_argument, found.error().message);
    }
    return found->front();
}

}  // namespace

EpollNetwork::EpollNetwork(EpollLoop& loop)
    : x_loop(loop), x_resolvers(kResolverThreads, kResolutionsMax) {}

EpollNetwork::~EpollNetwork() = default;

Result<std::unique_ptr<Listener>> EpollNetwork::bind(const Endpoint& at,
                                                     const ListenOptions& options,
                                                     AcceptCallback on_accept) {
    const bool everywhere = at.host.empty();
    SocketAddress address = TRY(address_to_listen_on({everywhere ? "::" : at.host, at.port}));
    Result<OwnedDescriptor> socket = bound_socket(address, at, options);
    if (!socket && everywhere && socket.error().code != Errc::address_in_use) {
        // A kernel without IPv6.
        address = TRY(address_to_listen_on({"0.0.0.0", at.port}));
        socket = bound_socket(address, at, options);
    }
    return std::make_unique<EpollListener>(x_loop, TRY(std::move(socket)), options.backlog,
                                           std::move(on_accept));
}

void EpollNetwork::connect(const Endpoint& to, Duration timeout, ConnectCallback on_connected) {
    const auto attempt = std::make_shared<ConnectAttempt>(x_loop, to, std::move(on_connected));
    x_attempts.insert(attempt);
    attempt->start(timeout, [this, weak = std::weak_ptr(attempt)] {
        if (const auto ended = weak.lock()) {
            x_attempts.erase(ended);
        }
    });
    if (const auto numeric = numeric_address(to)) {
        x_loop.post([weak = std::weak_ptr(attempt), address = *numeric] {
            if (const auto running = weak.lock()) {
                running->on_resolved(std::vector{address});
            }
        });
        return;
    }
    resolve_for(attempt, to);
}

void EpollNetwork::resolve_for(const std::shared_ptr<ConnectAttempt>& attempt, const Endpoint& to) {
    const bool queued = x_resolvers.submit([&loop = x_loop, weak = std::weak_ptr(attempt), to] {
        loop.post([weak, addresses = resolve(to)]() mutable {
            if (const auto running = weak.lock()) {
                running->on_resolved(std::move(addresses));
            }
        });
    });
    if (!queued) {
        x_loop.post([weak = std::weak_ptr(attempt)] {
            if (const auto running = weak.lock()) {
                running->on_resolved(fail(Errc::busy, "too many names are being resolved"));
            }
        });
    }
}

}  // namespace millrace::runtime
