// CPU time per echoed frame of 104 bytes: a server on one thread, clients on another, 64 connections over loopback. Only the
// server's thread is counted. Our loop runs beside a bound stub, which does nothing but recv and send: what the kernel costs.
// Usage: runtime_echo [SECONDS_PER_RUN]
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <thread>

#include "lib/base/check.h"
#include "lib/runtime/epoll/epoll_network.h"
#include "lib/runtime/epoll/socket.h"

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

    void run_turn() { loop.run_turn(10ms); }
    Endpoint local() const { return listener->local(); }
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

// The same service with one buffer, one recv and one send.
struct StubServer {
    OwnedDescriptor listener;
    OwnedDescriptor epoll{::epoll_create1(EPOLL_CLOEXEC)};
    std::vector<OwnedDescriptor> connections;
    std::vector<std::byte> buffer = std::vector<std::byte>(256 * 1024);
    std::uint64_t echoed_bytes = 0;

    StubServer() {
        SocketAddress address = *numeric_address({"127.0.0.1", 0});
        listener = *open_socket(AF_INET);
        CHECK(::bind(listener.get(), address.get(), address.length) == 0);
        CHECK(::listen(listener.get(), static_cast<int>(kConnections)) == 0);
        watch(listener.get());
    }

    void watch(int descriptor) {
        epoll_event event{};
        event.events = EPOLLIN | EPOLLET;
        event.data.fd = descriptor;
        CHECK(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, descriptor, &event) == 0);
    }

    void accept_all() {
        for (;;) {
            OwnedDescriptor taken(
                ::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (!taken.is_open()) {
                return;
            }
            prepare_connection(taken.get());
            watch(taken.get());
            connections.push_back(std::move(taken));
        }
    }

    void run_turn() {
        std::array<epoll_event, 256> events{};
        const int count = ::epoll_wait(epoll.get(), events.data(), events.size(), 10);
        for (int i = 0; i < count; ++i) {
            const int socket = events[static_cast<std::size_t>(i)].data.fd;
            if (socket == listener.get()) {
                accept_all();
                continue;
            }
            const ssize_t received = ::recv(socket, buffer.data(), buffer.size(), 0);
            if (received > 0) {
                const auto size = static_cast<std::size_t>(received);
                static_cast<void>(::send(socket, buffer.data(), size, MSG_NOSIGNAL));
                echoed_bytes += size;
            }
        }
    }
    std::uint64_t frames() const { return echoed_bytes / kFrameBytes; }
    Endpoint local() const { return local_address(listener.get()).to_endpoint(); }
};

double wall_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

// Microseconds of CPU per frame.
template <class Server>
double measure(std::string_view name, std::size_t depth, double seconds) {
    Server server;
    std::atomic<bool> stop = false;
    std::thread clients([&, to = server.local()] { run_clients(to, depth, stop); });
    const auto run_for = [&server](double length) {
        const double end = wall_seconds() + length;
        while (wall_seconds() < end) {
            server.run_turn();
        }
    };
    run_for(0.2);
    const double cpu_before = thread_cpu_seconds();
    const std::uint64_t frames_before = server.frames();
    run_for(seconds);
    const double cpu = thread_cpu_seconds() - cpu_before;
    const auto frames = static_cast<double>(server.frames() - frames_before);
    stop = true;
    // The last answers let the clients go.
    run_for(0.02);
    clients.join();
    const double per_frame = cpu / frames * 1e6;
    fmt::print("{:<5} depth {:>2}: {:.3f} us of CPU per frame, {:.0f} frames/s\n", name, depth,
               per_frame, frames / seconds);
    return per_frame;
}

}  // namespace
}  // namespace millrace::runtime

int main(int argc, char** argv) {
    using namespace millrace::runtime;
    const double seconds = argc > 1 ? std::atof(argv[1]) : 2.0;
    for (const std::size_t depth : {std::size_t{1}, std::size_t{16}}) {
        const double stub = measure<StubServer>("stub", depth, seconds);
        const double ours = measure<EchoServer>("ours", depth, seconds);
        fmt::print("ratio depth {:>2}: {:.2f}\n", depth, ours / stub);
    }
    return 0;
}
