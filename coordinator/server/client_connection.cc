#include "coordinator/server/client_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "coordinator/server/four_letter.h"
#include "coordinator/server/node.h"
#include "coordinator/server/reads.h"
#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/zk/acl.h"
#include "lib/zk/session_password.h"
#include "lib/zk/watch.h"

namespace millrace::coordinator::server {

namespace {

using tree::TxnType;
using zk::ErrorCode;
using zk::OpCode;

constexpr std::size_t kLengthSize = 4;
constexpr std::size_t kReplyHeadSize = 20;  // length, xid, zxid, error
// Identities one connection may collect by auth requests.
constexpr std::size_t kIdentitiesMax = 64;
// Above so many bytes of answers no request is taken until the client has read.
constexpr std::size_t kAnswerBytesHigh = 4 << 20;
// Reads that wait for a write are answered together, so their number bounds what one turn collects.
constexpr std::size_t kReadsWaitingMax = 32;

std::int32_t int32_at(BytesView bytes) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data(), sizeof(value));
    return static_cast<std::int32_t>(std::byteswap(value));
}

bool is_write(OpCode op) {
    return op == OpCode::set_data || op == OpCode::create || op == OpCode::create2 ||
           op == OpCode::remove || op == OpCode::set_acl || op == OpCode::multi ||
           op == OpCode::create_container || op == OpCode::create_ttl || op == OpCode::reconfig;
}

bool is_set_watches(OpCode op) {
    return op == OpCode::set_watches || op == OpCode::set_watches2;
}

std::int32_t code(ErrorCode error) {
    return static_cast<std::int32_t>(error);
}

// The body of one successful operation's answer.
void write_result(const tree::OpResult& result, wire::Writer& out) {
    switch (result.type) {
        case TxnType::create:
            tree::write_text(out, result.path);
            break;
        case TxnType::create2:
        case TxnType::create_container:
        case TxnType::create_ttl:
            tree::write_text(out, result.path);
            result.stat.encode(out);
            break;
        case TxnType::set_data:
        case TxnType::set_acl:
            result.stat.encode(out);
            break;
        case TxnType::error:
            out.int32(result.error);
            break;
        case TxnType::create_session:
        case TxnType::close_session:
        case TxnType::remove:
        case TxnType::check:
        case TxnType::multi:
        case TxnType::reconfig:
        case TxnType::remove_container:
            break;
    }
}

void write_multi(const tree::Outcome& outcome, wire::Writer& out) {
    for (const tree::OpResult& part : outcome.multi) {
        const bool typed =
            part.type == TxnType::create_container || part.type == TxnType::create_ttl;
        const TxnType shown = typed ? TxnType::create2 : part.type;
        out.int32(static_cast<std::int32_t>(shown));
        out.boolean(false);
        out.int32(part.type == TxnType::error ? part.error : 0);
        write_result(part, out);
    }
    out.int32(-1);
    out.boolean(true);
    out.int32(-1);
}

}  // namespace

ClientConnection::ClientConnection(Node& node, tree::WatcherId id,
                                   std::unique_ptr<runtime::Stream> stream)
    : x_node(node),
      x_id(id),
      x_stream(std::move(stream)),
      x_peer(x_stream->peer()),
      x_established(node.loop().now()) {
    x_identities.push_back({.scheme = std::string(zk::kIpScheme), .id = x_peer.host});
    x_stream->set_handler(this);
    runtime::StreamLimits limits;
    limits.input_bytes_max = node.options().frame_bytes_max + (std::size_t{256} << 10);
    limits.output_bytes_high = kAnswerBytesHigh;
    x_stream->set_limits(limits);
}

