// Byte streams in memory between a test's clients and a server.
#pragma once

#include <memory>
#include <string>

#include "lib/base/check.h"
#include "lib/runtime/loop.h"
#include "lib/runtime/network.h"

namespace millrace::testing {

struct Wire {
    // Bytes arrive at the server, behind those it has not consumed yet.
    void receive(BytesView bytes) {
        unread.insert(unread.end(), bytes.begin(), bytes.end());
        if (handler != nullptr) {
            const std::size_t used = handler->on_bytes(unread);
            CHECK(used <= unread.size(), "no more is consumed than was shown");
            unread.erase(unread.begin(), unread.begin() + static_cast<std::ptrdiff_t>(used));
        }
    }

    Bytes sent;    // by the server, not read yet
    Bytes unread;  // by the client, not consumed yet
    bool closed = false;
    bool paused = false;
    runtime::StreamHandler* handler = nullptr;
};

class WireStream : public runtime::Stream {
 public:
    WireStream(std::shared_ptr<Wire> wire, runtime::Loop& loop, std::string host)
        : x_wire(std::move(wire)), x_loop(loop), x_host(std::move(host)) {}
    ~WireStream() override {
        x_wire->closed = true;
        x_wire->handler = nullptr;
    }

    void set_handler(runtime::StreamHandler* handler) override { x_wire->handler = handler; }
    void set_limits(const runtime::StreamLimits&) override {}
    void write(Bytes bytes) override {
        x_wire->sent.insert(x_wire->sent.end(), bytes.begin(), bytes.end());
    }
    // What cannot be read arrives as zeros, as from a file that another process has cut.
    void write_file(std::shared_ptr<runtime::File> file, std::uint64_t offset,
                    std::uint64_t size) override {
        Bytes bytes(size);
        static_cast<void>(file->read_at(offset, bytes));
        write(std::move(bytes));
    }
    std::size_t queued_bytes() const override { return 0; }
    bool write_queue_full() const override { return false; }
    void pause_reading() override { x_wire->paused = true; }
    void resume_reading() override { x_wire->paused = false; }
    void close() override {
        x_loop.post([wire = x_wire] {
            if (wire->handler != nullptr) {
                wire->handler->on_closed({});
            }
        });
    }
    runtime::Endpoint peer() const override { return {x_host, 4'711}; }
    runtime::Endpoint local() const override { return {"127.0.0.1", 2'181}; }

 private:
    std::shared_ptr<Wire> x_wire;
    runtime::Loop& x_loop;
    std::string x_host;
};

class WireNetwork : public runtime::Network {
 public:
    class WireListener : public runtime::Listener {
     public:
        Status listen() override { return {}; }
        runtime::Endpoint local() const override { return {"", 2'181}; }
    };

    Result<std::unique_ptr<runtime::Listener>> bind(const runtime::Endpoint&,
                                                    const runtime::ListenOptions&,
                                                    AcceptCallback on_accept) override {
        x_accept = std::move(on_accept);
        return std::make_unique<WireListener>();
    }
    void connect(const runtime::Endpoint&, Duration, ConnectCallback) override {}

    std::shared_ptr<Wire> open(runtime::Loop& loop, const std::string& host) {
        auto wire = std::make_shared<Wire>();
        x_accept(std::make_unique<WireStream>(wire, loop, host));
        return wire;
    }

 private:
    AcceptCallback x_accept;
};

}  // namespace millrace::testing
