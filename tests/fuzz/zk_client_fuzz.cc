// Bytes of a server, as a client's session reads them: a first byte says how many requests wait, then come pieces, each behind a
// byte: bytes as they are, a frame, the end of the connection, a pause.
#include "lib/base/check.h"
#include "lib/zk/client_session.h"
#include "tests/fuzz/fuzz_input.h"

namespace millrace::zk {
namespace {

constexpr std::size_t kRequestsMax = 8;

class Player {
 public:
    Player() : x_session(options(), [this](SessionEvent event) { note(event); }) {}

    void submit(std::size_t requests) {
        for (std::size_t i = 0; i < requests; ++i) {
            ++x_open;
            ClientSession::Request request;
            request.op = i % 2 == 0 ? OpCode::get_data : OpCode::exists;
            wire::Writer body;
            GetDataRequest{.path = "/a", .watch = true}.encode(body);
            request.body = body.take();
            request.then = [this](ErrorCode, std::int64_t, wire::Reader& reader) {
                --x_open;
                (void)GetDataResponse::decode(reader);
            };
            request.watch = ClientSession::WatchWish{WatchKind::data, "/a",
                                                     [this](const WatchEvent&) { ++x_watches; }};
            x_session.submit(std::move(request));
        }
    }

    void play(fuzz::Input& input) {
        x_session.connected(x_now);
        (void)x_session.take_output(x_now);
        while (!input.empty() && !x_session.finished()) {
            switch (input.choice(4)) {
                case 0:
                    arrive(input.piece());
                    break;
                case 1:
                    arrive_framed(input.piece());
                    break;
                case 2:
                    reconnect();
                    break;
                default:
                    x_now = x_now + std::chrono::milliseconds(input.byte() * 100);
                    x_session.on_time(x_now);
            }
            x_session.answer_refused();
            (void)x_session.take_output(x_now);
            if (x_session.wants_drop()) {
                reconnect();
            }
        }
        if (!x_session.finished() && x_connected) {
            x_session.connection_lost();
        }
        x_session.close([] {});
        x_session.answer_refused();
        x_session.on_time(x_now);
        CHECK(x_open >= 0, "a request was answered twice");
    }

 private:
    static ClientSession::Options options() {
        return {std::chrono::seconds(10), "", kRequestsMax, 4096};
    }
    void note(SessionEvent event) {
        CHECK(!x_over, "an event after the last one");
        x_over = event == SessionEvent::expired || event == SessionEvent::auth_failed;
    }
    void arrive(BytesView bytes) {
        x_unread.insert(x_unread.end(), bytes.begin(), bytes.end());
        const std::size_t used = x_session.on_bytes(x_unread, x_now);
        CHECK(used <= x_unread.size());
        x_unread.erase(x_unread.begin(), x_unread.begin() + static_cast<std::ptrdiff_t>(used));
    }
    void arrive_framed(BytesView body) {
        wire::Writer frame;
        frame.int32(static_cast<std::int32_t>(body.size()));
        frame.bytes(body);
        arrive(frame.view());
    }
    void reconnect() {
        x_unread.clear();
        x_session.connection_lost();
        x_connected = !x_session.finished();
        if (x_connected) {
            x_session.connected(x_now);
        }
    }

    ClientSession x_session;
    Instant x_now{};
    Bytes x_unread;
    int x_open = 0;
    int x_watches = 0;
    bool x_over = false;
    bool x_connected = true;
};

}  // namespace
}  // namespace millrace::zk

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    millrace::fuzz::Input input(data, size);
    millrace::zk::Player player;
    player.submit(input.byte() % millrace::zk::kRequestsMax);
    player.play(input);
    return 0;
}