std::size_t ClientConnection::on_bytes(BytesView bytes) {
    std::size_t used = 0;
    while (!x_ended && has_room() && bytes.size() - used >= kLengthSize) {
        const BytesView rest = bytes.subspan(used);
        if (x_state == State::fresh) {
            const std::size_t word = on_first_bytes(rest);
            if (word > 0) {
                return bytes.size();
            }
        }
        const std::int32_t length = int32_at(rest);
        if (length < 0 || static_cast<std::size_t>(length) > x_node.options().frame_bytes_max) {
            log_warning("client", "{} announces a frame of {} bytes, closing", x_peer.to_string(),
                        length);
            end();
            break;
        }
        const std::size_t frame_size = kLengthSize + static_cast<std::size_t>(length);
        if (rest.size() < frame_size) {
            break;
        }
        const BytesView frame = rest.subspan(kLengthSize, static_cast<std::size_t>(length));
        used += frame_size;
        x_node.statistics().packets_received += 1;
        x_node.statistics().bytes_received += frame_size;
        x_counters.received += 1;
        if (x_state == State::fresh) {
            on_connect(frame);
        } else {
            on_request(frame);
        }
    }
    x_node.throttle(*this);
    x_input_held = !has_room();
    regulate_reading();
    return x_ended ? bytes.size() : used;
}

bool ClientConnection::has_room() const {
    return x_out.size() <= kAnswerBytesHigh && x_reads_waiting < kReadsWaitingMax;
}

// What was left of the input is shown again when reading goes on.
void ClientConnection::regulate_reading() {
    const bool paused = x_throttled || x_output_full || x_input_held;
    if (paused != x_paused && paused) {
        x_stream->pause_reading();
    } else if (paused != x_paused) {
        x_stream->resume_reading();
    }
    x_paused = paused;
}

std::size_t ClientConnection::on_first_bytes(BytesView bytes) {
    const std::string_view word = as_text(bytes.first(kLengthSize));
    if (!is_four_letter_word(word)) {
        return 0;
    }
    const std::string reply = answer_four_letter_word(x_node, word);
    x_out.text(reply);
    end();
    return kLengthSize;
}

void ClientConnection::on_connect(BytesView frame) {
    wire::Reader in(frame);
    const auto connect = zk::ConnectRequestFrame::decode(in);
    x_node.statistics().connection_requests += 1;
    if (!connect) {
        log_warning("client", "{}: {}", x_peer.to_string(), connect.error().message);
        end();
        return;
    }
    const zk::ConnectRequest& request = connect->request;
    if (request.last_zxid_seen > x_node.nodes().last_zxid()) {
        log_info("client", "{} has seen zxid {:#x}, this server is at {:#x}; it must try another",
                 x_peer.to_string(), request.last_zxid_seen, x_node.nodes().last_zxid());
        end();
        return;
    }
    x_sends_read_only = connect->read_only.has_value();
    x_state = State::connecting;
    x_timeout_ms = x_node.sessions().negotiate(request.time_out);
    Slot slot{.kind = Kind::connect, .body = {}, .started = x_node.loop().now()};
    if (request.session_id == 0) {
        x_session = x_node.open_session(*this);
        slot.ready_zxid = x_node.pipeline().last_proposed();
        push(std::move(slot));
        return;
    }
    const BytesView password = request.passwd ? BytesView(*request.passwd) : BytesView();
    if (!zk::is_session_password(request.session_id, password) ||
        !x_node.resume_session(*this, request.session_id)) {
        refuse_connect();
        return;
    }
    x_session = request.session_id;
    // What the session wrote over its former connection must be visible here.
    slot.ready_zxid = x_node.pipeline().last_proposed();
    push(std::move(slot));
}

void ClientConnection::answer_connect() {
    x_state = State::open;
    const zk::SessionPassword password = zk::session_password(x_session);
    zk::ConnectResponseFrame response;
    response.response.time_out = x_timeout_ms;
    response.response.session_id = x_session;
    response.response.passwd = Bytes(password.begin(), password.end());
    send_connect(std::move(response));
}

void ClientConnection::refuse_connect() {
    zk::ConnectResponseFrame response;
    response.response.passwd = Bytes(zk::SessionPassword().size());
    send_connect(std::move(response));
    end();
}

void ClientConnection::send_connect(zk::ConnectResponseFrame response) {
    if (x_sends_read_only) {
        response.read_only = false;
    }
    const std::size_t at = x_out.size();
    x_out.int32(0);
    response.encode(x_out);
    x_out.patch_int32(at, static_cast<std::int32_t>(x_out.size() - at - kLengthSize));
    x_counters.sent += 1;
    x_node.statistics().packets_sent += 1;
    touch_output();
}

