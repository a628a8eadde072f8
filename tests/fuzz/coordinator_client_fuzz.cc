// Bytes of the clients of a whole server, in a world that moves only when the input says so. Steps, each behind a byte: open and
// greet, bytes as they are, a frame, time passes, a client hangs up. At the end the machine fails, and what a server
// then finds on the disk is the tree that the clients saw.
#include "coordinator/server/node.h"
#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/zk/connect.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/manual_loop.h"
#include "tests/support/memory_file_system.h"
#include "tests/support/wire_network.h"

namespace millrace::coordinator::server {
namespace {

using testing::Wire;
using testing::WireNetwork;

constexpr std::size_t kClients = 3;
constexpr std::size_t kStepsMax = 64;

class World {
 public:
    World() {
        x_options.data_dir = "data";
        x_options.data_log_dir = "data";
        x_options.tick = std::chrono::seconds(2);
        x_options.session_timeout_min_ms = 4'000;
        x_options.session_timeout_max_ms = 40'000;
        x_options.frame_bytes_max = 4096;
        x_options.extended_types = true;
        x_options.four_letter.all = true;
        start();
    }

    void play(fuzz::Input& input) {
        for (std::size_t i = 0; i < kStepsMax && !input.empty(); ++i) {
            step(input);
            x_disk.run_until_idle();
            x_node->invariants();
        }
    }

    void check_restart() {
        CHECK(!x_failure, "the disk never refused");
        const std::int64_t zxid = x_node->nodes().last_zxid();
        const std::uint64_t digest = x_node->nodes().digest();
        x_node.reset();
        x_files.crash();
        start();
        CHECK(x_node->nodes().last_zxid() == zxid && x_node->nodes().digest() == digest);
        x_node->nodes().invariants();
    }

 private:
    void start() {
        x_node = std::make_unique<Node>(runtime::Runtime{x_loop, x_network, x_files, x_disk},
                                        x_options, [this](const Error&) { x_failure = true; });
        CHECK(x_node->start());
    }

    void step(fuzz::Input& input) {
        const std::size_t what = input.choice(5);
        if (what == 3) {
            x_loop.advance(std::chrono::milliseconds(input.byte() * 100));
            return;
        }
        std::shared_ptr<Wire>& client = x_clients[input.choice(kClients)];
        if (!client || client->closed) {
            client = x_network.open(x_loop, "127.0.0.1");
        }
        if (what == 0) {
            greet(*client);
        } else if (what == 1) {
            client->receive(input.piece());
        } else if (what == 2) {
            send_frame(*client, input.piece());
        } else if (client->handler != nullptr) {
            client->handler->on_closed({});
        }
        client->sent.clear();
    }

    static void send_frame(Wire& client, BytesView body) {
        wire::Writer frame;
        frame.int32(static_cast<std::int32_t>(body.size()));
        frame.bytes(body);
        client.receive(frame.view());
    }
    static void greet(Wire& client) {
        zk::ConnectRequestFrame greeting;
        greeting.request.time_out = 10'000;
        greeting.request.passwd = Bytes(16);
        greeting.read_only = false;
        wire::Writer body;
        greeting.encode(body);
        send_frame(client, body.view());
    }

    ServerOptions x_options;
    testing::ManualLoop x_loop;
    testing::ManualDiskPool x_disk{x_loop};
    testing::MemoryFileSystem x_files;
    WireNetwork x_network;
    bool x_failure = false;
    std::array<std::shared_ptr<Wire>, kClients> x_clients;
    std::unique_ptr<Node> x_node;
};

}  // namespace
}  // namespace millrace::coordinator::server

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    millrace::configure_log(millrace::LogLevel::error, millrace::LogFormat::text);
    millrace::fuzz::Input input(data, size);
    millrace::coordinator::server::World world;
    world.play(input);
    world.check_restart();
    return 0;
}
