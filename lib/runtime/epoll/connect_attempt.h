// One connect: the addresses of a name, tried in turn within one time limit.
#pragma once

#include <memory>
#include <vector>

#include "lib/runtime/epoll/epoll_loop.h"
#include "lib/runtime/epoll/socket.h"
#include "lib/runtime/network.h"

namespace millrace::runtime {

class ConnectAttempt final : private Watched {
 public:
    ConnectAttempt(EpollLoop& loop, Endpoint to, Network::ConnectCallback on_connected)
        : x_loop(loop), x_to(std::move(to)), x_on_connected(std::move(on_connected)) {}
    ~ConnectAttempt() override;
    ConnectAttempt(const ConnectAttempt&) = delete;
    ConnectAttempt& operator=(const ConnectAttempt&) = delete;

    // forget is called once, just before the callback; it lets go of the attempt.
    void start(Duration timeout, Task forget);
    void on_resolved(Result<std::vector<SocketAddress>> addresses);

 private:
    void on_events(std::uint32_t events) override;
    void try_next();
    // False when this address failed at once.
    bool begin(const SocketAddress& address);
    void connected();
    void drop_socket();
    void finish(Result<std::unique_ptr<Stream>> result);

    EpollLoop& x_loop;
    Endpoint x_to;
    Network::ConnectCallback x_on_connected;
    Task x_forget;
    std::vector<SocketAddress> x_addresses;
    std::size_t x_next = 0;
    std::string x_last_error = "the name has no address";
    OwnedDescriptor x_socket;
    WatchId x_watch{};
    bool x_watched = false;
    TimerId x_timer = TimerId::none;
};

}  // namespace millrace::runtime