void ClientConnection::on_request(BytesView frame) {
    wire::Reader in(frame);
    Slot slot{.xid = in.int32(), .op = in.int32(), .body = {}, .started = x_node.loop().now()};
    if (!in.ok()) {
        end();
        return;
    }
    const BytesView body = frame.subspan(in.position());
    const auto op = static_cast<OpCode>(slot.op);
    if (op == OpCode::auth) {
        on_auth(slot.xid, body);
        return;
    }
    x_node.sessions().touch(x_session, x_node.loop().now());
    if (is_write(op)) {
        on_write(std::move(slot), body);
        return;
    }
    if (op == OpCode::close_session) {
        on_close_session(std::move(slot));
        return;
    }
    if (op == OpCode::sync) {
        slot.ready_zxid = x_node.pipeline().last_proposed();
    }
    if (x_slots.empty() && ready(slot)) {
        run(slot, body);
        return;
    }
    slot.body.assign(body.begin(), body.end());
    push(std::move(slot));
}

void ClientConnection::on_auth(std::int32_t xid, BytesView body) {
    wire::Reader in(body);
    const auto packet = zk::AuthPacket::decode(in);
    const Slot slot{.xid = xid,
                    .op = static_cast<std::int32_t>(OpCode::auth),
                    .body = {},
                    .started = x_node.loop().now()};
    const bool accepted =
        packet && x_identities.size() < kIdentitiesMax &&
        x_node.authenticate(packet->scheme, packet->auth ? BytesView(*packet->auth) : BytesView(),
                            x_identities);
    if (accepted) {
        reply_error(slot, 0, 0);
        return;
    }
    x_node.statistics().auth_failed += 1;
    log_warning("client", "{} failed to authenticate", x_peer.to_string());
    reply_error(slot, 0, code(ErrorCode::auth_failed));
    end();
}

void ClientConnection::on_write(Slot slot, BytesView body) {
    const auto op = static_cast<OpCode>(slot.op);
    wire::Reader in(body);
    tree::WriteOp write;
    const bool single = op != OpCode::multi && op != OpCode::reconfig;
    if (single && !tree::parse_write(static_cast<TxnType>(slot.op), in, write)) {
        slot.error = code(ErrorCode::marshalling_error);
        push(std::move(slot));
        return;
    }
    Pipeline& pipeline = x_node.pipeline();
    const tree::Asking asking = pipeline.next(x_session, slot.xid, &x_identities);
    tree::Prepare& prepare = pipeline.prepare();
    tree::Prepared prepared;
    if (!x_node.sessions().is_open(x_session)) {
        prepared = prepare.refuse(asking, ErrorCode::session_expired);
    } else if (single) {
        prepared = prepare.write(asking, write);
    } else if (op == OpCode::multi) {
        prepared = prepare.multi(asking, body);
    } else {
        prepared = prepare.refuse(asking, x_node.options().reconfig_enabled
                                              ? ErrorCode::unimplemented
                                              : ErrorCode::reconfig_disabled);
    }
    if (prepared.breach) {
        x_node.note_breach(*prepared.breach);
    }
    slot.kind = Kind::write;
    slot.ready_zxid = pipeline.propose(x_id, std::move(prepared));
    push(std::move(slot));
}

void ClientConnection::on_close_session(Slot slot) {
    if (!x_node.sessions().is_open(x_session)) {
        end();
        return;
    }
    slot.kind = Kind::close;
    slot.ready_zxid = x_node.close_session(x_session);
    push(std::move(slot));
}

void ClientConnection::push(Slot slot) {
    const std::int64_t zxid = slot.ready_zxid;
    const bool barrier = slot.kind != Kind::write;
    x_reads_waiting += slot.kind == Kind::read ? 1 : 0;
    x_slots.push_back(std::move(slot));
    x_node.request_queued();
    if (barrier && zxid > x_node.nodes().last_zxid()) {
        x_node.wait_for(zxid, x_id);
    } else if (barrier) {
        advance();
    }
}

bool ClientConnection::ready(const Slot& slot) const {
    return slot.kind != Kind::write && slot.ready_zxid <= x_node.nodes().last_zxid();
}

void ClientConnection::advance() {
    while (!x_ended && !x_slots.empty() && ready(x_slots.front())) {
        const Slot slot = std::move(x_slots.front());
        x_slots.pop_front();
        x_reads_waiting -= slot.kind == Kind::read ? 1 : 0;
        x_node.request_done();
        run(slot, slot.body);
    }
}

