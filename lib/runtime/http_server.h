// An HTTP/1.1 server on a loop and a network: the operator's embedded Kubernetes API, and what the admin server is made of.
// Everything happens on the loop; a connection costs its buffers and no thread.
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
    // Open at once. Above it the one that has waited longest for a request is closed; with none waiting, the new one is (503).
    unsigned connections_max = 256;
    std::size_t body_bytes_max = 4 << 20;    // above: 413
    std::size_t stream_bytes_max = 8 << 20;  // queued for a peer that does not read
    Duration read_timeout = 5s;     // for the head of a request, and for each piece of its body
    Duration keep_alive = 60s;      // an idle connection is closed after it
    Duration answer_timeout = 60s;  // from the request to send or begin_stream; then 503
};

class HttpServer {
 public:
    using Handler = std::function<void(const HttpRequest&, std::shared_ptr<HttpResponder>)>;
    // Destroying the server closes all connections. No callback follows, and responders do nothing.
    virtual ~HttpServer() = default;

    // Takes every request of every method and path. The handler is called on the loop.
    // Errors: address_in_use, invalid_argument. An empty host means all addresses, port 0 a free
    // port.
    virtual Status start(const Endpoint& at, Handler handler) = 0;
    virtual Endpoint local() const = 0;
};

std::unique_ptr<HttpServer> make_http_server(Loop& loop, Network& network,
                                             const HttpServerOptions& options);

}  // namespace millrace::runtime
