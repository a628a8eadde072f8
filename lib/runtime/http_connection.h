// One connection of the HTTP server: requests one after the other, each answered before the next is looked at.
#pragma once

#include <functional>
#include <memory>

#include "lib/runtime/http_request_parser.h"
#include "lib/runtime/http_server.h"

namespace millrace::runtime {

class HttpConnection;

// What a connection asks of its server.
class HttpConnectionOwner {
 public:
    virtual ~HttpConnectionOwner() = default;
    virtual void on_request(const HttpRequest& request,
                            std::shared_ptr<HttpResponder> responder) = 0;
    // Lets go of the connection.
    virtual void on_ended(HttpConnection& connection) = 0;
};

class HttpConnection final : public StreamHandler,
                             public std::enable_shared_from_this<HttpConnection> {
 public:
    // id: the owner's name for it.
    HttpConnection(std::uint64_t id, Loop& loop, const HttpServerOptions& options,
                   HttpConnectionOwner& owner);
    ~HttpConnection() override;
    HttpConnection(const HttpConnection&) = delete;
    HttpConnection& operator=(const HttpConnection&) = delete;

    std::uint64_t id() const { return x_id; }
    void start(std::unique_ptr<Stream> stream);
    // Sends an answer to a request that will not be read, and closes.
    void refuse(int status, std::string_view reason);

    bool is_waiting_for_request() const { return x_phase == Phase::reading; }
    Instant waiting_since() const { return x_waiting_since; }

    // The calls of the responder.
    void send(int status, HttpHeaders headers, std::string body);
    void begin_stream(int status, const HttpHeaders& headers);
    bool write_chunk(std::string_view chunk);
    void end_stream();
    void on_disconnect(std::function<void()> callback) { x_on_disconnect = std::move(callback); }

 private:
    enum class Phase { reading, answering, streaming, closing };

    std::size_t on_bytes(BytesView bytes) override;
    void on_closed(const Status& why) override;

    void dispatch();
    void await_request();
    void finish_answer();
    void set_deadline(Duration after);
    void on_deadline();
    void write_head(int status, const HttpHeaders& headers, std::string_view framing);
    void forget_responder();

    class Responder;

    const std::uint64_t x_id;
    Loop& x_loop;
    const HttpServerOptions& x_options;
    HttpConnectionOwner& x_owner;
    std::unique_ptr<Stream> x_stream;
    HttpRequestParser x_parser;
    Phase x_phase = Phase::reading;
    bool x_is_head = false;    // HEAD: the answer has no body
    bool x_unchunked = false;  // HTTP/1.0: a stream ends with the connection
    bool x_has_part = false;   // a part of a request has come
    Instant x_waiting_since{};
    TimerId x_timer = TimerId::none;
    std::function<void()> x_on_disconnect;
    Responder* x_responder = nullptr;  // of the request being answered
};

}  // namespace millrace::runtime
