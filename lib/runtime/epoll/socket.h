// Socket addresses and the few socket calls that streams, listeners and connections share.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/runtime/network.h"
#include "lib/runtime/posix/owned_descriptor.h"

namespace millrace::runtime {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = sizeof(sockaddr_storage);

    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
    int family() const { return storage.ss_family; }
    // IPv4 addresses in IPv6 clothes ("::ffff:10.0.0.1") are shown as IPv4.
    Endpoint to_endpoint() const;
};

// The address when the host is written as one and needs no resolution.
std::optional<SocketAddress> numeric_address(const Endpoint& endpoint);
// Blocks. IPv4 first. Errors: connection_lost, naming the host and the resolver's reason.
Result<std::vector<SocketAddress>> resolve(const Endpoint& endpoint);

// Non-blocking, closed on exec.
Result<OwnedDescriptor> open_socket(int family);
// No delay for short segments, keep-alive probes.
void prepare_connection(int socket);
SocketAddress local_address(int socket);

}  // namespace millrace::runtime
