#include "lib/runtime/http_connection.h"

#include <fmt/format.h>

#include <utility>

namespace millrace::runtime {
namespace {

// Bytes of further requests that a client may send ahead of the answer.
constexpr std::size_t kSentAheadMax = 256 * 1024;
constexpr int kStatusTooLarge = 413;

Bytes chunk_of(std::string_view text) {
    return to_bytes(fmt::format("{:x}\r\n{}\r\n", text.size(), text));
}

bool has_body(int status) {
    return status >= 200 && status != 204 && status != 304;
}

}  // namespace

// Holds the connection only as long as the connection knows it: an answer that comes too late goes nowhere.
class HttpConnection::Responder final : public HttpResponder {
 public:
    explicit Responder(HttpConnection& connection) : x_connection(&connection) {}
    ~Responder() override {
        if (x_connection == nullptr) {
            return;
        }
        if (x_connection->x_phase == Phase::streaming) {
            end();
        } else {
            send(500, {}, "the request was dropped\n");
        }
    }
    Responder(const Responder&) = delete;
    Responder& operator=(const Responder&) = delete;

    void send(int status, HttpHeaders headers, std::string body) override {
        if (x_connection != nullptr && x_connection->x_phase == Phase::answering) {
            x_connection->send(status, std::move(headers), std::move(body));
        }
    }
    void begin_stream(int status, HttpHeaders headers) override {
        if (x_connection != nullptr && x_connection->x_phase == Phase::answering) {
            x_connection->begin_stream(status, headers);
        }
    }
    bool write(std::string chunk) override {
        return x_connection != nullptr && x_connection->x_phase == Phase::streaming &&
               x_connection->write_chunk(chunk);
    }
    void end() override {
        if (x_connection != nullptr && x_connection->x_phase == Phase::streaming) {
            x_connection->end_stream();
        }
    }
    void on_disconnect(std::function<void()> callback) override {
        if (x_connection != nullptr) {
            x_connection->on_disconnect(std::move(callback));
        }
    }

    void forget() { x_connection = nullptr; }

