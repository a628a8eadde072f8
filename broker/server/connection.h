// One client: frames in, answers out in the order of the requests. Several requests may be under way at once; their number and
// the bytes that wait are bounded, and a client above the bounds is not read until it has taken its answers.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "broker/api/api_dispatch.h"
#include "lib/runtime/network.h"

namespace millrace::broker::server {

struct ConnectionOptions {
    std::string listener;
    std::size_t request_bytes_max = 100 << 20;     // socket.request.max.bytes
    std::size_t requests_max = 64;                 // under way on this connection
    Duration idle_max = std::chrono::minutes(10);  // connections.max.idle.ms
};

// Totals of all connections of a broker.
struct TrafficCounters {
    std::uint64_t requests = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t refused = 0;  // connections closed for a request that could not be answered
};

class Connection : public runtime::StreamHandler {
 public:
    // on_end is called once, in a later turn than the end itself; the owner destroys the connection then.
    Connection(api::Services& services, std::unique_ptr<runtime::Stream> stream,
               const ConnectionOptions& options, TrafficCounters& counters,
               std::function<void()> on_end);
    ~Connection() override;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    std::size_t on_bytes(BytesView bytes) override;
    void on_closed(const Status& why) override;
    void on_writable() override;

    Instant last_active() const { return x_last_active; }
    bool idle() const { return x_slots.empty(); }
    void close();

 private:
    class Slot;

    void handle_frame(BytesView frame);
    void send_ready();
    void send(wire::Writer frame, std::vector<api::FilePiece>& pieces);
    void refuse(const Error& why);
    void end();
    void tell_gone();
    void update_reading();

    api::Services& x_services;
    std::unique_ptr<runtime::Stream> x_stream;
    ConnectionOptions x_options;
    TrafficCounters& x_counters;
    std::function<void()> x_on_end;
    std::string x_client_host;
    std::deque<std::shared_ptr<Slot>> x_slots;  // in the order of the requests
    Instant x_last_active;
    bool x_paused = false;
    bool x_ended = false;
    std::shared_ptr<bool> x_alive;
};

}  // namespace millrace::broker::server
