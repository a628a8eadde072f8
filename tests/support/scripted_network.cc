#include "tests/support/scripted_network.h"

#include "lib/base/check.h"

namespace millrace::testing {
namespace {

class ScriptedStream : public runtime::Stream {
 public:
    explicit ScriptedStream(std::shared_ptr<ScriptedPeer> peer) : x_peer(std::move(peer)) {}
    ~ScriptedStream() override {
        x_peer->closed = true;
        x_peer->handler = nullptr;
    }
    ScriptedStream(const ScriptedStream&) = delete;
    ScriptedStream& operator=(const ScriptedStream&) = delete;

    void set_handler(runtime::StreamHandler* handler) override { x_peer->handler = handler; }
    void set_limits(const runtime::StreamLimits&) override {}
    void write(Bytes bytes) override {
        x_peer->received.insert(x_peer->received.end(), bytes.begin(), bytes.end());
    }
    void write_file(std::shared_ptr<runtime::File>, std::uint64_t, std::uint64_t) override {
        check_failed("write_file", "no test of this network sends files");
    }
    std::size_t queued_bytes() const override { return 0; }
    bool write_queue_full() const override { return false; }
    void pause_reading() override {}
    void resume_reading() override {}
    void close() override { x_peer->closed = true; }
    runtime::Endpoint peer() const override { return {"peer", 1}; }
    runtime::Endpoint local() const override { return {"local", 1}; }

 private:
    std::shared_ptr<ScriptedPeer> x_peer;
};

}  // namespace

void ScriptedPeer::send(BytesView bytes) {
    unread.insert(unread.end(), bytes.begin(), bytes.end());
    if (handler != nullptr) {
        const std::size_t consumed = handler->on_bytes(unread);
        unread.erase(unread.begin(), unread.begin() + static_cast<std::ptrdiff_t>(consumed));
    }
}

void ScriptedPeer::hang_up() {
    if (handler != nullptr) {
        std::exchange(handler, nullptr)->on_closed({});
    }
}

void ScriptedNetwork::connect(const runtime::Endpoint& to, Duration, ConnectCallback on_connected) {
    x_attempts.push_back({to, std::move(on_connected)});
}

std::optional<runtime::Endpoint> ScriptedNetwork::attempt() const {
    if (x_attempts.empty()) {
        return std::nullopt;
    }
    return x_attempts.front().to;
}

std::shared_ptr<ScriptedPeer> ScriptedNetwork::accept() {
    CHECK(!x_attempts.empty(), "nobody tries to connect");
    auto peer = std::make_shared<ScriptedPeer>();
    Attempt attempt = std::move(x_attempts.front());
    x_attempts.pop_front();
    attempt.then(std::make_unique<ScriptedStream>(peer));
    x_loop.run_until_idle();
    return peer;
}

void ScriptedNetwork::refuse() {
    CHECK(!x_attempts.empty(), "nobody tries to connect");
    Attempt attempt = std::move(x_attempts.front());
    x_attempts.pop_front();
    attempt.then(fail(Errc::connection_lost, "refused"));
    x_loop.run_until_idle();
}

}  // namespace millrace::testing
