// A listening TCP socket on an EpollLoop.
#pragma once

#include <memory>

#include "lib/runtime/epoll/epoll_loop.h"
#include "lib/runtime/epoll/socket.h"
#include "lib/runtime/network.h"

namespace millrace::runtime {

class EpollListener final : public Listener, private Watched {
 public:
    // The socket is bound. backlog: connections that wait to be accepted.
    EpollListener(EpollLoop& loop, OwnedDescriptor socket, int backlog,
                  Network::AcceptCallback on_accept);
    ~EpollListener() override;
    EpollListener(const EpollListener&) = delete;
    EpollListener& operator=(const EpollListener&) = delete;

    Status listen() override;
    Endpoint local() const override { return local_address(x_socket.get()).to_endpoint(); }

 private:
    void on_events(std::uint32_t events) override;
    void on_go_on() override { accept_some(); }

    void accept_some();
    // What is to be done after a failed accept.
    enum class Next { accept_more, wait_for_event };
    Next after_failure(int number);
    // No descriptors are left: takes one connection on the spare descriptor and closes it, so that the peer learns of it
    // and the queue moves on.
    Next refuse_one();
    void retry_later();
    void warn(std::string_view what);

    EpollLoop& x_loop;
    OwnedDescriptor x_socket;
    int x_backlog;
    OwnedDescriptor x_spare;
    WatchId x_watch{};
    bool x_watched = false;
    Network::AcceptCallback x_on_accept;
    TimerId x_retry = TimerId::none;
    Instant x_quiet_until{};      // one warning a second
    std::uint64_t x_refused = 0;  // since the last warning
    bool* x_destroyed = nullptr;  // set by the destructor while a callback runs
};

}  // namespace millrace::runtime
