// A server on a loop, a disk and a network that move only when a test says so.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "coordinator/server/node.h"
#include "lib/base/log.h"
#include "lib/zk/connect.h"
#include "lib/zk/op_code.h"
#include "lib/zk/zookeeper.h"
#include "tests/support/manual_loop.h"
#include "tests/support/memory_file_system.h"
#include "tests/support/wire_network.h"

namespace millrace::coordinator::server {

// The test's end of a connection.
using testing::Wire;
using testing::WireNetwork;

struct Reply {
    std::int32_t xid = 0;
    std::int64_t zxid = 0;
    std::int32_t error = 0;
    Bytes body;
};

// Frames of one client. Nothing is answered before the world runs.
class TestClient {
 public:
    explicit TestClient(std::shared_ptr<Wire> wire) : x_wire(std::move(wire)) {}

    void send_raw(BytesView bytes) { x_wire->receive(bytes); }
    void send_frame(const Bytes& frame) {
        wire::Writer out;
        out.int32(static_cast<std::int32_t>(frame.size()));
        out.bytes(frame);
        send_raw(out.view());
    }
    void connect(std::int64_t taken_up = 0, Bytes secret = Bytes(16), std::int64_t seen_zxid = 0) {
        zk::ConnectRequestFrame frame;
        frame.request.time_out = 10'000;
        frame.request.session_id = taken_up;
        frame.request.passwd = std::move(secret);
        frame.request.last_zxid_seen = seen_zxid;
        frame.read_only = false;
        wire::Writer out;
        frame.encode(out);
        send_frame(out.take());
    }
    std::optional<zk::ConnectResponseFrame> connected() {
        const auto frame = next_frame();
        if (!frame) {
            return std::nullopt;
        }
        wire::Reader in(*frame);
        auto response = zk::ConnectResponseFrame::decode(in);
        REQUIRE(response.has_value());
        return *response;
    }
    // Returns the xid.
    template <class Record>
    std::int32_t ask(zk::OpCode op, const Record& record) {
        wire::Writer out;
        const std::int32_t xid = ++x_xid;
        out.int32(xid);
        out.int32(static_cast<std::int32_t>(op));
        record.encode(out);
        send_frame(out.take());
        return xid;
    }
    void ask_bare(std::int32_t xid, std::int32_t op) {
        wire::Writer out;
        out.int32(xid);
        out.int32(op);
        send_frame(out.take());
    }
    std::int32_t create(const std::string& path, std::int32_t flags = 0) {
        return ask(zk::OpCode::create,
                   zk::CreateRequest{.path = path,
                                     .data = to_bytes("x"),
                                     .acl = {{.perms = 31, .id = {"world", "anyone"}}},
                                     .flags = flags});
    }
    std::int32_t get(const std::string& path, bool watch = false) {
        return ask(zk::OpCode::get_data, zk::GetDataRequest{.path = path, .watch = watch});
    }
    std::int32_t exists(const std::string& path, bool watch = false) {
        return ask(zk::OpCode::exists, zk::ExistsRequest{.path = path, .watch = watch});
    }
    std::int32_t set(const std::string& path, const std::string& data) {
        return ask(zk::OpCode::set_data,
                   zk::SetDataRequest{.path = path, .data = to_bytes(data), .version = -1});
    }

    std::optional<Reply> next() {
        const auto frame = next_frame();
        if (!frame) {
            return std::nullopt;
        }
        wire::Reader in(*frame);
        Reply reply;
        reply.xid = in.int32();
        reply.zxid = in.int64();
        reply.error = in.int32();
        REQUIRE(in.ok());
        const BytesView rest = in.bytes(in.remaining());
        reply.body.assign(rest.begin(), rest.end());
        return reply;
    }
    Reply must() {
        auto reply = next();
        REQUIRE(reply.has_value());
        return *reply;
    }
    bool closed() const { return x_wire->closed; }
    bool paused() const { return x_wire->paused; }
    std::string text() {
        std::string all = to_text(x_wire->sent);
        x_wire->sent.clear();
        return all;
    }
    void hang_up() {
        if (x_wire->handler != nullptr) {
            x_wire->handler->on_closed({});
        }
    }

    std::int64_t session = 0;
    Bytes password;

 private:
    std::optional<Bytes> next_frame() {
        wire::Reader in(x_wire->sent);
        const std::int32_t length = in.int32();
        if (!in.ok()) {
            return std::nullopt;
        }
        const BytesView frame = in.bytes(in.checked_count(length, 1));
        REQUIRE(in.ok());
        Bytes copy(frame.begin(), frame.end());
        x_wire->sent.erase(x_wire->sent.begin(), x_wire->sent.begin() + 4 + length);
        return copy;
    }

    std::shared_ptr<Wire> x_wire;
    std::int32_t x_xid = 0;
};

class ServerWorld {
 public:
    explicit ServerWorld(ServerOptions given = {}) : options(std::move(given)) {
        configure_log(LogLevel::error, LogFormat::text);
        options.data_dir = "data";
        options.data_log_dir = "data";
        options.tick = 2s;
        options.session_timeout_min_ms = 4'000;
        options.session_timeout_max_ms = 40'000;
        start();
    }
    ~ServerWorld() {
        if (node) {
            node->invariants();
        }
    }

    void start() {
        node = std::make_unique<Node>(runtime::Runtime{loop, network, files, disk}, options,
                                      [this](const Error& error) { failure = error; });
        const Status started = node->start();
        REQUIRE(started.has_value());
    }
    // Power fails: what was not synced is gone.
    void crash() {
        node.reset();
        files.crash();
        start();
    }
    void run() {
        disk.run_until_idle();
        node->invariants();
    }
    // Only the loop: writes stay on their way to the disk.
    void run_loop() { loop.run_until_idle(); }

    TestClient open(const std::string& host = "127.0.0.1") {
        return TestClient(network.open(loop, host));
    }
    TestClient client() {
        TestClient made = open();
        made.connect();
        run();
        const auto response = made.connected();
        REQUIRE(response.has_value());
        made.session = response->response.session_id;
        made.password = *response->response.passwd;
        return made;
    }

    ServerOptions options;
    testing::ManualLoop loop;
    testing::ManualDiskPool disk{loop};
    testing::MemoryFileSystem files;
    WireNetwork network;
    std::optional<Error> failure;
    std::unique_ptr<Node> node;
};

}  // namespace millrace::coordinator::server
