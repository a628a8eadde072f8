// Bytes of a broker, as a client's connection reads them. Steps, each behind a byte: bytes as they are, a frame (a byte is its
// correlation id), the end of the connection, a pause.
#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/kafka/client.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/manual_loop.h"
#include "tests/support/scripted_network.h"

namespace millrace::kafka {
namespace {

constexpr std::size_t kStepsMax = 64;

class Player {
 public:
    Player() : x_client(x_loop, x_network, {"broker", 9092}, options()) {}

    void play(fuzz::Input& input) {
        for (std::size_t i = 0; i < kStepsMax && !input.empty(); ++i) {
            ask<MetadataRequest>();
            ask<ListOffsetsRequest>();
            if (x_network.attempt()) {
                x_peer = x_network.accept();
            }
            step(input);
            x_loop.run_until_idle();
        }
        x_client.disconnect();
        x_loop.run_until_idle();
        CHECK(x_client.pending() == 0 && x_answered == x_asked, "each request is answered once");
    }

 private:
    static ClientOptions options() {
        ClientOptions options;
        options.response_bytes_max = 4096;
        options.queued_max = 8;
        return options;
    }
    template <class Request>
    void ask() {
        ++x_asked;
        x_client.send<Request>(Request{}, [this](const auto&) { ++x_answered; });
    }
    void step(fuzz::Input& input) {
        const std::size_t what = input.choice(4);
        if (what == 3) {
            x_loop.advance(std::chrono::milliseconds(input.byte() * 200));
        } else if (x_peer == nullptr) {
            return;
        } else if (what == 2) {
            x_peer->hang_up();
        } else if (what == 0) {
            x_peer->send(input.piece());
        } else {
            wire::Writer frame;
            const std::uint8_t correlation_id = input.byte();
            const BytesView body = input.piece();
            frame.int32(static_cast<std::int32_t>(body.size() + 4));
            frame.int32(correlation_id);
            frame.bytes(body);
            x_peer->send(frame.view());
        }
    }

    testing::ManualLoop x_loop;
    testing::ScriptedNetwork x_network{x_loop};
    std::shared_ptr<testing::ScriptedPeer> x_peer;
    std::size_t x_asked = 0;
    std::size_t x_answered = 0;
    Client x_client;
};

}  // namespace
}  // namespace millrace::kafka

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    millrace::configure_log(millrace::LogLevel::error, millrace::LogFormat::text);
    millrace::fuzz::Input input(data, size);
    millrace::kafka::Player player;
    player.play(input);
    return 0;
}
