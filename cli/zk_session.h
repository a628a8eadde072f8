// The session of the ZooKeeper shell: one request after the other, session events and watches printed as they come.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "cli/event_runner.h"
#include "lib/base/result.h"
#include "lib/zk/client.h"

namespace millrace::cli {

class ZkSession {
 public:
    explicit ZkSession(EventRunner& runner) : x_runner(runner) {}
    ~ZkSession();
    ZkSession(const ZkSession&) = delete;
    ZkSession& operator=(const ZkSession&) = delete;

    // Ends the session there was. Waits until a server has confirmed the new one. Errors: invalid_argument, timed_out,
    // connection_lost when nothing listens at any of the addresses.
    Status connect(const std::string& servers, Duration session_timeout);
    // Ends the session at the server.
    void close();

    bool open() const { return x_client != nullptr; }
    // "CONNECTED", "CONNECTING" or "CLOSED", for the prompt.
    std::string_view state() const;
    const std::string& servers() const { return x_servers; }
    void print_watches(bool on) { x_print_watches = on; }
    bool prints_watches() const { return x_print_watches; }

    // start gets the client and a callback for the answer. open() must hold. Without a connection the answer is
    // connection_loss after a while.
    template <class T, class Start>
    zk::Answer<T> ask(Start start) {
        if (!wait_for_connection()) {
            return {.error = zk::ErrorCode::connection_loss, .value = {}, .zxid = 0};
        }
        return x_runner.await<zk::Answer<T>>(
            [&](zk::Callback<T> then) { start(*x_client, std::move(then)); });
    }
    // Prints the event of a watch; empty when watches are not wanted.
    zk::Watcher watcher(bool wanted);

 private:
    bool wait_for_connection();
    bool settled() const { return x_client->connected() || x_client->expired(); }
    bool somebody_listens(const std::vector<runtime::Endpoint>& servers);
    void on_event(zk::SessionEvent event);
    void print(const std::string& text) const;

    EventRunner& x_runner;
    std::unique_ptr<zk::Client> x_client;
    std::string x_servers;
    bool x_print_watches = true;
};

}  // namespace millrace::cli
