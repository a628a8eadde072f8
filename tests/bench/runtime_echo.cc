// CPU time per echoed frame of 104 bytes: a server loop on one thread, clients on another, 64 connections over loopback.
// Only the server's thread is counted. Usage: runtime_echo [SECONDS_PER_RUN]
#include <fmt/format.h>
#include <time.h>

#include <atomic>
#include <cstdlib>
#include <deque>
#include <thread>

#include "lib/base/check.h"
#include "lib/runtime/epoll/epoll_network.h"

namespace millrace::runtime {
namespace {

constexpr std::size_t kConnections = 64;
constexpr std::size_t kFrameBytes = 104;

double thread_cpu_seconds() {
    timespec time{};
    CHECK(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// Sends every whole frame back, one piece each as a server does that answers request by request.
struct EchoPeer : StreamHandler {
    std::unique_ptr<Stream> stream;
    std::uint64_t frames = 0;

    std::size_t on_bytes(BytesView bytes) override {
        const std::size_t whole = bytes.size() / kFrameBytes;
        for (std::size_t i = 0; i < whole; ++i) {
            const BytesView frame = bytes.subspan(i * kFrameBytes, kFrameBytes);
            stream->write(Bytes(frame.begin(), frame.end()));
        }
        frames += whole;
        return whole * kFrameBytes;
    }
    void on_closed(const Status&) override { stream.reset(); }
};

// The server's side of a run: loop, peers, and what they cost.
struct EchoServer {
    EpollLoop loop;
    EpollNetwork network{loop};
    std::deque<EchoPeer> peers;
    std::unique_ptr<Listener> listener;

    EchoServer() {
        auto made = network.listen({"127.0.0.1", 0}, {}, [this](std::unique_ptr<Stream> stream) {
            EchoPeer& peer = peers.emplace_back();
            peer.stream = std::move(stream);
            peer.stream->set_handler(&peer);
        });
        CHECK(made.has_value());
        listener = std::move(*made);
    }

    std::uint64_t frames() const {
        std::uint64_t sum = 0;
        for (const EchoPeer& peer : peers) {
            sum += peer.frames;
        }
        return sum;
    }
};

// Keeps `depth` frames under way on each connection until told to stop.
void run_clients(const Endpoint& to, std::size_t depth, const std::atomic<bool>& stop) {
    EpollLoop loop;
    EpollNetwork network(loop);
    std::deque<EchoPeer> peers(kConnections);
    for (EchoPeer& peer : peers) {
        network.connect(to, 5s, [&peer, depth](Result<std::unique_ptr<Stream>> stream) {
            CHECK(stream.has_value());
            peer.stream = std::move(*stream);
            peer.stream->set_handler(&peer);
            peer.stream->write(Bytes(kFrameBytes * depth));
        });
    }
    while (!stop) {
        loop.run_turn(10ms);
    }
}

void measure(std::size_t depth, Duration length) {
    EchoServer server;
    std::atomic<bool> stop = false;
    std::thread clients([&, to = server.listener->local()] { run_clients(to, depth, stop); });
    const auto run_for = [&server](Duration duration) {
        const Instant end = server.loop.now() + duration;
        while (server.loop.now() < end) {
            server.loop.run_turn(10ms);
        }
    };
    run_for(200ms);
    const double cpu_before = thread_cpu_seconds();
    const std::uint64_t frames_before = server.frames();
    const Instant started = server.loop.now();
    run_for(length);
    const double cpu = thread_cpu_seconds() - cpu_before;
    const double wall = static_cast<double>((server.loop.now() - started).count()) * 1e-9;
    const auto frames = static_cast<double>(server.frames() - frames_before);
    fmt::print("depth {:>2}: {:.3f} us of CPU per frame, {:.0f} frames/s, {:.0f}% of a core\n",
               depth, cpu / frames * 1e6, frames / wall, cpu / wall * 100);
    stop = true;
    // The last answers let the clients go.
    run_for(20ms);
    clients.join();
}

}  // namespace
}  // namespace millrace::runtime

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::atof(argv[1]) : 2.0;
    const auto length = millrace::Duration(static_cast<std::int64_t>(seconds * 1e9));
    for (const std::size_t depth : {std::size_t{1}, std::size_t{16}}) {
        millrace::runtime::measure(depth, length);
    }
    return 0;
}
