// One client: frames in, answers out, in the order of the requests. A read behind a write of the same client waits for that
// write; everything else is answered in the turn it arrives. Answers of one turn leave with one system call.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "coordinator/server/pipeline.h"
#include "coordinator/server/statistics.h"
#include "lib/runtime/network.h"
#include "lib/zk/connect.h"
#include "lib/zk/op_code.h"

namespace millrace::coordinator::server {

class Node;

class ClientConnection final : public runtime::StreamHandler {
 public:
    // The node outlives it.
    ClientConnection(Node& node, tree::WatcherId id, std::unique_ptr<runtime::Stream> stream);

    std::size_t on_bytes(BytesView bytes) override;
    void on_closed(const Status& why) override;
    void on_writable() override;

    // --- from the node
    // The oldest write of this connection was applied.
    void write_done(const Proposal& proposal, const tree::Outcome& outcome);
    // Answers what waited for a state that is reached now.
    void advance();
    void notify(const tree::Trigger& trigger, std::int64_t zxid);
    // Hands collected answers to the stream.
    void flush();
    // Sends what is collected, then closes; later input is passed over.
    void end();
    void set_throttled(bool throttled);

    // --- shown by the operators' commands
    tree::WatcherId id() const { return x_id; }
    std::int64_t session() const { return x_session; }
    std::int32_t timeout_ms() const { return x_timeout_ms; }
    const tree::Identities& identities() const { return x_identities; }
    const runtime::Endpoint& peer() const { return x_peer; }
    bool connected() const { return x_state == State::open; }
    bool ended() const { return x_ended; }
    Instant ended_at() const { return x_ended_at; }
    std::size_t outstanding() const { return x_slots.size(); }
    Instant established() const { return x_established; }

    struct Counters {
        std::uint64_t received = 0;
        std::uint64_t sent = 0;
        Latency latency;
        std::int64_t last_latency_ms = 0;
        std::int32_t last_cxid = -1;
        std::int64_t last_zxid = -1;
        std::string_view last_operation = "NA";
        WallTime last_response;
    };
    const Counters& counters() const { return x_counters; }
    void reset_counters();

 private:
    enum class State { fresh, connecting, open };
    enum class Kind { connect, read, write, close };
    // A request that is not answered yet.
    struct Slot {
        Kind kind = Kind::read;
        std::int32_t xid = 0;
        std::int32_t op = 0;
        std::int32_t error = 0;       // decided already; of reads
        std::int64_t ready_zxid = 0;  // the tree must have reached it; of connect, read, and close
        Bytes body;                   // of reads
        Instant started;
    };

    std::size_t on_first_bytes(BytesView bytes);
    void on_connect(BytesView frame);
    void on_request(BytesView frame);
    void on_auth(std::int32_t xid, BytesView body);
    void on_write(Slot slot, BytesView body);
    void on_close_session(Slot slot);
    void push(Slot slot);
    bool ready(const Slot& slot) const;
    void run(const Slot& slot, BytesView body);
    void answer_connect();
    void refuse_connect();
    void send_connect(zk::ConnectResponseFrame response);
    void answer_slot_read(const Slot& slot, BytesView body);
    void restore_watches(const Slot& slot, BytesView body);
    void reply_error(const Slot& slot, std::int64_t zxid, std::int32_t error);
    void reply_write(const Slot& slot, const Proposal& proposal, const tree::Outcome& outcome);
    std::size_t begin_reply(std::int32_t xid, std::int64_t zxid);
    void finish_reply(const Slot& slot, std::size_t frame_at);
    void touch_output();
    bool has_room() const;
    void regulate_reading();

    Node& x_node;
    tree::WatcherId x_id;
    std::unique_ptr<runtime::Stream> x_stream;
    runtime::Endpoint x_peer;
    State x_state = State::fresh;
    std::int64_t x_session = 0;
    std::int32_t x_timeout_ms = 0;
    bool x_sends_read_only = false;  // the client's request carried the readOnly byte
    tree::Identities x_identities;
    std::deque<Slot> x_slots;
    wire::Writer x_out;
    bool x_dirty = false;
    bool x_ended = false;
    // Reading stands still for any of these: too much is under way in the server, the client does not read, or this client's
    // requests wait for each other.
    bool x_throttled = false;
    bool x_output_full = false;
    bool x_input_held = false;
    bool x_paused = false;
    std::size_t x_reads_waiting = 0;  // slots of reads
    Instant x_ended_at;
    Instant x_established;
    Counters x_counters;
};

}  // namespace millrace::coordinator::server