void ClientConnection::run(const Slot& slot, BytesView body) {
    const auto op = static_cast<OpCode>(slot.op);
    if (slot.kind == Kind::connect) {
        if (x_node.sessions().is_open(x_session)) {
            answer_connect();
        } else {
            refuse_connect();
        }
    } else if (slot.kind == Kind::close) {
        reply_error(slot, x_node.nodes().last_zxid(), 0);
        end();
    } else if (slot.error != 0) {
        reply_error(slot, x_node.nodes().last_zxid(), slot.error);
    } else if (is_read(op) || is_set_watches(op)) {
        answer_slot_read(slot, body);
    } else if (op == OpCode::sasl) {
        reply_error(slot, x_node.nodes().last_zxid(), code(ErrorCode::unimplemented));
    } else {
        reply_error(slot, -1, code(ErrorCode::unimplemented));
        end();
    }
}

void ClientConnection::answer_slot_read(const Slot& slot, BytesView body) {
    const auto op = static_cast<OpCode>(slot.op);
    const std::int64_t zxid = x_node.nodes().last_zxid();
    if (!x_node.sessions().is_open(x_session)) {
        reply_error(slot, zxid, code(ErrorCode::session_expired));
        return;
    }
    if (is_set_watches(op)) {
        restore_watches(slot, body);
        return;
    }
    const Reader reader{.nodes = x_node.nodes(),
                        .watches = x_node.watches(),
                        .rules = x_node.access_rules(),
                        .watcher = x_id,
                        .session = x_session,
                        .who = x_identities};
    const std::size_t frame_at = begin_reply(slot.xid, zxid);
    const ErrorCode error = answer_read(op, body, reader, x_out);
    if (error != ErrorCode::ok) {
        x_out.patch_int32(frame_at + 16, code(error));
    }
    if (op != OpCode::ping) {
        x_node.statistics().read.add(x_node.loop().now() - slot.started);
    }
    finish_reply(slot, frame_at);
}

void ClientConnection::restore_watches(const Slot& slot, BytesView body) {
    const std::int64_t zxid = x_node.nodes().last_zxid();
    wire::Reader in(body);
    tree::FormerWatches former;
    bool ok = false;
    if (static_cast<OpCode>(slot.op) == OpCode::set_watches) {
        if (auto request = zk::SetWatches::decode(in)) {
            ok = true;
            former = {request->relative_zxid,
                      std::move(request->data_watches),
                      std::move(request->exist_watches),
                      std::move(request->child_watches),
                      {},
                      {}};
        }
    } else if (auto request = zk::SetWatches2::decode(in)) {
        ok = true;
        former = {request->relative_zxid,
                  std::move(request->data_watches),
                  std::move(request->exist_watches),
                  std::move(request->child_watches),
                  std::move(request->persistent_watches),
                  std::move(request->persistent_recursive_watches)};
    }
    if (!ok) {
        reply_error(slot, zxid, code(ErrorCode::marshalling_error));
        return;
    }
    for (const auto& missed : x_node.watches().restore(x_id, former, x_node.nodes())) {
        notify({.type = missed.type, .path = missed.path}, -1);
    }
    reply_error(slot, zxid, 0);
}

void ClientConnection::write_done(const Proposal& proposal, const tree::Outcome& outcome) {
    if (x_ended) {
        return;
    }
    CHECK(!x_slots.empty() && x_slots.front().kind == Kind::write);
    const Slot slot = std::move(x_slots.front());
    x_slots.pop_front();
    CHECK(slot.ready_zxid == outcome.zxid);
    x_node.request_done();
    reply_write(slot, proposal, outcome);
    advance();
}

void ClientConnection::reply_write(const Slot& slot, const Proposal& proposal,
                                   const tree::Outcome& outcome) {
    const TxnType type = proposal.prepared.header.type;
    const std::size_t frame_at = begin_reply(slot.xid, outcome.zxid);
    if (type == TxnType::multi) {
        write_multi(outcome, x_out);
    } else if (outcome.result.error != 0) {
        x_out.patch_int32(frame_at + 16, outcome.result.error);
    } else {
        write_result(outcome.result, x_out);
    }
    x_node.statistics().update.add(x_node.loop().now() - slot.started);
    finish_reply(slot, frame_at);
}

