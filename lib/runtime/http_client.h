// An HTTP/1.1 client for one server. The library behind it blocks, so each call runs on a thread;
// results come on the loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/runtime/http.h"
#include "lib/runtime/loop.h"

namespace millrace::runtime {

struct HttpClientOptions {
    std::string base_url;  // "http://host:port" or "https://host:port", without a path

    // PEM files; empty means none. All files are read again when they change, so rotated
    // credentials take effect.
    std::string ca_file;           // trusted authorities; empty means those of the system
    std::string certificate_file;  // the client's own, for mutual TLS
    std::string key_file;
    std::string token_file;  // sent as "Authorization: Bearer …"
    bool verify_server = true;

    Duration connect_timeout = 5s;
    Duration read_timeout = 30s;  // silence while an answer is awaited
    Duration stream_silence =
        330s;  // silence after which a stream is given up; above the timeoutSeconds of a watch
    std::size_t response_bytes_max = 64 << 20;  // above: too_large
    std::size_t line_bytes_max = 4 << 20;       // of one line of a stream; above: too_large
    unsigned threads = 4;                       // requests at once; streams have a thread each
    std::size_t requests_max = 1024;            // waiting; above: busy
    unsigned streams_max = 64;                  // above: busy
};

// A running stream. Destroying it ends the stream at once; no callback follows.
class HttpStream {
 public:
    virtual ~HttpStream() = default;
};

class HttpClient {
 public:
    using ResponseCallback = std::move_only_function<void(Result<HttpResponse>)>;
    using LineCallback = std::function<void(std::string_view)>;

    // Destroying the client gives up everything under way; no callback follows.
    virtual ~HttpClient() = default;

    // Any status is a value. Errors: connection_lost, timed_out, too_large, busy, invalid_argument
    // (bad header value, bad file). A GET that fails on a kept connection is tried once more on a
    // fresh one; nothing else is repeated.
    virtual void request(HttpRequest request, ResponseCallback then) = 0;

    // Newline-delimited text: on_line for each line without its end, in order. on_end comes last,
    // exactly once: with the response when the server ended the stream or answered outside 2xx (the
    // body is then in the response), or the error.
    virtual std::unique_ptr<HttpStream> stream(HttpRequest request, LineCallback on_line,
                                               ResponseCallback on_end) = 0;
};

std::unique_ptr<HttpClient> make_http_client(Loop& loop, HttpClientOptions options);

}  // namespace millrace::runtime