 private:
    HttpConnection* x_connection;
};

HttpConnection::HttpConnection(std::uint64_t id, Loop& loop, const HttpServerOptions& options,
                               HttpConnectionOwner& owner)
    : x_id(id),
      x_loop(loop),
      x_options(options),
      x_owner(owner),
      x_parser(options.body_bytes_max) {}

HttpConnection::~HttpConnection() {
    forget_responder();
    x_loop.cancel(x_timer);
}

void HttpConnection::start(std::unique_ptr<Stream> stream) {
    x_stream = std::move(stream);
    // An answer in one piece is bounded by who makes it, a stream by write_chunk.
    x_stream->set_limits({.input_bytes_max = kSentAheadMax,
                          .output_bytes_high = x_options.stream_bytes_max,
                          .output_bytes_max = SIZE_MAX});
    x_stream->set_handler(this);
    x_waiting_since = x_loop.now();
    set_deadline(x_options.read_timeout);
}

void HttpConnection::set_deadline(Duration after) {
    x_loop.cancel(x_timer);
    x_timer = x_loop.run_after(after, [this] {
        x_timer = TimerId::none;
        on_deadline();
    });
}

void HttpConnection::on_deadline() {
    if (x_phase == Phase::answering) {
        send(503, {{"connection", "close"}}, "no answer in time\n");
    } else if (x_phase == Phase::reading && x_has_part) {
        refuse(408, "the request did not come in time");
    } else {
        on_closed(fail(Errc::timed_out, "idle"));
    }
}

std::size_t HttpConnection::on_bytes(BytesView bytes) {
    if (x_phase == Phase::closing) {
        return bytes.size();
    }
    if (x_phase != Phase::reading) {
        return 0;
    }
    const auto before = x_parser.state();
    const std::size_t used = x_parser.feed(bytes);
    if (x_parser.state() == HttpRequestParser::State::refused) {
        refuse(x_parser.status(), x_parser.reason());
        return bytes.size();
    }
    if (x_parser.state() == HttpRequestParser::State::complete) {
        dispatch();
        return used;
    }
    // The head has one deadline, counted from its first byte; a body gets more time with each piece.
    const bool in_body = x_parser.state() == HttpRequestParser::State::body;
    if (!x_has_part || (in_body && used > 0)) {
        set_deadline(x_options.read_timeout);
    }
    x_has_part = true;
    if (in_body && before == HttpRequestParser::State::head && x_parser.take_expects_continue()) {
        x_stream->write(to_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    return used;
}

void HttpConnection::dispatch() {
    const HttpRequest request = x_parser.take();
    x_phase = Phase::answering;
    x_has_part = false;
    x_is_head = request.method == "HEAD";
    x_unchunked = x_parser.is_http_1_0();
    set_deadline(x_options.answer_timeout);
    auto responder = std::make_shared<Responder>(*this);
    x_responder = responder.get();
    // The owner may destroy the server in it; nothing of this object is touched afterwards.
    x_owner.on_request(request, std::move(responder));
}

void HttpConnection::write_head(int status, const HttpHeaders& headers, std::string_view framing) {
    std::string head = fmt::format("HTTP/1.1 {} {}\r\n", status, reason_of(status));
    bool has_type = false;
    for (const auto& [name, value] : headers) {
        const bool own =
            name == "content-length" || name == "transfer-encoding" || name == "connection";
        if (own || !is_http_token(name) || !is_header_value(value)) {
            continue;
        }
        has_type = has_type || name == "content-type";
        fmt::format_to(std::back_inserter(head), "{}: {}\r\n", name, value);
    }
    if (!has_type && has_body(status)) {
        head += "content-type: text/plain; charset=utf-8\r\n";
    }
    head += framing;
    if (!x_parser.keeps_alive()) {
        head += "connection: close\r\n";
    } else if (x_unchunked) {
        head += "connection: keep-alive\r\n";
    }
    head += "\r\n";
    x_stream->write(to_bytes(head));
}

void HttpConnection::send(int status, HttpHeaders headers, std::string body) {
    if (const auto wish = headers.find("connection");
        wish != headers.end() && wish->second == "close") {
        x_parser.stop_keeping_alive();
    }
    write_head(status, headers,
               has_body(status) ? fmt::format("content-length: {}\r\n", body.size()) : "");
    if (!x_is_head && has_body(status)) {
        x_stream->write(to_bytes(body));
    }
    finish_answer();
}

void HttpConnection::begin_stream(int status, const HttpHeaders& headers) {
    x_loop.cancel(x_timer);
    x_timer = TimerId::none;
    x_phase = Phase::streaming;
    if (x_unchunked) {
        x_parser.stop_keeping_alive();
    }
    write_head(status, headers, x_unchunked ? "" : "transfer-encoding: chunked\r\n");
}

bool HttpConnection::write_chunk(std::string_view chunk) {
    if (chunk.empty() || x_is_head) {
        return true;
    }
    x_stream->write(x_unchunked ? to_bytes(chunk) : chunk_of(chunk));
    if (!x_stream->write_queue_full()) {
        return true;
    }
    // Not at once: the caller may be in the midst of writing to many.
    x_phase = Phase::closing;
    forget_responder();
    set_deadline(Duration{});
    return false;
}

void HttpConnection::end_stream() {
    if (!x_unchunked && !x_is_head) {
        x_stream->write(to_bytes("0\r\n\r\n"));
    }
    finish_answer();
}

void HttpConnection::forget_responder() {
    if (x_responder != nullptr) {
        x_responder->forget();
        x_responder = nullptr;
    }
}

void HttpConnection::finish_answer() {
    forget_responder();
    x_on_disconnect = nullptr;
    if (!x_parser.keeps_alive()) {
        x_phase = Phase::closing;
        if (x_parser.status() == kStatusTooLarge) {
            // The peer is likely sending still. Closing now would reset the connection and could take the answer with it, so
            // what comes is read over until the peer is done or out of time.
            set_deadline(x_options.read_timeout);
            return;
        }
        // A peer that does not read the rest has so long.
        set_deadline(x_options.answer_timeout);
        x_stream->close();
        return;
    }
    await_request();
}

void HttpConnection::await_request() {
    x_phase = Phase::reading;
    x_waiting_since = x_loop.now();
    set_deadline(x_options.keep_alive);
    // Requests sent ahead lie in the stream and are shown again only on request.
    x_stream->pause_reading();
    x_stream->resume_reading();
}

void HttpConnection::refuse(int status, std::string_view reason) {
    x_parser.stop_keeping_alive();
    send(status, {}, fmt::format("{}\n", reason));
}

void HttpConnection::on_closed(const Status&) {
    const auto self = shared_from_this();
    x_phase = Phase::closing;
    x_loop.cancel(x_timer);
    x_timer = TimerId::none;
    x_stream.reset();
    forget_responder();
    const auto callback = std::exchange(x_on_disconnect, nullptr);
    x_owner.on_ended(*this);
    if (callback) {
        callback();
    }
}

}  // namespace millrace::runtime
