// Runs a ClientSession over real connections: chooses servers, connects, keeps the timer, carries bytes.
#pragma once

#include <functional>
#include <memory>

#include "lib/runtime/loop.h"
#include "lib/runtime/network.h"
#include "lib/zk/client.h"
#include "lib/zk/client_session.h"

namespace millrace::zk {

class ClientDriver : public std::enable_shared_from_this<ClientDriver> {
 public:
    ClientDriver(runtime::Loop& loop, runtime::Network& network, ClientOptions options,
                 std::function<void(SessionEvent)> on_event);

    void start();
    // The client is gone: nothing is called back from here on.
    void abandon();
    void close(runtime::Task then);

    void submit(ClientSession::Request request);
    void add_auth(std::string scheme, Bytes credentials, ClientSession::Reply then);

    const ClientSession& session() const { return x_session; }
    const std::string& chroot() const { return x_options.servers.chroot; }

 private:
    // One connection; what arrives after the driver has dropped it is thrown away.
    struct Connection : runtime::StreamHandler {
        explicit Connection(ClientDriver& owner) : driver(&owner) {}
        std::size_t on_bytes(BytesView bytes) override;
        void on_closed(const Status& why) override;

        ClientDriver* driver;  // null once dropped
        std::unique_ptr<runtime::Stream> stream;
    };

    void connect_next();
    void on_connect(Result<std::unique_ptr<runtime::Stream>> result);
    void on_connection_end(std::string_view why);
    // After every event: drops a useless connection, sends what there is, sets the timer.
    void settle();
    void drop_connection();
    void send_at_turn_end();
    void arm_timer();
    Duration connect_timeout() const;

    runtime::Loop& x_loop;
    runtime::Network& x_network;
    ClientOptions x_options;
    ClientSession x_session;
    std::shared_ptr<Connection> x_connection;
    std::size_t x_next_server = 0;
    std::size_t x_failures = 0;  // attempts since a session was last confirmed
    bool x_send_scheduled = false;
    bool x_refused_scheduled = false;
    bool x_abandoned = false;
    runtime::TimerId x_timer = runtime::TimerId::none;  // the session's deadline
    Instant x_timer_at;
    runtime::TimerId x_connect_timer = runtime::TimerId::none;
};

}  // namespace millrace::zk
