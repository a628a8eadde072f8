// A network for tests of parts that never use it: every call fails.
#pragma once

#include "lib/runtime/network.h"

namespace millrace::testing {

class SilentNetwork : public runtime::Network {
 public:
    Result<std::unique_ptr<runtime::Listener>> bind(const runtime::Endpoint&,
                                                    const runtime::ListenOptions&,
                                                    AcceptCallback) override {
        return fail(Errc::unsupported, "this test has no network");
    }
    void connect(const runtime::Endpoint&, Duration, ConnectCallback on_connected) override {
        on_connected(fail(Errc::unsupported, "this test has no network"));
    }
};

}  // namespace millrace::testing
