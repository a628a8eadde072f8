// One connection to one broker: requests go out in order, at most so many at a time, and answers
// come back in the same order. Used by the controller's channels, the command line, the operator.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "lib/base/result.h"
#include "lib/base/time.h"
#include "lib/kafka/api_key.h"
#include "lib/kafka/request_frame.h"
#include "lib/kafka/response_of.h"
#include "lib/runtime/loop.h"
#include "lib/runtime/network.h"

namespace millrace::kafka {

// The versions of an API that a caller can put up with, both included.
struct VersionRange {
    std::int16_t least = 0;
    std::int16_t greatest = 0;
};

// One SASL conversation, as the client sees it. A fresh one is made for every connection.
class SaslExchange {
 public:
    virtual ~SaslExchange() = default;
    virtual std::string_view mechanism() const = 0;
    // The next token; challenge is the server's last one, empty at the start. An error ends the
    // connection.
    virtual Result<Bytes> next(BytesView challenge) = 0;
    // True once the server's last token was accepted: what next returned is not sent any more.
    virtual bool finished() const = 0;
};

struct ClientOptions {
    std::string client_id = "millrace";
    std::string software_version = "unknown";  // told to brokers with ApiVersions
    Duration connect_timeout = 10s;
    Duration request_timeout = 30s;  // from send() to the answer
    std::size_t in_flight_max = 5;
    std::size_t queued_max = 1024;  // requests that wait to be sent
    std::size_t response_bytes_max = 128 * 1024 * 1024;
    // Ask for the broker's versions first. Without, the greatest version of each range is sent
    // blindly, as the controller and replica fetchers do, whose versions
    // inter.broker.protocol.version dictates.
    bool negotiate = true;
    std::function<std::unique_ptr<SaslExchange>()> make_sasl;  // empty: no authentication
};

// An answer before it is decoded. body is valid during the callback only.
struct RawAnswer {
    std::int16_t version = 0;
    wire::Reader body;
};

// A request whose bytes depend on the version that is agreed on later.
struct RawRequest {
    ApiKey key{};
    VersionRange versions;
    bool answered = true;  // false: a Produce with acks 0, done once it is handed to the stream
    std::move_only_function<void(wire::Writer&, std::int16_t version)> encode;
    std::move_only_function<void(Result<RawAnswer>)> then;
};

// Connects with the first request and again with the first one after a loss; when to try again is
// the caller's choice. Callbacks never run inside send, and none runs after the destructor.
// Errors of all requests: connection_lost (it may have been carried out), timed_out (the connection
// is dropped too), unsupported (no version in common), malformed, too_large, busy (queue full).
class Client {
 public:
    Client(runtime::Loop& loop, runtime::Network& network, runtime::Endpoint to,
           ClientOptions options);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    template <class Request>
    using Callback = std::move_only_function<void(Result<ResponseOf<Request>>)>;

    template <class Request>
    void send(Request request, VersionRange versions, Callback<Request> then);
    template <class Request>
    void send(Request request, std::int16_t version, Callback<Request> then) {
        send(std::move(request), VersionRange{version, version}, std::move(then));
    }
    // The newest version that both sides know.
    template <class Request>
    void send(Request request, Callback<Request> then) {
        send(std::move(request), VersionRange{Request::kMinVersion, Request::kMaxVersion},
             std::move(then));
    }
    void send_raw(RawRequest request);

    // Drops the connection; whatever is pending fails with connection_lost.
    void disconnect();

    bool connected() const { return x_state == State::ready; }
    std::size_t pending() const { return x_queued.size() + x_in_flight.size(); }
    const runtime::Endpoint& endpoint() const { return x_endpoint; }
    // What the broker told; absent before a connection is ready, without negotiation, or when the
    // broker lacks the API.
    std::optional<VersionRange> offered(ApiKey key) const;

 private:
    struct Connection;
    enum class State { idle, connecting, greeting, ready };
    struct Pending {
        RawRequest request;
        std::int32_t correlation_id = 0;
        std::int16_t version = 0;
        Instant deadline;
    };

    void connect();
    void greet();
    void negotiate(std::int16_t version);
    void take_versions(RawAnswer answer);
    void authenticate();
    void send_token(BytesView challenge);
    void send_own(RawRequest request);
    void become_ready();
    void pump();
    void transmit(Pending pending);
    Result<std::int16_t> choose_version(const RawRequest& request) const;
    std::size_t take_bytes(BytesView bytes);
    Status take_frame(BytesView frame);
    void lose(const Error& why);
    void fail_later(RawRequest request, Error why);
    void watch_deadlines();
    void check_deadlines();

    runtime::Loop& x_loop;
    runtime::Network& x_network;
    runtime::Endpoint x_endpoint;
    ClientOptions x_options;
    State x_state = State::idle;
    std::unique_ptr<Connection> x_connection;
    std::unique_ptr<SaslExchange> x_sasl;
    std::map<ApiKey, VersionRange> x_offered;
    std::deque<Pending> x_queued;
    std::deque<Pending> x_in_flight;
    std::int32_t x_next_correlation_id = 0;
    runtime::TimerId x_timer = runtime::TimerId::none;
    // Replaced whenever a connection ends; what belongs to that connection holds a weak one.
    std::shared_ptr<int> x_life;
    // The same for this object.
    std::shared_ptr<int> x_alive;
};

template <class Request>
void Client::send(Request request, VersionRange versions, Callback<Request> then) {
    RawRequest raw;
    raw.key = static_cast<ApiKey>(Request::kApiKey);
    raw.versions = versions;
    raw.encode = [request = std::move(request)](wire::Writer& writer, std::int16_t version) {
        request.encode(writer, version);
    };
    raw.then = [then = std::move(then)](Result<RawAnswer> answer) mutable {
        if (!answer) {
            then(fail(std::move(answer).error()));
            return;
        }
        then(ResponseOf<Request>::decode(answer->body, answer->version));
    };
    send_raw(std::move(raw));
}

}  // namespace millrace::kafka
