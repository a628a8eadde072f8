#include "lib/kafka/client.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/check.h"
#include "lib/kafka/error_code.h"

namespace millrace::kafka {

namespace {

// Known by every broker since 2.2, and not flexible: good where nothing was negotiated.
constexpr std::int16_t kSaslAuthenticateBlind = 1;
constexpr std::int16_t kSaslHandshake = 1;
constexpr std::int16_t kApiVersionsFirst = 3;

template <class Request>
RawRequest make_own(Request request, VersionRange versions,
                    std::move_only_function<void(Result<RawAnswer>)> then) {
    RawRequest raw;
    raw.key = static_cast<ApiKey>(Request::kApiKey);
    raw.versions = versions;
    raw.encode = [request = std::move(request)](wire::Writer& writer, std::int16_t version) {
        request.encode(writer, version);
    };
    raw.then = std::move(then);
    return raw;
}

}  // namespace

// The stream and its handler in one. When the client is done with it, it is cut off and destroyed
// in a later turn, so that a client may go away inside one of its own callbacks.
struct Client::Connection final : runtime::StreamHandler {
    explicit Connection(Client& of) : client(&of) {}

    std::size_t on_bytes(BytesView bytes) override {
        return client == nullptr ? bytes.size() : client->take_bytes(bytes);
    }
    void on_closed(const Status& why) override {
        if (client != nullptr) {
            client->lose(why ? Error{Errc::connection_lost, "the broker closed the connection"}
                             : Error{Errc::connection_lost, why.error().message});
        }
    }

