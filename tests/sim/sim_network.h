// Ordered byte streams between machines, by host name. Bytes travel in segments of random sizes and arrive after random
// delays. Where a link is cut, in one direction or both, segments wait and connections cannot be made, as with TCP; a machine
// without power stays silent, one whose process ended answers with a reset, one that is paused takes everything later.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/runtime/network.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/sim_loop.h"
#include "tests/sim/trace.h"

namespace millrace::sim {

class SimNetwork;
class SimStream;

struct Segment {
    enum class Kind { data, end, reset };
    Kind kind = Kind::data;
    Bytes bytes;
};

// One connection. Side 0 is the one that asked for it.
struct Wire {
    struct End {
        std::string host;
        std::uint16_t port = 0;
        SimStream* stream = nullptr;  // null: closed at this end
        SimLoop* loop = nullptr;      // valid while stream is set
        // On the way to this end.
        std::deque<Segment> flight;
        std::size_t flight_bytes = 0;
        Instant last_arrival;
    };
    std::array<End, 2> ends;
};

// What lies between the machines.
class Fabric {
 public:
    Fabric(EventQueue& events, Trace& trace, std::uint64_t seed);

    // Nothing gets from one machine to the other; the other direction is not touched.
    void cut(const std::string& from, const std::string& to) { x_cuts.emplace(from, to); }
    // False when it was not cut.
    bool heal(const std::string& from, const std::string& to) {
        return x_cuts.erase({from, to}) > 0;
    }
    // Up to so much is added to the delay of what goes to the machine or comes from it; 0: nothing any more.
    void slow(const std::string& host, Duration extra) { x_extra[host] = extra; }
    // Breaks each connection of the machine with the given probability; both ends hear of it, what is on the way is lost.
    void reset_connections(const std::string& host, double probability);

    EventQueue& events() { return x_events; }
    Random& random() { return x_random; }
    Duration delay(const std::string& from, const std::string& to);
    // A machine with power, whose process may be down (null), or one without.
    void attach(const std::string& host, SimNetwork* network) { x_hosts[host] = network; }
    void unplug(const std::string& host) { x_hosts.erase(host); }

    void send(const std::shared_ptr<Wire>& wire, std::size_t to_side, Segment segment);
    void ask(const std::string& from, const runtime::Endpoint& to, std::uint64_t attempt,
             Instant until);
    void opened(const std::shared_ptr<Wire>& wire);

 private:
    bool is_cut(const std::string& from, const std::string& to) const {
        return x_cuts.contains({from, to});
    }
    void arrive(const std::shared_ptr<Wire>& wire, std::size_t side);
    void answer(const std::string& to, std::uint64_t attempt, std::shared_ptr<Wire> wire);

    EventQueue& x_events;
    Trace& x_trace;
    Random x_random;
    std::map<std::string, SimNetwork*> x_hosts;
    std::set<std::pair<std::string, std::string>> x_cuts;  // from, to
    std::map<std::string, Duration> x_extra;
    std::vector<std::weak_ptr<Wire>> x_wires;
    std::int64_t x_delay_mean_micros;
};

// The network as one life of a machine sees it.
class SimNetwork : public runtime::Network {
 public:
    SimNetwork(Fabric& fabric, SimLoop& loop, std::string host);

    Result<std::unique_ptr<runtime::Listener>> bind(const runtime::Endpoint& at,
                                                    const runtime::ListenOptions& options,
                                                    AcceptCallback on_accept) override;
    void connect(const runtime::Endpoint& to, Duration timeout,
                 ConnectCallback on_connected) override;
    // The life is over. Without power, the peers of its streams hear nothing.
    void end();
    void go_silent() { x_silent = true; }
    bool silent() const { return x_silent; }

    Fabric& fabric() { return x_fabric; }
    SimLoop& loop() { return x_loop; }

 private:
    friend class Fabric;
    friend class SimListener;

    // Both from the fabric.
    std::shared_ptr<Wire> accept(const std::string& from, std::uint16_t port, Instant answered);
    void connected(std::uint64_t attempt, std::shared_ptr<Wire> wire);
    void fail_attempt(std::uint64_t attempt, Errc code);

    struct Attempt {
        runtime::Endpoint to;
        ConnectCallback then;
    };

    Fabric& x_fabric;
    SimLoop& x_loop;
    std::string x_host;
    // By port. Empty while bound only.
    std::map<std::uint16_t, AcceptCallback> x_listening;
    std::map<std::uint64_t, Attempt> x_attempts;
    std::uint64_t x_attempts_made = 0;
    std::uint16_t x_next_port = 40'000;
    bool x_silent = false;
};

}  // namespace millrace::sim
