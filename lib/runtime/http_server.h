// An HTTP/1.1 server for APIs that this project offers itself: the admin server and the operator's
// embedded Kubernetes API. The library behind it has threads of its own; handlers run on the loop,
// and so do all members of the server and of responders.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/runtime/http.h"
#include "lib/runtime/loop.h"
#include "lib/runtime/network.h"

namespace millrace::runtime {

// The answer to one request. Either send once, or begin_stream, any number of writes, and end.
// Calls after the answer is complete, or after the peer is gone, do nothing. Letting go of the last
// reference unanswered sends 500.
class HttpResponder {
 public:
    virtual ~HttpResponder() = default;

    // header "content-type" sets the type (default text/plain); content-length and connection are
    // the server's own.
    virtual void send(int status, HttpHeaders headers, std::string body) = 0;

    // A body of unknown length in chunks, sent as they are written (watches, logs).
    virtual void begin_stream(int status, HttpHeaders headers) = 0;
    // False when the peer is gone or has stopped reading for so long that stream_bytes_max are
    // queued; the stream is cut then.
    virtual bool write(std::string chunk) = 0;
    virtual void end() = 0;

    // Called once on the loop when the peer goes away before a stream was ended. Noticed within
    // half a second.
    virtual void on_disconnect(std::function<void()> callback) = 0;
};

struct HttpServerOptions {
    unsigned connections_max =
        256;  // served at once, each by a thread; four times as many wait, more are not accepted
    std::size_t body_bytes_max = 4 << 20;    // above: 413
    std::size_t stream_bytes_max = 8 << 20;  // queued for a peer that does not read
    Duration read_timeout = 5s;              // for each piece of a request
    Duration keep_alive = 10s;               // an idle connection is closed after it
    Duration answer_timeout = 60s;           // from the request to send or begin_stream; then 503
};

class HttpServer {
 public:
    using Handler = std::function<void(const HttpRequest&, std::shared_ptr<HttpResponder>)>;
    // Destroying the server closes all connections and waits for its threads. No callback follows.
    virtual ~HttpServer() = default;

    // Takes every request of every method and path. The handler is called on the loop.
    // Errors: address_in_use, invalid_argument. An empty host means all addresses, port 0 a free
    // port.
    virtual Status start(const Endpoint& at, Handler handler) = 0;
    virtual Endpoint local() const = 0;
};

std::unique_ptr<HttpServer> make_http_server(Loop& loop, const HttpServerOptions& options);

}  // namespace millrace::runtime
