// The client's side of one ZooKeeper session, without sockets and clocks: it is told what arrives and what time it is, and
// says what is to be sent. Callbacks of requests, watches and session events run inside the event calls (connected, on_bytes,
// connection_lost, on_time, answer_refused), never inside submit; they may submit again.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/time.h"
#include "lib/wire/reader.h"
#include "lib/wire/writer.h"
#include "lib/zk/client_watches.h"
#include "lib/zk/error_code.h"
#include "lib/zk/op_code.h"
#include "lib/zk/zookeeper.h"

namespace millrace::zk {

enum class SessionEvent {
    connected,     // a server has confirmed the session; from now on requests are sent
    disconnected,  // the connection is gone; the session may live on
    expired,       // the session is over and its ephemeral nodes are gone; the last event
    auth_failed,   // a server refused the credentials given with add_auth; the last event
};

class ClientSession {
 public:
    // body is empty unless the error is ok; borrowed for the call.
    using Reply = std::move_only_function<void(ErrorCode, std::int64_t zxid, wire::Reader& body)>;

    struct Options {
        Duration timeout{};
        std::string chroot;
        std::size_t outstanding_max = 0;
        std::size_t frame_bytes_max = 0;
    };
    ClientSession(Options options, std::function<void(SessionEvent)> on_event);

    // A watch to keep once its request is answered in a way that leaves one at the server.
    struct WatchWish {
        WatchKind kind = WatchKind::data;
        std::string path;  // as the server names it
        Watcher watcher;
    };
    struct Request {
        OpCode op = OpCode::sync;
        Bytes body;
        Reply then;
        std::optional<WatchWish> watch;
    };

    // --- what the owner wants
    void submit(Request request);
    void add_auth(std::string scheme, Bytes credentials, Reply then);
    // Ends the session; then runs inside a later event call. Without a connection the session is over at once.
    void close(std::function<void()> then);
    // Forgets everything without calling anybody.
    void abandon();

    // --- what happens; connected and connection_lost alternate
    void connected(Instant now);
    // Returns how many bytes it has read; the rest is an unfinished frame.
    std::size_t on_bytes(BytesView bytes, Instant now);
    void connection_lost();
    void on_time(Instant now);
    // Calls back those whom submit could not take.
    void answer_refused();

    // --- what is to be done
    // Bytes to send on the present connection, gathered since the last call.
    Bytes take_output(Instant now);
    bool has_output() const { return x_output.size() > 0; }
    bool has_refused() const { return !x_refused.empty() || x_closed_callback_due; }
    // The connection is of no use any more (silence, nonsense, the end); the owner drops it and says connection_lost.
    bool wants_drop() const { return x_wants_drop; }
    // No further connection is needed: expired, refused, closed or abandoned.
    bool finished() const { return x_state == State::finished; }
    // When on_time must be called at the latest, while there is a connection.
    std::optional<Instant> deadline() const;

    bool confirmed() const { return x_state == State::confirmed; }
    bool expired() const {
        return x_state == State::finished && x_end == ErrorCode::session_expired;
    }
    std::int64_t session_id() const { return x_session_id; }
    Duration timeout() const { return x_timeout; }
    std::size_t outstanding() const { return x_sent.size() + x_unsent.size(); }

 private:
    enum class State { unconnected, greeting, confirmed, closing, finished };

    struct Sent {
        std::int32_t xid = 0;
        Reply then;
        std::optional<WatchWish> watch;
    };
    struct Auth {
        std::string scheme;
        Bytes credentials;
        Reply then;  // empty once answered
    };

    void on_frame(BytesView frame);
    void on_greeting(wire::Reader& in);
    void on_reply(wire::Reader& in);
    void on_notification(std::int64_t zxid, wire::Reader& in);
    void on_auth_reply(ErrorCode error, std::int64_t zxid, wire::Reader& in);
    void send(Request request);
    void send_frame(std::int32_t xid, OpCode op, BytesView body);
    void send_auth(const Auth& auth);
    void keep_watch(WatchWish watch, ErrorCode error);
    // The end: everybody open hears the error.
    void finish(ErrorCode error, std::optional<SessionEvent> event);
    static void fail_all(std::deque<Sent> requests, ErrorCode error);

    Options x_options;
    std::function<void(SessionEvent)> x_on_event;
    State x_state = State::unconnected;
    ErrorCode x_end = ErrorCode::ok;  // why it is finished
    bool x_wants_drop = false;

    Duration x_timeout;
    std::int64_t x_session_id = 0;
    Bytes x_password = Bytes(16);
    std::int64_t x_last_zxid = 0;
    std::int32_t x_next_xid = 1;

    std::deque<Sent> x_sent;       // xids in the order of the answers
    std::deque<Request> x_unsent;  // waiting for a connection
    std::deque<std::pair<Reply, ErrorCode>> x_refused;
    std::vector<Auth> x_auths;
    std::deque<std::size_t> x_auths_sent;  // indexes, in the order of the answers
    ClientWatches x_watches;
    std::function<void()> x_on_closed;
    bool x_closed_callback_due = false;

    wire::Writer x_output;
    Instant x_last_sent;
    Instant x_last_heard;
};

}  // namespace millrace::zk
