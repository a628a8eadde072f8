// Load on a ZooKeeper server: connections × outstanding requests, raw protocol, one thread.
// Usage: zk_bench HOST:PORT get|set|create CONNECTIONS OUTSTANDING SECONDS BYTES. Prints "ops_per_second p50_us p99_us".
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "lib/base/check.h"
#include "lib/runtime/posix_runtime.h"
#include "lib/wire/reader.h"
#include "lib/wire/writer.h"
#include "lib/zk/acl.h"
#include "lib/zk/connect.h"
#include "lib/zk/op_code.h"
#include "lib/zk/zookeeper.h"

namespace millrace {
namespace {

constexpr Duration kWarmUp = 2s;

struct Settings {
    runtime::Endpoint server;
    std::string operation;
    int connections = 1;
    int outstanding = 1;
    int seconds = 5;
    std::size_t bytes = 100;
};

// What all connections add to.
struct Tally {
    bool counting = false;
    std::uint64_t answers = 0;
    std::vector<std::int64_t> latencies_us;
};

class Session : public runtime::StreamHandler {
 public:
    Session(runtime::Loop& loop, const Settings& settings, int id, Tally& tally)
        : x_loop(loop),
          x_settings(settings),
          x_path(fmt::format("/bench-{:x}-{}", loop.random().next(), id)),
          x_tally(tally) {}

    void start(std::unique_ptr<runtime::Stream> stream) {
        x_stream = std::move(stream);
        x_stream->set_handler(this);
        zk::ConnectRequest connect;
        connect.time_out = 30'000;
        connect.passwd = Bytes(16);
        wire::Writer frame;
        frame.int32(0);
        connect.encode(frame);
        frame.boolean(false);
        send(std::move(frame));
    }

    std::size_t on_bytes(BytesView bytes) override {
        std::size_t consumed = 0;
        while (bytes.size() - consumed >= 4) {
            wire::Reader reader(bytes.subspan(consumed));
            const auto size = static_cast<std::size_t>(reader.int32());
            if (reader.remaining() < size) {
                break;
            }
            consumed += 4 + size;
            take_answer(reader);
        }
        return consumed;
    }
    void on_closed(const Status& why) override {
        fmt::print(stderr, "zk_bench: the server closed a connection: {}\n",
                   why ? "in order" : why.error().message);
        std::exit(1);
    }

 private:
    void take_answer(wire::Reader& reader) {
        if (!x_connected) {
            x_connected = true;
            create(x_path);
            return;
        }
        reader.skip(12);
        const std::int32_t error = reader.int32();
        if (!x_prepared) {
            x_prepared = true;
            for (int i = 0; i < x_settings.outstanding; ++i) {
                request();
            }
            return;
        }
        CHECK(error == 0, "the server refused a request of the bench");
        if (x_tally.counting) {
            ++x_tally.answers;
            x_tally.latencies_us.push_back((x_loop.now() - x_sent.front()).count() / 1000);
        }
        x_sent.pop_front();
        request();
    }

    void request() {
        x_sent.push_back(x_loop.now());
        if (x_settings.operation == "create") {
            create(fmt::format("{}/n{}", x_path, ++x_created));
            return;
        }
        const bool is_get = x_settings.operation == "get";
        wire::Writer frame = begin(is_get ? zk::OpCode::get_data : zk::OpCode::set_data);
        if (is_get) {
            zk::GetDataRequest get;
            get.path = x_path;
            get.encode(frame);
        } else {
            zk::SetDataRequest set;
            set.path = x_path;
            set.data = Bytes(x_settings.bytes, std::byte{'x'});
            set.version = -1;
            set.encode(frame);
        }
        send(std::move(frame));
    }

    void create(const std::string& path) {
        wire::Writer frame = begin(zk::OpCode::create);
        zk::CreateRequest create;
        create.path = path;
        create.data = Bytes(x_settings.bytes, std::byte{'x'});
        create.acl = {zk::Acl{.perms = zk::Permission::kAll, .id = zk::world_anyone()}};
        create.encode(frame);
        send(std::move(frame));
    }

    wire::Writer begin(zk::OpCode code) {
        wire::Writer frame;
        frame.int32(0);
        frame.int32(++x_xid);
        frame.int32(static_cast<std::int32_t>(code));
        return frame;
    }

    void send(wire::Writer frame) {
        frame.patch_int32(0, static_cast<std::int32_t>(frame.size() - 4));
        x_stream->write(frame.take());
    }

    runtime::Loop& x_loop;
    const Settings& x_settings;
    std::string x_path;
    Tally& x_tally;
    std::unique_ptr<runtime::Stream> x_stream;
    std::deque<Instant> x_sent;
    std::int32_t x_xid = 0;
    std::uint64_t x_created = 0;
    bool x_connected = false;
    bool x_prepared = false;
};

void report(const Settings& settings, Tally& tally) {
    CHECK(!tally.latencies_us.empty(), "no request was answered");
    std::ranges::sort(tally.latencies_us);
    const auto at = [&](double share) {
        return tally.latencies_us[static_cast<std::size_t>(
            static_cast<double>(tally.latencies_us.size() - 1) * share)];
    };
    fmt::print("{} {} {}\n", tally.answers / static_cast<std::uint64_t>(settings.seconds), at(0.5),
               at(0.99));
}

int run(const Settings& settings) {
    const auto posix = runtime::make_posix_runtime({.disk_threads = 1});
    runtime::Runtime runtime = posix->get();
    Tally tally;
    std::vector<std::unique_ptr<Session>> sessions;
    for (int i = 0; i < settings.connections; ++i) {
        sessions.push_back(std::make_unique<Session>(runtime.loop, settings, i, tally));
        runtime.network.connect(settings.server, 10s,
                                [session = sessions.back().get()](auto stream) {
                                    CHECK(stream.has_value(), "cannot connect to the server");
                                    session->start(std::move(*stream));
                                });
    }
    runtime.loop.run_after(kWarmUp, [&tally] { tally.counting = true; });
    runtime.loop.run_after(kWarmUp + std::chrono::seconds(settings.seconds), [&] {
        report(settings, tally);
        std::fflush(stdout);
        std::_Exit(0);
    });
    return posix->run();
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
    if (argc != 7) {
        fmt::print(
            stderr,
            "usage: zk_bench HOST:PORT get|set|create CONNECTIONS OUTSTANDING SECONDS BYTES\n");
        return 2;
    }
    const auto server = millrace::runtime::Endpoint::parse(argv[1]);
    if (!server) {
        fmt::print(stderr, "zk_bench: {}\n", server.error().message);
        return 2;
    }
    return millrace::run({*server, argv[2], std::atoi(argv[3]), std::atoi(argv[4]),
                          std::atoi(argv[5]), static_cast<std::size_t>(std::atoi(argv[6]))});
}