void ClientConnection::reply_error(const Slot& slot, std::int64_t zxid, std::int32_t error) {
    const std::size_t frame_at = begin_reply(slot.xid, zxid);
    x_out.patch_int32(frame_at + 16, error);
    finish_reply(slot, frame_at);
}

std::size_t ClientConnection::begin_reply(std::int32_t xid, std::int64_t zxid) {
    const std::size_t at = x_out.size();
    std::array<std::byte, kReplyHeadSize> head{};
    const std::uint32_t swapped_xid = std::byteswap(static_cast<std::uint32_t>(xid));
    const std::uint64_t swapped_zxid = std::byteswap(static_cast<std::uint64_t>(zxid));
    std::memcpy(&head[4], &swapped_xid, sizeof(swapped_xid));
    std::memcpy(&head[8], &swapped_zxid, sizeof(swapped_zxid));
    x_out.bytes(head);
    return at;
}

void ClientConnection::finish_reply(const Slot& slot, std::size_t frame_at) {
    const std::size_t size = x_out.size() - frame_at;
    x_out.patch_int32(frame_at, static_cast<std::int32_t>(size - kLengthSize));
    Statistics& statistics = x_node.statistics();
    statistics.packets_sent += 1;
    statistics.response_bytes += size;
    statistics.response_size.add(static_cast<std::int64_t>(size));
    x_counters.sent += 1;
    if (slot.xid != zk::kPingXid) {
        const Duration latency = x_node.loop().now() - slot.started;
        statistics.latency.add(latency);
        x_counters.latency.add(latency);
        x_counters.last_latency_ms = to_millis(latency);
    }
    x_counters.last_cxid = slot.xid;
    x_counters.last_zxid = x_node.nodes().last_zxid();
    x_counters.last_operation = operation_letters(slot.op);
    x_counters.last_response = x_node.loop().wall_now();
    touch_output();
}

void ClientConnection::notify(const tree::Trigger& trigger, std::int64_t zxid) {
    if (x_ended || !x_node.may_see(trigger, x_identities)) {
        return;
    }
    const std::size_t frame_at = begin_reply(zk::kNotificationXid, zxid);
    x_out.int32(static_cast<std::int32_t>(trigger.type));
    x_out.int32(static_cast<std::int32_t>(zk::KeeperState::sync_connected));
    tree::write_text(x_out, trigger.path);
    const std::size_t size = x_out.size() - frame_at;
    x_out.patch_int32(frame_at, static_cast<std::int32_t>(size - kLengthSize));
    x_node.statistics().watch_bytes += size;
    x_node.statistics().packets_sent += 1;
    x_counters.sent += 1;
    touch_output();
}

void ClientConnection::touch_output() {
    if (!x_dirty) {
        x_dirty = true;
        x_node.output_pending(x_id);
    }
}

void ClientConnection::flush() {
    x_dirty = false;
    if (x_out.size() > 0) {
        x_stream->write(x_out.take());
        x_out = wire::Writer();
    }
    if (x_ended) {
        x_stream->close();
        return;
    }
    x_output_full = x_stream->write_queue_full();
    x_input_held = !has_room();
    regulate_reading();
}

void ClientConnection::end() {
    if (x_ended) {
        return;
    }
    x_ended = true;
    x_ended_at = x_node.loop().now();
    x_node.requests_dropped(x_slots.size());
    x_slots.clear();
    touch_output();
}

void ClientConnection::set_throttled(bool throttled) {
    x_throttled = throttled;
    regulate_reading();
}

void ClientConnection::on_writable() {
    x_output_full = false;
    regulate_reading();
}

void ClientConnection::on_closed(const Status& why) {
    if (!why && why.error().code == Errc::too_large) {
        log_warning("client", "{}: {}", x_peer.to_string(), why.error().message);
    }
    if (!x_ended) {
        x_ended = true;
        x_node.requests_dropped(x_slots.size());
        x_slots.clear();
    }
    x_node.connection_closed(x_id);
}

void ClientConnection::reset_counters() {
    x_counters = {};
}

}  // namespace millrace::coordinator::server
