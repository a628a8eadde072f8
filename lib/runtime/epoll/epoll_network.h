// TCP on an EpollLoop.
#pragma once

#include <memory>
#include <set>

#include "lib/runtime/epoll/epoll_loop.h"
#include "lib/runtime/network.h"
#include "lib/runtime/worker_threads.h"

namespace millrace::runtime {

class ConnectAttempt;

// Destroying the network gives up attempts to connect; their callbacks do not come. Streams and listeners live on.
class EpollNetwork final : public Network {
 public:
    explicit EpollNetwork(EpollLoop& loop);
    ~EpollNetwork() override;
    EpollNetwork(const EpollNetwork&) = delete;
    EpollNetwork& operator=(const EpollNetwork&) = delete;

    Result<std::unique_ptr<Listener>> bind(const Endpoint& at, const ListenOptions& options,
                                           AcceptCallback on_accept) override;
    void connect(const Endpoint& to, Duration timeout, ConnectCallback on_connected) override;

 private:
    void resolve_for(const std::shared_ptr<ConnectAttempt>& attempt, const Endpoint& to);

    EpollLoop& x_loop;
    // Attempts under way. Each takes itself out when it ends.
    std::set<std::shared_ptr<ConnectAttempt>> x_attempts;
    WorkerThreads x_resolvers;
};

}  // namespace millrace::runtime
