// A network whose other end is the test: connections are accepted, refused, fed and closed by hand.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "lib/runtime/network.h"
#include "tests/support/manual_loop.h"

namespace millrace::testing {

// What a test holds of a connection; lives on after the stream.
struct ScriptedPeer {
    Bytes received;  // written by the code under test and not taken yet
    bool closed = false;
    runtime::StreamHandler* handler = nullptr;
    Bytes unread;  // sent to the code under test and not consumed yet

    // Bytes arrive at the code under test.
    void send(BytesView bytes);
    // The test's end closes.
    void hang_up();
};

class ScriptedNetwork : public runtime::Network {
 public:
    explicit ScriptedNetwork(ManualLoop& loop) : x_loop(loop) {}

    Result<std::unique_ptr<runtime::Listener>> bind(const runtime::Endpoint&,
                                                    const runtime::ListenOptions&,
                                                    AcceptCallback) override {
        return fail(Errc::unsupported, "tests of clients do not listen");
    }
    void connect(const runtime::Endpoint& to, Duration timeout,
                 ConnectCallback on_connected) override;

    // Where the oldest attempt that was not answered yet goes.
    std::optional<runtime::Endpoint> attempt() const;
    // Answer that attempt.
    std::shared_ptr<ScriptedPeer> accept();
    void refuse();

 private:
    struct Attempt {
        runtime::Endpoint to;
        ConnectCallback then;
    };
    ManualLoop& x_loop;
    std::deque<Attempt> x_attempts;
};

}  // namespace millrace::testing
