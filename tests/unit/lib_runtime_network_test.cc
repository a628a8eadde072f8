#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/runtime/epoll/epoll_network.h"
#include "lib/runtime/epoll/socket.h"
#include "lib/runtime/posix/posix_file_system.h"
#include "tests/unit/lib_runtime_turns.h"

namespace millrace::runtime {
namespace {

// Collects what arrives; a test replaces consume to behave in another way.
struct Peer : StreamHandler {
    std::unique_ptr<Stream> stream;
    std::string received;
    std::size_t calls = 0;
    bool writable = false;
    std::optional<Status> closed;
    std::function<std::size_t(BytesView)> consume;
    std::function<void()> at_close;

    std::size_t on_bytes(BytesView bytes) override {
        calls += 1;
        if (consume) {
            return consume(bytes);
        }
        received += as_text(bytes);
        return bytes.size();
    }
    void on_closed(const Status& why) override {
        closed = why;
        if (at_close) {
            at_close();
        }
    }
    void on_writable() override { writable = true; }

    void take(std::unique_ptr<Stream> taken) {
        stream = std::move(taken);
        stream->set_handler(this);
    }
};

class NetworkFixture {
 public:
    NetworkFixture() {
        ::signal(SIGPIPE, SIG_IGN);
        listener = *network.listen({"127.0.0.1", 0}, {}, [this](std::unique_ptr<Stream> stream) {
            server.take(std::move(stream));
        });
    }

    void connect() {
        network.connect(listener->local(), 5s, [this](Result<std::unique_ptr<Stream>> stream) {
            client.take(std::move(*stream));
        });
        run([&] { return client.stream != nullptr && server.stream != nullptr; });
    }

    // A plain blocking socket, for what a Stream never does.
    OwnedDescriptor connect_raw() {
        const SocketAddress address = *numeric_address(listener->local());
        OwnedDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::connect(socket.get(), address.get(), address.length) == 0);
        run([&] { return server.stream != nullptr; });
        return socket;
    }

    template <class Condition>
    void run(Condition condition) {
        run_until(loop, condition);
    }