    Client* client;
    std::unique_ptr<runtime::Stream> stream;
};

Client::Client(runtime::Loop& loop, runtime::Network& network, runtime::Endpoint to,
               ClientOptions options)
    : x_loop(loop),
      x_network(network),
      x_endpoint(std::move(to)),
      x_options(std::move(options)),
      x_life(std::make_shared<int>(0)),
      x_alive(std::make_shared<int>(0)) {
    CHECK(x_options.in_flight_max > 0);
}

Client::~Client() {
    x_loop.cancel(x_timer);
    if (x_connection) {
        x_connection->client = nullptr;
        x_loop.post([connection = std::move(x_connection)] {});
    }
}

void Client::send_raw(RawRequest request) {
    if (x_queued.size() >= x_options.queued_max) {
        fail_later(std::move(request),
                   {Errc::busy, fmt::format("{} requests wait for {}", x_queued.size(),
                                            x_endpoint.to_string())});
        return;
    }
    Pending pending;
    pending.request = std::move(request);
    pending.deadline = x_loop.now() + x_options.request_timeout;
    x_queued.push_back(std::move(pending));
    watch_deadlines();
    if (x_state == State::idle) {
        connect();
    } else if (x_state == State::ready) {
        pump();
    }
}

void Client::disconnect() {
    lose({Errc::connection_lost, fmt::format("disconnected from {}", x_endpoint.to_string())});
}

std::optional<VersionRange> Client::offered(ApiKey key) const {
    const auto found = x_offered.find(key);
    if (x_state != State::ready || found == x_offered.end()) {
        return std::nullopt;
    }
    return found->second;
}

void Client::connect() {
    x_state = State::connecting;
    const auto take_stream =
        [this, life = std::weak_ptr(x_life)](Result<std::unique_ptr<runtime::Stream>> stream) {
            if (life.expired()) {
                return;
            }
            if (!stream) {
                lose(stream.error());
                return;
            }
            x_connection = std::make_unique<Connection>(*this);
            x_connection->stream = std::move(*stream);
            x_connection->stream->set_handler(x_connection.get());
            runtime::StreamLimits limits;
            limits.input_bytes_max = x_options.response_bytes_max + kFrameLengthSize;
            x_connection->stream->set_limits(limits);
            greet();
        };
    x_network.connect(x_endpoint, x_options.connect_timeout, take_stream);
}

void Client::greet() {
    x_state = State::greeting;
    x_offered.clear();
    if (x_options.negotiate) {
        negotiate(kApiVersionsFirst);
    } else {
        authenticate();
    }
}

void Client::negotiate(std::int16_t version) {
    ApiVersionsRequest request;
    request.client_software_name = "millrace";
    request.client_software_version = x_options.software_version;
    send_own(make_own(std::move(request), {version, version}, [this](Result<RawAnswer> answer) {
        if (answer) {
            take_versions(*answer);
        }
    }));
}

void Client::take_versions(RawAnswer answer) {
    wire::Reader peek = answer.body;
    if (error_from_wire(peek.int16()) == ErrorCode::unsupported_version && answer.version > 0) {
        negotiate(0);  // an old broker, which answers with version 0 whatever was asked
        return;
    }
    const auto versions = ApiVersionsResponse::decode(answer.body, answer.version);
    if (!versions) {
        lose(versions.error());
        return;
    }
    if (const ErrorCode code = error_from_wire(versions->error_code); code != ErrorCode::none) {
        lose({Errc::connection_lost,
              fmt::format("{} refused ApiVersions: {}", x_endpoint.to_string(), name_of(code))});
        return;
    }
    for (const auto& api : versions->api_keys) {
        x_offered[static_cast<ApiKey>(api.api_key)] = {api.min_version, api.max_version};
    }
    authenticate();
}

void Client::authenticate() {
    if (!x_options.make_sasl) {
        become_ready();
        return;
    }
    x_sasl = x_options.make_sasl();
    SaslHandshakeRequest request;
    request.mechanism = x_sasl->mechanism();
    const auto take_mechanism = [this](Result<RawAnswer> answer) {
        if (!answer) {
            lose(answer.error());  // the broker may be there and know no SASL
            return;
        }
        const auto response = SaslHandshakeResponse::decode(answer->body, answer->version);
        if (!response) {
            lose(response.error());
        } else if (response->error_code != 0) {
            lose({Errc::unsupported,
                  fmt::format("{} does not offer SASL mechanism {}, but {}", x_endpoint.to_string(),
                              x_sasl->mechanism(), fmt::join(response->mechanisms, ", "))});
        } else {
            send_token({});
        }
    };
    send_own(make_own(std::move(request), {kSaslHandshake, kSaslHandshake}, take_mechanism));
}

void Client::send_token(BytesView challenge) {
    Result<Bytes> token = x_sasl->next(challenge);
    if (!token) {
        lose(token.error());
        return;
    }
    if (x_sasl->finished()) {
        become_ready();
        return;
    }
    SaslAuthenticateRequest request;
    request.auth_bytes = std::move(*token);
    const auto take_challenge = [this](Result<RawAnswer> answer) {
        if (!answer) {
            return;
        }
        const auto response = SaslAuthenticateResponse::decode(answer->body, answer->version);
        if (!response) {
            lose(response.error());
        } else if (response->error_code != 0) {
            const ErrorCode code = error_from_wire(response->error_code);
            lose({Errc::connection_lost,
                  fmt::format("{}: {}", name_of(code),
                              response->error_message.value_or(std::string(message_of(code))))});
        } else {
            send_token(response->auth_bytes);
        }
    };
    const std::int16_t greatest =
        x_options.negotiate ? SaslAuthenticateRequest::kMaxVersion : kSaslAuthenticateBlind;
    send_own(make_own(std::move(request), {0, greatest}, take_challenge));
}

// Requests of the greeting overtake the queue.
void Client::send_own(RawRequest request) {
    Pending pending;
    pending.request = std::move(request);
    pending.deadline = x_loop.now() + x_options.request_timeout;
    transmit(std::move(pending));
}

void Client::become_ready() {
    x_state = State::ready;
    x_sasl.reset();
    pump();
}

void Client::pump() {
    while (x_state == State::ready && !x_queued.empty() &&
           x_in_flight.size() < x_options.in_flight_max) {
        Pending pending = std::move(x_queued.front());
        x_queued.pop_front();
        transmit(std::move(pending));
    }
    watch_deadlines();
}

Result<std::int16_t> Client::choose_version(const RawRequest& request) const {
    if (x_offered.empty()) {
        return request.versions.greatest;
    }
    const auto found = x_offered.find(request.key);
    if (found == x_offered.end()) {
        return fail(Errc::unsupported, fmt::format("{} does not offer {}", x_endpoint.to_string(),
                                                   name_of(request.key)));
    }
    const auto [least, greatest] = found->second;
    const std::int16_t version = std::min(request.versions.greatest, greatest);
    if (version < std::max(request.versions.least, least)) {
        return fail(Errc::unsupported,
                    fmt::format("{} offers {} {} to {}, needed is {} to {}", x_endpoint.to_string(),
                                name_of(request.key), least, greatest, request.versions.least,
                                request.versions.greatest));
    }
    return version;
}

void Client::transmit(Pending pending) {
    const Result<std::int16_t> version = choose_version(pending.request);
    if (!version) {
        fail_later(std::move(pending.request), version.error());
        return;
    }
    pending.version = *version;
    pending.correlation_id = x_next_correlation_id;
    x_next_correlation_id = (x_next_correlation_id + 1) & 0x7fffffff;
    wire::Writer frame =
        begin_request({pending.request.key, *version, pending.correlation_id, x_options.client_id});
    pending.request.encode(frame, *version);
    CHECK(frame.gaps().empty(), "a client's request has no gaps to fill from files");
    finish_frame(frame);
    x_connection->stream->write(frame.take());
    if (pending.request.answered) {
        x_in_flight.push_back(std::move(pending));
        return;
    }
    x_loop.post([alive = std::weak_ptr(x_alive), version = *version,
                 then = std::move(pending.request.then)]() mutable {
        if (!alive.expired()) {
            then(RawAnswer{version, wire::Reader({})});
        }
    });
}

std::size_t Client::take_bytes(BytesView bytes) {
    const std::weak_ptr life = x_life;
    std::size_t consumed = 0;
    while (bytes.size() - consumed >= kFrameLengthSize) {
        wire::Reader reader(bytes.subspan(consumed));
        const std::int32_t size = reader.int32();
        if (size < 0 || static_cast<std::size_t>(size) > x_options.response_bytes_max) {
            lose({Errc::too_large,
                  fmt::format("{} sent a response of {} bytes, at most {} are taken",
                              x_endpoint.to_string(), size, x_options.response_bytes_max)});
            return bytes.size();
        }
        const auto frame_size = static_cast<std::size_t>(size);
        if (reader.remaining() < frame_size) {
            break;
        }
        const Status taken = take_frame(reader.bytes(frame_size));
        if (life.expired()) {
            return bytes.size();  // the callback ended the connection, or this client
        }
        if (!taken) {
            lose(taken.error());
            return bytes.size();
        }
        consumed += kFrameLengthSize + frame_size;
    }
    pump();
    return consumed;
}

Status Client::take_frame(BytesView frame) {
    if (x_in_flight.empty()) {
        return fail(Errc::malformed,
                    fmt::format("{} sent an answer to nothing", x_endpoint.to_string()));
    }
    Pending& first = x_in_flight.front();
    const ResponseFrame response =
        TRY(parse_response_frame(frame, first.request.key, first.version));
    if (response.correlation_id != first.correlation_id) {
        return fail(
            Errc::malformed,
            fmt::format("{} answered request {}, the oldest open one is {}", x_endpoint.to_string(),
                        response.correlation_id, first.correlation_id));
    }
    auto then = std::move(first.request.then);
    const std::int16_t version = first.version;
    x_in_flight.pop_front();
    then(RawAnswer{version, response.body});
    return {};
}

void Client::lose(const Error& why) {
    x_state = State::idle;
    x_offered.clear();
    x_sasl.reset();
    x_loop.cancel(x_timer);
    x_timer = runtime::TimerId::none;
    if (x_connection) {
        x_connection->client = nullptr;
        x_loop.post([connection = std::move(x_connection)] {});
    }
    std::deque<Pending> lost = std::exchange(x_in_flight, {});
    std::ranges::move(std::exchange(x_queued, {}), std::back_inserter(lost));
    x_life = std::make_shared<int>(0);
    const std::weak_ptr alive = x_alive;
    for (Pending& pending : lost) {
        pending.request.then(fail(why));
        if (alive.expired()) {
            return;  // the callback destroyed this client: nobody wants the other answers
        }
    }
}

void Client::fail_later(RawRequest request, Error why) {
    x_loop.post([alive = std::weak_ptr(x_alive), why = std::move(why),
                 then = std::move(request.then)]() mutable {
        if (!alive.expired()) {
            then(fail(std::move(why)));
        }
    });
}

// Both queues are in order of their deadlines, save that the greeting overtakes.
void Client::watch_deadlines() {
    if (x_timer != runtime::TimerId::none || pending() == 0) {
        return;
    }
    Instant first = x_in_flight.empty() ? x_queued.front().deadline : x_in_flight.front().deadline;
    if (!x_queued.empty()) {
        first = std::min(first, x_queued.front().deadline);
    }
    x_timer = x_loop.run_at(first, [this] {
        x_timer = runtime::TimerId::none;
        check_deadlines();
    });
}

void Client::check_deadlines() {
    const Instant now = x_loop.now();
    const bool late_answer = !x_in_flight.empty() && x_in_flight.front().deadline <= now;
    const bool late_start = !x_queued.empty() && x_queued.front().deadline <= now;
    if (late_answer || late_start) {
        // The order of answers is lost with one of them, and a broker that leaves a request waiting
        // that long is not one to send more to.
        lose({Errc::timed_out, fmt::format("{} did not answer in {} ms", x_endpoint.to_string(),
                                           to_millis(x_options.request_timeout))});
        return;
    }
    watch_deadlines();
}

}  // namespace millrace::kafka
