#include "tests/sim/sim_network.h"

#include <fmt/format.h>

#include "tests/sim/sim_stream.h"

namespace millrace::sim {

namespace {

constexpr std::uint16_t kFirstChosenPort = 50'000;

}  // namespace

class SimListener : public runtime::Listener {
 public:
    SimListener(SimNetwork& network, runtime::Endpoint at, SimNetwork::AcceptCallback on_accept)
        : x_network(network), x_at(std::move(at)), x_on_accept(std::move(on_accept)) {}
    ~SimListener() override { x_network.x_listening.erase(x_at.port); }
    SimListener(const SimListener&) = delete;
    SimListener& operator=(const SimListener&) = delete;
    Status listen() override {
        x_network.x_listening.at(x_at.port) = x_on_accept;
        return {};
    }
    runtime::Endpoint local() const override { return x_at; }

 private:
    SimNetwork& x_network;
    runtime::Endpoint x_at;
    SimNetwork::AcceptCallback x_on_accept;
};

Fabric::Fabric(EventQueue& events, Trace& trace, std::uint64_t seed)
    : x_events(events), x_trace(trace), x_random(seed) {
    x_delay_mean_micros = std::array{50, 200, 1'000, 5'000}[x_random.below(4)];
}

Duration Fabric::delay(const std::string& from, const std::string& to) {
    std::int64_t micros = x_random.between(x_delay_mean_micros / 4, x_delay_mean_micros * 2);
    if (x_random.chance(0.01)) {
        micros += x_random.between(20'000, 250'000);  // a lost packet, sent again
    }
    for (const std::string& host : {from, to}) {
        const auto extra = x_extra.find(host);
        if (extra != x_extra.end() && extra->second > 0s) {
            micros += x_random.between(0, extra->second / 1us);
        }
    }
    return std::chrono::microseconds(micros);
}

void Fabric::send(const std::shared_ptr<Wire>& wire, std::size_t to_side, Segment segment) {
    Wire::End& end = wire->ends[to_side];
    const Duration travels = delay(wire->ends[1 - to_side].host, end.host);
    end.last_arrival = std::max(end.last_arrival, x_events.now() + travels);
    end.flight_bytes += segment.bytes.size();
    end.flight.push_back(std::move(segment));
    x_events.at(end.last_arrival, [this, wire, to_side] { arrive(wire, to_side); });
}

void Fabric::opened(const std::shared_ptr<Wire>& wire) {
    std::erase_if(x_wires, [](const std::weak_ptr<Wire>& gone) { return gone.expired(); });
    x_wires.push_back(wire);
}

void Fabric::reset_connections(const std::string& host, double probability) {
    for (const std::weak_ptr<Wire>& known : x_wires) {
        const std::shared_ptr<Wire> wire = known.lock();
        const bool concerned =
            wire != nullptr && (wire->ends[0].host == host || wire->ends[1].host == host);
        if (!concerned || !x_random.chance(probability)) {
            continue;
        }
        for (std::size_t side = 0; side < wire->ends.size(); ++side) {
            wire->ends[side].flight.clear();
            wire->ends[side].flight_bytes = 0;
            send(wire, side, {Segment::Kind::reset, {}});
        }
    }
}

void Fabric::arrive(const std::shared_ptr<Wire>& wire, std::size_t side) {
    Wire::End& end = wire->ends[side];
    if (end.flight.empty()) {
        return;
    }
    if (is_cut(wire->ends[1 - side].host, end.host) || !x_hosts.contains(end.host)) {
        // Sent again later, and everything behind it after it.
        const Instant again = x_events.now() + std::chrono::milliseconds(x_random.between(50, 400));
        end.last_arrival = std::max(end.last_arrival, again);
        x_events.at(again, [this, wire, side] { arrive(wire, side); });
        return;
    }
    if (end.stream != nullptr && end.loop->paused()) {
        x_events.at(end.loop->paused_until(), [this, wire, side] { arrive(wire, side); });
        return;
    }
    Segment segment = std::move(end.flight.front());
    end.flight.pop_front();
    end.flight_bytes -= segment.bytes.size();
    x_trace.record(
        x_events.now(), end.host, "segment",
        fmt::format("{}:{} kind {} bytes {} crc {:08x}{}", wire->ends[1 - side].host,
                    wire->ends[1].port, static_cast<int>(segment.kind), segment.bytes.size(),
                    wire::crc32c(segment.bytes), end.stream == nullptr ? " nobody" : ""));
    if (end.stream != nullptr) {
        end.loop->turn([stream = end.stream, moved = std::move(segment)]() mutable {
            stream->receive(std::move(moved));
        });
    } else if (segment.kind == Segment::Kind::data) {
        send(wire, 1 - side, {Segment::Kind::reset, {}});
    }
}

void Fabric::ask(const std::string& from, const runtime::Endpoint& to, std::uint64_t attempt,
                 Instant until) {
    if (x_events.now() > until) {
        return;  // the caller's own timeout answers
    }
    const auto host = x_hosts.find(to.host);
    const bool answers = host != x_hosts.end() && !is_cut(from, to.host) &&
                         !is_cut(to.host, from) &&
                         (host->second == nullptr || !host->second->loop().paused());
    if (!answers) {
        x_events.after(500ms, [this, from, to, attempt, until] { ask(from, to, attempt, until); });
        return;
    }
    const Instant answered = x_events.now() + delay(to.host, from);
    std::shared_ptr<Wire> wire;
    if (host->second != nullptr) {
        wire = host->second->accept(from, to.port, answered);
    }
    x_events.at(answered, [this, from, attempt, wire] { answer(from, attempt, wire); });
}

void Fabric::answer(const std::string& to, std::uint64_t attempt, std::shared_ptr<Wire> wire) {
    const auto host = x_hosts.find(to);
    const bool is_up = host != x_hosts.end() && host->second != nullptr;
    if (is_up && host->second->loop().paused()) {
        x_events.at(host->second->loop().paused_until(),
                    [this, to, attempt, wire] { answer(to, attempt, wire); });
    } else if (is_up) {
        host->second->connected(attempt, std::move(wire));
    } else if (wire != nullptr) {
        send(wire, 1, {Segment::Kind::reset, {}});
    }
}

SimNetwork::SimNetwork(Fabric& fabric, SimLoop& loop, std::string host)
    : x_fabric(fabric), x_loop(loop), x_host(std::move(host)) {
    // Attempts of an earlier life must not be taken for those of this one.
    x_attempts_made = fabric.random().next() & 0xffffffffU;
}

Result<std::unique_ptr<runtime::Listener>> SimNetwork::bind(const runtime::Endpoint& at,
                                                            const runtime::ListenOptions&,
                                                            AcceptCallback on_accept) {
    runtime::Endpoint bound{x_host, at.port};
    if (bound.port == 0) {
        bound.port = kFirstChosenPort;
        while (x_listening.contains(bound.port)) {
            ++bound.port;
        }
    }
    if (!x_listening.emplace(bound.port, nullptr).second) {
        return fail(Errc::address_in_use, bound.to_string() + " is in use");
    }
    return std::make_unique<SimListener>(*this, bound, std::move(on_accept));
}

void SimNetwork::connect(const runtime::Endpoint& to, Duration timeout,
                         ConnectCallback on_connected) {
    const std::uint64_t attempt = ++x_attempts_made;
    x_attempts.emplace(attempt, Attempt{to, std::move(on_connected)});
    x_loop.turn_after(timeout, [this, attempt] { fail_attempt(attempt, Errc::timed_out); });
    if (x_silent) {
        return;
    }
    x_fabric.events().after(
        x_fabric.delay(x_host, to.host),
        [&fabric = x_fabric, from = x_host, to, attempt, until = x_loop.now() + timeout] {
            fabric.ask(from, to, attempt, until);
        });
}

std::shared_ptr<Wire> SimNetwork::accept(const std::string& from, std::uint16_t port,
                                         Instant answered) {
    const auto listening = x_listening.find(port);
    if (listening == x_listening.end() || listening->second == nullptr) {
        return nullptr;
    }
    auto wire = std::make_shared<Wire>();
    wire->ends[0].host = from;
    wire->ends[0].port = x_next_port++;
    // What a server says first arrives behind the answer.
    wire->ends[0].last_arrival = answered + Duration{1};
    wire->ends[1].host = x_host;
    wire->ends[1].port = port;
    x_fabric.opened(wire);
    x_loop.turn([this, wire, port] {
        // Looked up again: the turn may have begun with the end of the listener.
        const auto found = x_listening.find(port);
        if (found != x_listening.end()) {
            const AcceptCallback callback = found->second;
            callback(std::make_unique<SimStream>(*this, wire, 1));
        }
    });
    return wire;
}

void SimNetwork::connected(std::uint64_t attempt, std::shared_ptr<Wire> wire) {
    const auto found = x_attempts.find(attempt);
    if (found == x_attempts.end()) {
        if (wire != nullptr) {
            x_fabric.send(wire, 1, {Segment::Kind::reset, {}});
        }
        return;
    }
    if (wire == nullptr) {
        x_loop.turn([this, attempt] { fail_attempt(attempt, Errc::connection_lost); });
        return;
    }
    ConnectCallback then = std::move(found->second.then);
    x_attempts.erase(found);
    x_loop.turn([this, &wire, &then] {
        then(std::unique_ptr<runtime::Stream>(std::make_unique<SimStream>(*this, wire, 0)));
    });
}

void SimNetwork::fail_attempt(std::uint64_t attempt, Errc code) {
    auto found = x_attempts.extract(attempt);
    if (!found.empty()) {
        found.mapped().then(
            fail(code, fmt::format("no connection to {}", found.mapped().to.to_string())));
    }
}

void SimNetwork::end() {
    std::exchange(x_attempts, {}).clear();
    std::exchange(x_listening, {}).clear();
}

}  // namespace millrace::sim