    EpollLoop loop;
    EpollNetwork network{loop};
    std::unique_ptr<Listener> listener;
    Peer server;
    Peer client;
};

std::string pattern(std::size_t size) {
    std::string text(size, ' ');
    for (std::size_t i = 0; i < size; ++i) {
        text[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
    }
    return text;
}

// Consumes frames of a 4-digit length and that many bytes, and hands each to the action.
std::size_t take_frames(BytesView bytes, const std::function<void(std::string_view)>& action) {
    std::size_t done = 0;
    const std::string_view text = as_text(bytes);
    while (text.size() - done >= 8) {
        const auto size = static_cast<std::size_t>(std::stoul(std::string(text.substr(done, 8))));
        if (text.size() - done < 8 + size) {
            break;
        }
        action(text.substr(done + 8, size));
        done += 8 + size;
    }
    return done;
}

std::string frame(std::string_view body) {
    return fmt::format("{:08}{}", body.size(), body);
}

}  // namespace

TEST_CASE_METHOD(NetworkFixture, "many frames in one write are all echoed with few calls") {
    connect();
    server.consume = [&](BytesView bytes) {
        return take_frames(
            bytes, [&](std::string_view body) { server.stream->write(to_bytes(frame(body))); });
    };
    std::string sent;
    for (int i = 0; i < 1000; ++i) {
        sent += frame(fmt::format("frame {}", i));
    }
    client.stream->write(to_bytes(sent));
    run([&] { return client.received.size() == sent.size(); });
    REQUIRE(client.received == sent);
    REQUIRE(server.calls < 50);
}

TEST_CASE_METHOD(NetworkFixture,
                 "a frame of several megabytes that comes in pieces is shown whole") {
    connect();
    const std::string body = pattern(5'000'000);
    server.stream->set_limits({.input_bytes_max = 6'000'000});
    std::vector<std::string> frames;
    server.consume = [&](BytesView bytes) {
        return take_frames(bytes, [&](std::string_view found) { frames.emplace_back(found); });
    };
    for (std::size_t at = 0; at < body.size(); at += 100'000) {
        client.stream->write(to_bytes(at == 0 ? fmt::format("{:08}", body.size()) : ""));
        client.stream->write(to_bytes(body.substr(at, 100'000)));
        loop.run_turn(0ms);
    }
    client.stream->write(to_bytes(frame("next")));
    run([&] { return frames.size() == 2; });
    REQUIRE(frames[0] == body);
    REQUIRE(frames[1] == "next");
}

TEST_CASE_METHOD(NetworkFixture, "more unconsumed bytes than the limit close the stream") {
    connect();
    server.stream->set_limits({.input_bytes_max = 10'000});
    server.consume = [](BytesView) { return std::size_t{0}; };
    client.stream->write(Bytes(9'000));
    run([&] { return server.calls > 0; });
    REQUIRE_FALSE(server.closed.has_value());
    client.stream->write(Bytes(2'000));
    run([&] { return server.closed.has_value(); });
    REQUIRE(server.closed->error().code == Errc::too_large);
}

TEST_CASE_METHOD(NetworkFixture,
                 "a reader that stops fills the queue, and the stream says when it has room") {
    connect();
    server.stream->set_limits({.output_bytes_high = 100'000, .output_bytes_max = 50'000'000});
    client.stream->pause_reading();
    const std::string sent = pattern(20'000'000);
    server.stream->write(to_bytes(sent));
    loop.run_turn(0ms);
    REQUIRE(server.stream->write_queue_full());
    REQUIRE_FALSE(server.writable);
    client.stream->resume_reading();
    run([&] { return server.writable; });
    REQUIRE(server.stream->queued_bytes() <= 50'000);
    run([&] { return client.received.size() == sent.size(); });
    REQUIRE(client.received == sent);
}

TEST_CASE_METHOD(NetworkFixture, "a peer that never reads is cut off at the limit") {
    connect();
    server.stream->set_limits({.output_bytes_high = 1000, .output_bytes_max = 1'000'000});
    client.stream->pause_reading();
    while (!server.closed.has_value()) {
        server.stream->write(Bytes(200'000));
        loop.run_turn(0ms);
    }
    REQUIRE(server.closed->error().code == Errc::too_large);
}

TEST_CASE_METHOD(NetworkFixture, "a stretch of a file arrives between the bytes around it") {
    connect();
    std::string directory = "/tmp/millrace-network-XXXXXX";
    REQUIRE(::mkdtemp(directory.data()) != nullptr);
    const auto files = make_posix_file_system();
    const std::string content = pattern(3'000'000);
    std::shared_ptr<File> file = *files->open(join_path(directory, "segment"), OpenMode::create);
    REQUIRE(file->write_at(0, as_bytes(content)).has_value());
    server.stream->write(to_bytes("header"));
    server.stream->write_file(file, 1000, 2'500'000);
    server.stream->write_file(file, 5, 10);
    server.stream->write(to_bytes("trailer"));
    REQUIRE(server.stream->queued_bytes() == 6 + 2'500'000 + 10 + 7);
    const std::string expected =
        "header" + content.substr(1000, 2'500'000) + content.substr(5, 10) + "trailer";
    run([&] { return client.received.size() == expected.size(); });
    REQUIRE(client.received == expected);

    server.stream->write_file(file, 2'999'000, 2'000);
    run([&] { return server.closed.has_value(); });
    REQUIRE(server.closed->error().code == Errc::io_error);
    REQUIRE(files->remove_tree(directory).has_value());
}

TEST_CASE_METHOD(NetworkFixture,
                 "nothing is shown while reading is paused, and the rest is shown after it") {
    connect();
    server.consume = [&](BytesView bytes) {
        server.received += as_text(bytes.first(1));
        server.stream->pause_reading();
        return std::size_t{1};
    };
    client.stream->write(to_bytes("abc"));
    run([&] { return server.received == "a"; });
    client.stream->write(to_bytes("d"));
    for (int i = 0; i < 5; ++i) {
        loop.run_turn(1ms);
    }
    REQUIRE(server.received == "a");
    for (const std::string_view expected : {"ab", "abc", "abcd"}) {
        server.stream->resume_reading();
        run([&] { return server.received == expected; });
    }
}

TEST_CASE_METHOD(NetworkFixture, "close sends what is queued and then tells both sides") {
    connect();
    const std::string sent = pattern(8'000'000);
    server.stream->write(to_bytes(sent));
    server.stream->close();
    server.stream->write(to_bytes("too late"));
    run([&] { return client.closed.has_value() && server.closed.has_value(); });
    REQUIRE(client.closed->has_value());
    REQUIRE(server.closed->has_value());
    REQUIRE(client.received == sent);
}

TEST_CASE_METHOD(NetworkFixture, "a peer that ends its sending side still gets the answer") {
    const OwnedDescriptor raw = connect_raw();
    server.consume = [&](BytesView bytes) {
        if (as_text(bytes) != "ruok") {
            return std::size_t{0};
        }
        server.stream->write(Bytes(2'000'000, std::byte{'x'}));
        return bytes.size();
    };
    REQUIRE(::write(raw.get(), "ruok", 4) == 4);
    REQUIRE(::shutdown(raw.get(), SHUT_WR) == 0);
    std::size_t received = 0;
    std::array<char, 100'000> buffer{};
    while (received < 2'000'000) {
        loop.run_turn(10ms);
        const ssize_t count = ::recv(raw.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        REQUIRE(count != 0);
        received += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    run([&] { return server.closed.has_value(); });
    REQUIRE(server.closed->has_value());
}

TEST_CASE_METHOD(NetworkFixture,
                 "an answer written at the end of the turn outruns the peer's end that came with "
                 "the question") {
    server.consume = [&](BytesView bytes) {
        loop.at_turn_end([&] {
            server.stream->write(to_bytes("imok"));
            server.stream->close();
        });
        return bytes.size();
    };
    const OwnedDescriptor socket = connect_raw();
    // Both are there before the loop looks: a shell's "echo ruok | nc" does this.
    REQUIRE(::send(socket.get(), "ruok", 4, 0) == 4);
    REQUIRE(::shutdown(socket.get(), SHUT_WR) == 0);
    run([&] { return server.closed.has_value(); });
    std::array<char, 8> answer{};
    REQUIRE(::recv(socket.get(), answer.data(), answer.size(), 0) == 4);
    REQUIRE(std::string_view(answer.data(), 4) == "imok");
}

TEST_CASE_METHOD(NetworkFixture, "a reset by the peer is an error, also while reading is paused") {
    OwnedDescriptor raw = connect_raw();
    server.stream->pause_reading();
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    REQUIRE(::setsockopt(raw.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    raw.reset();
    run([&] { return server.closed.has_value(); });
    REQUIRE(server.closed->error().code == Errc::connection_lost);
}

TEST_CASE_METHOD(NetworkFixture, "sending to a peer that is gone ends in connection_lost") {
    OwnedDescriptor raw = connect_raw();
    server.stream->pause_reading();
    raw.reset();
    while (!server.closed.has_value()) {
        server.stream->write(to_bytes("anybody there"));
        loop.run_turn(1ms);
    }
    REQUIRE(server.closed->error().code == Errc::connection_lost);
}

TEST_CASE_METHOD(NetworkFixture, "a stream may be destroyed in on_bytes") {
    connect();
    server.consume = [&](BytesView bytes) {
        server.stream->write(to_bytes("never sent"));
        server.stream.reset();
        return bytes.size();
    };
    client.stream->write(to_bytes("x"));
    run([&] { return client.closed.has_value(); });
    REQUIRE(server.calls == 1);
    REQUIRE_FALSE(server.closed.has_value());
    REQUIRE(client.received.empty());
}

TEST_CASE_METHOD(NetworkFixture, "a stream may be destroyed in on_closed") {
    connect();
    server.at_close = [&] { server.stream.reset(); };
    client.stream.reset();
    run([&] { return server.closed.has_value(); });
    REQUIRE(server.stream == nullptr);
}

TEST_CASE_METHOD(NetworkFixture,
                 "one stream does not hold a turn for more than one buffer of bytes") {
    connect();
    std::size_t longest = 0;
    std::size_t total = 0;
    server.consume = [&](BytesView bytes) {
        longest = std::max(longest, bytes.size());
        total += bytes.size();
        return bytes.size();
    };
    client.stream->write(Bytes(10'000'000));
    run([&] { return total == 10'000'000; });
    REQUIRE(longest <= EpollLoop::kReadBufferBytes);
}

TEST_CASE("a thousand connections are accepted and echoed") {
    EpollLoop loop;
    EpollNetwork network(loop);
    std::deque<Peer> servers;
    std::deque<Peer> clients(1000);
    const auto listener = *network.listen({"", 0}, {}, [&](std::unique_ptr<Stream> stream) {
        Peer& peer = servers.emplace_back();
        peer.consume = [&peer](BytesView bytes) {
            peer.stream->write(Bytes(bytes.begin(), bytes.end()));
            return bytes.size();
        };
        peer.take(std::move(stream));
    });
    const Endpoint to{"127.0.0.1", listener->local().port};
    for (std::size_t i = 0; i < clients.size(); ++i) {
        network.connect(to, 10s, [&clients, i](Result<std::unique_ptr<Stream>> stream) {
            clients[i].take(std::move(*stream));
            clients[i].stream->write(to_bytes(fmt::format("{:04}", i)));
        });
    }
    run_until(loop, [&] {
        return std::ranges::all_of(clients,
                                   [](const Peer& peer) { return peer.received.size() == 4; });
    });
    for (std::size_t i = 0; i < clients.size(); ++i) {
        REQUIRE(clients[i].received == fmt::format("{:04}", i));
    }
    REQUIRE(servers.size() == 1000);
    REQUIRE(servers[0].stream->peer().host == "127.0.0.1");
}

TEST_CASE("a connection to a closed port fails, and not before the call returns") {
    EpollLoop loop;
    EpollNetwork network(loop);
    auto listener = *network.listen({"127.0.0.1", 0}, {}, [](std::unique_ptr<Stream>) {});
    const Endpoint closed = listener->local();
    listener.reset();
    std::optional<Errc> refused;
    network.connect(closed, 5s,
                    [&](Result<std::unique_ptr<Stream>> stream) { refused = stream.error().code; });
    REQUIRE_FALSE(refused.has_value());
    run_until(loop, [&] { return refused.has_value(); });
    REQUIRE(*refused == Errc::connection_lost);
}

TEST_CASE("a connection that is not made in time ends in timed_out") {
    EpollLoop loop;
    EpollNetwork network(loop);
    // A backlog of one whose places are taken: further requests to connect get no answer.
    OwnedDescriptor full = *open_socket(AF_INET);
    SocketAddress address = *numeric_address({"127.0.0.1", 0});
    REQUIRE(::bind(full.get(), address.get(), address.length) == 0);
    REQUIRE(::listen(full.get(), 0) == 0);
    const Endpoint to = local_address(full.get()).to_endpoint();
    std::vector<Result<std::unique_ptr<Stream>>> ends;
    for (int i = 0; i < 8; ++i) {
        network.connect(to, 200ms, [&](Result<std::unique_ptr<Stream>> end) {
            ends.push_back(std::move(end));
        });
    }
    run_until(loop, [&] { return ends.size() == 8; });
    REQUIRE(ends.back().error().code == Errc::timed_out);
}

TEST_CASE("names are resolved, and unknown ones are told with their name") {
    EpollLoop loop;
    EpollNetwork network(loop);
    bool accepted = false;
    const auto listener =
        *network.listen({"localhost", 0}, {}, [&](std::unique_ptr<Stream>) { accepted = true; });
    std::optional<std::string> failure;
    network.connect({"localhost", listener->local().port}, 5s,
                    [](Result<std::unique_ptr<Stream>>) {});
    network.connect({"no-such-host.invalid", 1}, 15s, [&](Result<std::unique_ptr<Stream>> stream) {
        failure = stream.error().message;
    });
    run_until(loop, [&] { return accepted && failure.has_value(); });
    REQUIRE(failure->find("no-such-host.invalid") != std::string::npos);
}

TEST_CASE("a port in use is told as such") {
    EpollLoop loop;
    EpollNetwork network(loop);
    const auto ignore = [](std::unique_ptr<Stream>) {};
    const auto first = *network.listen({"127.0.0.1", 0}, {}, ignore);
    const auto second = network.listen(first->local(), {}, ignore);
    REQUIRE(second.error().code == Errc::address_in_use);
}

TEST_CASE("a listener refuses connections until it listens") {
    EpollLoop loop;
    EpollNetwork network(loop);
    std::size_t accepted = 0;
    const auto listener =
        *network.bind({"127.0.0.1", 0}, {}, [&](std::unique_ptr<Stream>) { ++accepted; });
    const SocketAddress address = *numeric_address(listener->local());
    const auto dial = [&] {
        const OwnedDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        return ::connect(socket.get(), address.get(), address.length) == 0 ? 0 : errno;
    };
    REQUIRE(dial() == ECONNREFUSED);
    REQUIRE(listener->listen());
    REQUIRE(dial() == 0);
    loop.run_turn(1s);
    REQUIRE(accepted == 1);
}

TEST_CASE("of two listeners bound to one port the second to listen is told") {
    EpollLoop loop;
    EpollNetwork network(loop);
    const auto ignore = [](std::unique_ptr<Stream>) {};
    const auto first = *network.bind({"127.0.0.1", 0}, {}, ignore);
    const auto second = *network.bind(first->local(), {}, ignore);
    REQUIRE(first->listen());
    REQUIRE(second->listen().error().code == Errc::address_in_use);
}

TEST_CASE("without descriptors left connections are refused and the listener goes on afterwards") {
    configure_log(LogLevel::error, LogFormat::automatic);
    EpollLoop loop;
    EpollNetwork network(loop);
    std::vector<std::unique_ptr<Stream>> accepted;
    const auto listener = *network.listen(
        {"127.0.0.1", 0}, {},
        [&](std::unique_ptr<Stream> stream) { accepted.push_back(std::move(stream)); });
    const SocketAddress address = *numeric_address(listener->local());
    const auto dial = [&] {
        OwnedDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::connect(socket.get(), address.get(), address.length) == 0);
        return socket;
    };
    const OwnedDescriptor refused = dial();
    std::vector<OwnedDescriptor> hoard;
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit tight{.rlim_cur = 256, .rlim_max = before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
    for (int copy = ::dup(refused.get()); copy >= 0; copy = ::dup(refused.get())) {
        hoard.emplace_back(copy);
    }
    loop.run_turn(1s);
    char byte = 0;
    const ssize_t end = ::recv(refused.get(), &byte, 1, 0);
    hoard.clear();
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    configure_log(LogLevel::info, LogFormat::automatic);
    REQUIRE(end <= 0);
    REQUIRE(accepted.empty());
    const OwnedDescriptor welcome = dial();
    run_until(loop, [&] { return accepted.size() == 1; });
}

}  // namespace millrace::runtime
