// The blocking half of the HTTP client: one request over the library, from whatever thread calls it.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "lib/runtime/http_client.h"

namespace millrace::runtime {

class HttpConnections;

// Ends a request from another thread.
class HttpCancellation {
 public:
    HttpCancellation();
    ~HttpCancellation();
    HttpCancellation(const HttpCancellation&) = delete;
    HttpCancellation& operator=(const HttpCancellation&) = delete;

    // From now on the request ends as soon as it can; does not wait.
    void ask();
    bool asked() const;
    // Interrupts the request until it has ended. Waits, at most as long as a connect takes.
    void interrupt_until_ended();

 private:
    friend class HttpConnections;
    struct State;
    std::unique_ptr<State> x_state;
};

// Where the bytes of an answer go.
struct HttpSink {
    // The status and the headers have come.
    std::function<void(const HttpResponse&)> on_head;
    // False ends the request.
    std::function<bool(std::string_view)> on_piece;
};

// Connections to one server, kept for the next request. Thread-safe.
class HttpConnections {
 public:
    explicit HttpConnections(HttpClientOptions options);
    ~HttpConnections();
    HttpConnections(const HttpConnections&) = delete;
    HttpConnections& operator=(const HttpConnections&) = delete;

    // The whole answer. A GET that fails on a kept connection is tried once more on a fresh one.
    Result<HttpResponse> request(const HttpRequest& request, HttpCancellation& cancellation);
    // On a connection of its own; the response has the head only, the body goes to the sink.
    Result<HttpResponse> stream(const HttpRequest& request, const HttpSink& sink,
                                HttpCancellation& cancellation);

 private:
    struct State;
    struct Attempt;

    Result<HttpResponse> run(const HttpRequest& request, const HttpSink& sink,
                             HttpCancellation& cancellation, Attempt& attempt);

    std::unique_ptr<State> x_state;
};

}  // namespace millrace::runtime
