#include "lib/zk/client_session.h"

#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/zk/connect.h"
#include "lib/zk/path.h"

namespace millrace::zk {
namespace {

constexpr std::size_t kLengthSize = 4;

}  // namespace

ClientSession::ClientSession(Options options, std::function<void(SessionEvent)> on_event)
    : x_options(std::move(options)),
      x_on_event(std::move(on_event)),
      x_timeout(x_options.timeout) {}

void ClientSession::submit(Request request) {
    if (x_state == State::finished || x_state == State::closing) {
        const ErrorCode error = x_state == State::finished && x_end != ErrorCode::ok
                                    ? x_end
                                    : ErrorCode::session_expired;
        x_refused.emplace_back(std::move(request.then), error);
    } else if (outstanding() >= x_options.outstanding_max) {
        x_refused.emplace_back(std::move(request.then), ErrorCode::throttled_op);
    } else if (x_state == State::confirmed) {
        send(std::move(request));
    } else {
        x_unsent.push_back(std::move(request));
    }
}

void ClientSession::add_auth(std::string scheme, Bytes credentials, Reply then) {
    if (x_state == State::finished || x_state == State::closing) {
        x_refused.emplace_back(std::move(then), ErrorCode::session_expired);
        return;
    }
    x_auths.push_back({std::move(scheme), std::move(credentials), std::move(then)});
    if (x_state == State::confirmed) {
        x_auths_sent.push_back(x_auths.size() - 1);
        send_auth(x_auths.back());
    }
}

void ClientSession::close(std::function<void()> then) {
    x_on_closed = std::move(then);
    if (x_state == State::confirmed) {
        send({OpCode::close_session, {}, [](ErrorCode, std::int64_t, wire::Reader&) {}, {}});
        x_state = State::closing;
        return;
    }
    // Nobody to tell; the callbacks wait for the next event call.
    x_state = State::finished;
    x_end = ErrorCode::session_expired;
    x_wants_drop = true;
    for (Request& request : x_unsent) {
        x_refused.emplace_back(std::move(request.then), ErrorCode::session_expired);
    }
    x_unsent.clear();
    x_watches.clear();
    x_closed_callback_due = true;
}

void ClientSession::abandon() {
    x_state = State::finished;
    x_end = ErrorCode::session_expired;
    x_wants_drop = true;
    x_sent.clear();
    x_unsent.clear();
    x_refused.clear();
    x_auths.clear();
    x_auths_sent.clear();
    x_watches.clear();
    x_on_event = nullptr;
    x_on_closed = nullptr;
    x_closed_callback_due = false;
    x_output = {};
}

void ClientSession::connected(Instant now) {
    CHECK(x_state == State::unconnected, "a connection while there is one");
    x_state = State::greeting;
    x_wants_drop = false;
    x_output = {};
    x_last_heard = now;
    x_last_sent = now;
    ConnectRequestFrame greeting;
    greeting.request.last_zxid_seen = x_last_zxid;
    greeting.request.time_out = static_cast<std::int32_t>(to_millis(x_options.timeout));
    greeting.request.session_id = x_session_id;
    greeting.request.passwd = x_password;
    greeting.read_only = false;
    wire::Writer body;
    greeting.encode(body);
    x_output.int32(static_cast<std::int32_t>(body.size()));
    x_output.bytes(body.view());
}

std::size_t ClientSession::on_bytes(BytesView bytes, Instant now) {
    x_last_heard = now;
    std::size_t read = 0;
    while (!x_wants_drop && x_state != State::finished && bytes.size() - read >= kLengthSize) {
        wire::Reader in(bytes.subspan(read));
        const std::int32_t size = in.int32();
        if (size < 0 || static_cast<std::size_t>(size) > x_options.frame_bytes_max) {
            log_warning("zookeeper client", "a frame of {} bytes; dropping the connection", size);
            x_wants_drop = true;
            break;
        }
        if (in.remaining() < static_cast<std::size_t>(size)) {
            break;
        }
        on_frame(in.bytes(static_cast<std::size_t>(size)));
        read += kLengthSize + static_cast<std::size_t>(size);
    }
    return x_wants_drop ? bytes.size() : read;
}

void ClientSession::on_frame(BytesView frame) {
    wire::Reader in(frame);
    if (x_state == State::greeting) {
        on_greeting(in);
    } else {
        on_reply(in);
    }
}

void ClientSession::on_greeting(wire::Reader& in) {
    const Result<ConnectResponseFrame> answer = ConnectResponseFrame::decode(in);
    if (!answer) {
        log_warning("zookeeper client", "{}", answer.error().to_string());
        x_wants_drop = true;
        return;
    }
    if (answer->response.time_out <= 0) {
        finish(ErrorCode::session_expired, SessionEvent::expired);
        return;
    }
    x_state = State::confirmed;
    x_session_id = answer->response.session_id;
    x_password = answer->response.passwd.value_or(Bytes());
    x_timeout = std::chrono::milliseconds(answer->response.time_out);
    for (std::size_t i = 0; i < x_auths.size(); ++i) {
        x_auths_sent.push_back(i);
        send_auth(x_auths[i]);
    }
    for (const SetWatches& watches : x_watches.set_again(x_last_zxid)) {
        wire::Writer body;
        watches.encode(body);
        send_frame(kSetWatchesXid, OpCode::set_watches, body.view());
    }
    std::deque<Request> unsent = std::exchange(x_unsent, {});
    for (Request& request : unsent) {
        send(std::move(request));
    }
    if (x_on_event) {
        x_on_event(SessionEvent::connected);
    }
}

void ClientSession::on_reply(wire::Reader& in) {
    const Result<ReplyHeader> header = ReplyHeader::decode(in);
    if (!header) {
        x_wants_drop = true;
        return;
    }
    const auto error = static_cast<ErrorCode>(header->err);
    x_last_zxid = std::max(x_last_zxid, header->zxid);
    if (header->xid == kNotificationXid) {
        on_notification(header->zxid, in);
    } else if (header->xid == kAuthXid) {
        on_auth_reply(error, header->zxid, in);
    } else if (header->xid != kPingXid && header->xid != kSetWatchesXid) {
        if (x_sent.empty() || x_sent.front().xid != header->xid) {
            log_warning("zookeeper client", "an answer to xid {}, which was not asked",
                        header->xid);
            x_wants_drop = true;
            return;
        }
        Sent request = std::move(x_sent.front());
        x_sent.pop_front();
        if (x_state == State::closing && x_sent.empty()) {
            finish(ErrorCode::session_expired, std::nullopt);
            return;
        }
        if (request.watch) {
            keep_watch(std::move(*request.watch), error);
        }
        wire::Reader nothing{BytesView()};
        request.then(error, header->zxid, error == ErrorCode::ok ? in : nothing);
    }
}

void ClientSession::keep_watch(WatchWish watch, ErrorCode error) {
    if (error == ErrorCode::ok) {
        // An exists that found its node leaves a data watch.
        const WatchKind kind = watch.kind == WatchKind::exists ? WatchKind::data : watch.kind;
        x_watches.add(kind, watch.path, std::move(watch.watcher));
    } else if (error == ErrorCode::no_node && watch.kind == WatchKind::exists) {
        x_watches.add(WatchKind::exists, watch.path, std::move(watch.watcher));
    }
}

void ClientSession::on_notification(std::int64_t zxid, wire::Reader& in) {
    const Result<WatcherEvent> event = WatcherEvent::decode(in);
    if (!event) {
        x_wants_drop = true;
        return;
    }
    const auto type = static_cast<EventType>(event->type);
    const WatchEvent told{type, strip_chroot(x_options.chroot, event->path), zxid};
    for (const Watcher& watcher : x_watches.take(type, event->path)) {
        watcher(told);
    }
}

void ClientSession::on_auth_reply(ErrorCode error, std::int64_t zxid, wire::Reader& in) {
    if (x_auths_sent.empty()) {
        x_wants_drop = true;
        return;
    }
    const std::size_t index = x_auths_sent.front();
    x_auths_sent.pop_front();
    if (error != ErrorCode::ok) {
        finish(ErrorCode::auth_failed, SessionEvent::auth_failed);
        return;
    }
    if (Reply then = std::exchange(x_auths[index].then, nullptr)) {
        then(error, zxid, in);
    }
}

void ClientSession::send(Request request) {
    const std::int32_t xid = x_next_xid;
    x_next_xid = x_next_xid == INT32_MAX ? 1 : x_next_xid + 1;
    send_frame(xid, request.op, request.body);
    x_sent.push_back({xid, std::move(request.then), std::move(request.watch)});
}

void ClientSession::send_frame(std::int32_t xid, OpCode op, BytesView body) {
    constexpr std::size_t kHeaderSize = 8;
    x_output.int32(static_cast<std::int32_t>(kHeaderSize + body.size()));
    x_output.int32(xid);
    x_output.int32(static_cast<std::int32_t>(op));
    x_output.bytes(body);
}

void ClientSession::send_auth(const Auth& auth) {
    wire::Writer body;
    AuthPacket{0, auth.scheme, auth.credentials}.encode(body);
    send_frame(kAuthXid, OpCode::auth, body.view());
}

void ClientSession::connection_lost() {
    x_wants_drop = false;
    x_output = {};
    x_auths_sent.clear();
    if (x_state == State::finished || x_state == State::unconnected) {
        return;
    }
    if (x_state == State::closing) {
        finish(ErrorCode::session_expired, std::nullopt);
        return;
    }
    const bool was_confirmed = x_state == State::confirmed;
    x_state = State::unconnected;
    fail_all(std::exchange(x_sent, {}), ErrorCode::connection_loss);
    if (was_confirmed && x_on_event) {
        x_on_event(SessionEvent::disconnected);
    }
}

void ClientSession::fail_all(std::deque<Sent> requests, ErrorCode error) {
    wire::Reader nothing{BytesView()};
    for (Sent& request : requests) {
        request.then(error, 0, nothing);
    }
}

void ClientSession::finish(ErrorCode error, std::optional<SessionEvent> event) {
    x_state = State::finished;
    x_end = error;
    x_wants_drop = true;
    x_watches.clear();
    std::deque<Sent> open = std::exchange(x_sent, {});
    for (Request& request : std::exchange(x_unsent, {})) {
        open.push_back({0, std::move(request.then), std::nullopt});
    }
    for (Auth& auth : std::exchange(x_auths, {})) {
        if (auth.then) {
            open.push_back({0, std::move(auth.then), std::nullopt});
        }
    }
    fail_all(std::move(open), error);
    if (event && x_on_event) {
        x_on_event(*event);
    }
    if (x_on_closed) {
        std::exchange(x_on_closed, nullptr)();
    }
}

void ClientSession::answer_refused() {
    wire::Reader nothing{BytesView()};
    std::deque<std::pair<Reply, ErrorCode>> refused = std::exchange(x_refused, {});
    for (auto& [then, error] : refused) {
        then(error, 0, nothing);
    }
    if (std::exchange(x_closed_callback_due, false) && x_on_closed) {
        std::exchange(x_on_closed, nullptr)();
    }
}

void ClientSession::on_time(Instant now) {
    if (x_state == State::unconnected || x_state == State::finished) {
        return;
    }
    if (now >= x_last_heard + x_timeout * 2 / 3) {
        x_wants_drop = true;
    } else if (x_state == State::confirmed && now >= x_last_sent + x_timeout / 3) {
        send_frame(kPingXid, OpCode::ping, {});
        x_last_sent = now;
    }
}

std::optional<Instant> ClientSession::deadline() const {
    if (x_state == State::unconnected || x_state == State::finished) {
        return std::nullopt;
    }
    const Instant silence = x_last_heard + x_timeout * 2 / 3;
    return x_state == State::confirmed ? std::min(silence, x_last_sent + x_timeout / 3) : silence;
}

Bytes ClientSession::take_output(Instant now) {
    x_last_sent = now;
    return std::exchange(x_output, {}).take();
}

}  // namespace millrace::zk
