#include "lib/runtime/epoll/socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <cstring>

#include "lib/runtime/posix/posix_error.h"

namespace millrace::runtime {
namespace {

constexpr std::size_t kAddressesMax = 32;

using AddressList = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

// Returns the resolver's error code, 0 for success.
int look_up(const Endpoint& endpoint, int flags, AddressList& list) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const std::string port = std::to_string(endpoint.port);
    const int error = ::getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &found);
    if (error == 0) {
        list.reset(found);
    }
    return error;
}

SocketAddress address_of(const addrinfo& info) {
    SocketAddress address;
    std::memcpy(&address.storage, info.ai_addr, info.ai_addrlen);
    address.length = info.ai_addrlen;
    return address;
}

}  // namespace

Endpoint SocketAddress::to_endpoint() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (family() == AF_INET) {
        sockaddr_in ipv4{};
        std::memcpy(&ipv4, &storage, sizeof ipv4);
        ::inet_ntop(AF_INET, &ipv4.sin_addr, text.data(), text.size());
        return {text.data(), ntohs(ipv4.sin_port)};
    }
    if (family() != AF_INET6) {
        return {};
    }
    sockaddr_in6 ipv6{};
    std::memcpy(&ipv6, &storage, sizeof ipv6);
    if (IN6_IS_ADDR_V4MAPPED(&ipv6.sin6_addr)) {
        ::inet_ntop(AF_INET, &ipv6.sin6_addr.s6_addr[12], text.data(), text.size());
    } else {
        ::inet_ntop(AF_INET6, &ipv6.sin6_addr, text.data(), text.size());
    }
    return {text.data(), ntohs(ipv6.sin6_port)};
}

std::optional<SocketAddress> numeric_address(const Endpoint& endpoint) {
    AddressList list(nullptr, &::freeaddrinfo);
    if (endpoint.host.empty() || look_up(endpoint, AI_NUMERICHOST, list) != 0) {
        return std::nullopt;
    }
    return address_of(*list);
}

Result<std::vector<SocketAddress>> resolve(const Endpoint& endpoint) {
    AddressList list(nullptr, &::freeaddrinfo);
    const int error = look_up(endpoint, AI_ADDRCONFIG, list);
    if (error != 0) {
        return fail(Errc::connection_lost,
                    fmt::format("cannot resolve {}: {}", endpoint.host, ::gai_strerror(error)));
    }
    std::vector<SocketAddress> addresses;
    for (const int family : {AF_INET, AF_INET6}) {
        for (const addrinfo* info = list.get(); info != nullptr; info = info->ai_next) {
            if (info->ai_family == family && addresses.size() < kAddressesMax) {
                addresses.push_back(address_of(*info));
            }
        }
    }
    if (addresses.empty()) {
        return fail(Errc::connection_lost, fmt::format("{} has no address", endpoint.host));
    }
    return addresses;
}

Result<OwnedDescriptor> open_socket(int family) {
    const int descriptor = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return fail_errno(errno, "open", "socket");
    }
    return OwnedDescriptor(descriptor);
}

void prepare_connection(int socket) {
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

SocketAddress local_address(int socket) {
    SocketAddress address;
    ::getsockname(socket, address.get(), &address.length);
    return address;
}

}  // namespace millrace::runtime
