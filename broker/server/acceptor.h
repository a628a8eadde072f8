// The listeners of a broker and the connections that came by them, with the limits on both.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/server/connection.h"
#include "broker/server/listeners.h"
#include "lib/runtime/runtime.h"

namespace millrace::broker::server {

class Acceptor {
 public:
    // config outlives the acceptor; the limits on connections may change in it.
    Acceptor(runtime::Runtime runtime, const Config& config);
    ~Acceptor();

    // Takes every address and fills in the ports that the system chose. Until serve() connections are refused: clients take
    // one that is accepted and ends without an answer for a wrong protocol. Errors: address_in_use, invalid_argument,
    // io_error.
    Status bind(Listeners& listeners);
    // Errors: address_in_use, io_error.
    Status serve(api::Services& services);
    // Takes no more connections and closes those without a request under way.
    void stop();

    std::size_t connection_count() const { return x_connections.size(); }
    const TrafficCounters& counters() const { return x_counters; }
    std::uint64_t refused_connections() const { return x_refused; }

 private:
    void accept(const std::string& listener, std::unique_ptr<runtime::Stream> stream);
    void remove(std::uint64_t id);
    void close_idle();

    struct Held {
        std::unique_ptr<Connection> connection;
        std::string address;
    };
    runtime::Runtime x_runtime;
    ConnectionOptions x_options;
    const Config& x_config;
    api::Services* x_services = nullptr;
    std::vector<std::unique_ptr<runtime::Listener>> x_listeners;
    std::map<std::uint64_t, Held> x_connections;
    std::map<std::string, std::size_t> x_per_address;
    std::uint64_t x_next_id = 1;
    std::uint64_t x_refused = 0;
    TrafficCounters x_counters;
    runtime::TimerId x_idle_timer = runtime::TimerId::none;
};

}  // namespace millrace::broker::server
