// Brokers that live in the memory of a test: a Network whose every address is answered by functions
// that the test gives, one for each API.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/base/check.h"
#include "lib/kafka/request_frame.h"
#include "lib/kafka/response_of.h"
#include "lib/runtime/network.h"
#include "tests/support/manual_loop.h"

namespace millrace::testing {

class FakeBrokers : public runtime::Network {
 public:
    // A request as a broker saw it.
    struct Seen {
        runtime::Endpoint at;
        kafka::RequestHeader header;
    };

    explicit FakeBrokers(ManualLoop& loop) : x_loop(loop) {
        on<kafka::ApiVersionsRequest>([](const kafka::ApiVersionsRequest&, const Seen&) {
            kafka::ApiVersionsResponse response;
            for (const kafka::ApiInfo& api : kafka::all_apis()) {
                response.api_keys.push_back({api.key, api.min_version, api.max_version});
            }
            return response;
        });
    }

    // answer: (const Request&, const Seen&) -> Response or std::optional<Response>; nothing: silence.
    template <class Request, class Answer>
    void on(Answer answer) {
        x_answers[static_cast<kafka::ApiKey>(Request::kApiKey)] =
            [answer](const Seen& seen, wire::Reader body) -> std::optional<Bytes> {
            const Result<Request> request = Request::decode(body, seen.header.version);
            CHECK(request.has_value(), "a client writes what a broker can read");
            const std::optional<kafka::ResponseOf<Request>> response = answer(*request, seen);
            if (!response) {
                return std::nullopt;
            }
            return kafka::response_frame(seen.header, *response).take();
        };
    }
    // answer makes the whole frame.
    void on_raw(kafka::ApiKey key, std::function<std::optional<Bytes>(const Seen&)> answer) {
        x_answers[key] = [answer](const Seen& seen, wire::Reader) { return answer(seen); };
    }

    void refuse(const runtime::Endpoint& at) { x_refused.insert(at); }
    void accept(const runtime::Endpoint& at) { x_refused.erase(at); }
    // Closes every open connection from the broker's side.
    void hang_up();
    const std::vector<Seen>& seen() const { return x_seen; }
    std::size_t count(kafka::ApiKey key) const;
    std::size_t connections_made() const { return x_connections_made; }
    std::size_t connections_open() const;

    Result<std::unique_ptr<runtime::Listener>> bind(const runtime::Endpoint&,
                                                    const runtime::ListenOptions&,
                                                    AcceptCallback) override {
        return fail(Errc::unsupported, "nobody listens here");
    }
    void connect(const runtime::Endpoint& to, Duration, ConnectCallback then) override;

 private:
    struct Pipe {
        FakeBrokers* brokers = nullptr;
        runtime::Endpoint at;
        runtime::StreamHandler* handler = nullptr;
        Bytes to_broker;
        Bytes to_client;
        bool open = true;
    };

    class PipeStream : public runtime::Stream {
     public:
        explicit PipeStream(std::shared_ptr<Pipe> pipe) : x_pipe(std::move(pipe)) {}
        ~PipeStream() override { x_pipe->open = false; }
        void set_handler(runtime::StreamHandler* handler) override { x_pipe->handler = handler; }
        void set_limits(const runtime::StreamLimits&) override {}
        void write(Bytes bytes) override {
            x_pipe->to_broker.insert(x_pipe->to_broker.end(), bytes.begin(), bytes.end());
            x_pipe->brokers->x_loop.post([pipe = x_pipe] { pipe->brokers->serve(pipe); });
        }
        void write_file(std::shared_ptr<runtime::File>, std::uint64_t, std::uint64_t) override {}
        std::size_t queued_bytes() const override { return 0; }
        bool write_queue_full() const override { return false; }
        void pause_reading() override {}
        void resume_reading() override {}
        void close() override { x_pipe->open = false; }
        runtime::Endpoint peer() const override { return x_pipe->at; }
        runtime::Endpoint local() const override { return {}; }

     private:
        std::shared_ptr<Pipe> x_pipe;
    };

    void serve(const std::shared_ptr<Pipe>& pipe);

    ManualLoop& x_loop;
    std::map<kafka::ApiKey, std::function<std::optional<Bytes>(const Seen&, wire::Reader)>>
        x_answers;
    std::set<runtime::Endpoint> x_refused;
    std::vector<std::shared_ptr<Pipe>> x_pipes;
    std::vector<Seen> x_seen;
    std::size_t x_connections_made = 0;
};

inline void FakeBrokers::connect(const runtime::Endpoint& to, Duration, ConnectCallback then) {
    ++x_connections_made;
    x_loop.post([this, to, then = std::move(then)]() mutable {
        if (x_refused.contains(to)) {
            then(fail(Errc::connection_lost, "connection refused"));
            return;
        }
        auto pipe = std::make_shared<Pipe>();
        pipe->brokers = this;
        pipe->at = to;
        x_pipes.push_back(pipe);
        then(std::unique_ptr<runtime::Stream>(std::make_unique<PipeStream>(pipe)));
    });
}

inline void FakeBrokers::serve(const std::shared_ptr<Pipe>& pipe) {
    while (pipe->open) {
        wire::Reader reader(pipe->to_broker);
        const std::int32_t size = reader.int32();
        if (!reader.ok() || reader.remaining() < static_cast<std::size_t>(size)) {
            break;
        }
        const Bytes frame = [&] {
            const BytesView view = reader.bytes(static_cast<std::size_t>(size));
            return Bytes(view.begin(), view.end());
        }();
        pipe->to_broker.erase(
            pipe->to_broker.begin(),
            pipe->to_broker.begin() + static_cast<std::ptrdiff_t>(reader.position()));
        const Result<kafka::RequestFrame> request = kafka::parse_request_frame(frame);
        CHECK(request.has_value(), "a client writes what a broker can read");
        x_seen.push_back({pipe->at, request->header});
        const auto answer = x_answers.find(request->header.key);
        CHECK(answer != x_answers.end(), "the test answers every request it provokes");
        if (const auto reply = answer->second(x_seen.back(), request->body)) {
            pipe->to_client.insert(pipe->to_client.end(), reply->begin(), reply->end());
        }
    }
    if (pipe->open && !pipe->to_client.empty()) {
        const std::size_t consumed = pipe->handler->on_bytes(pipe->to_client);
        pipe->to_client.erase(pipe->to_client.begin(),
                              pipe->to_client.begin() + static_cast<std::ptrdiff_t>(consumed));
    }
}

inline void FakeBrokers::hang_up() {
    for (const std::shared_ptr<Pipe>& pipe : x_pipes) {
        if (pipe->open) {
            pipe->open = false;
            pipe->handler->on_closed({});
        }
    }
}

inline std::size_t FakeBrokers::count(kafka::ApiKey key) const {
    std::size_t found = 0;
    for (const Seen& seen : x_seen) {
        found += seen.header.key == key ? 1 : 0;
    }
    return found;
}

inline std::size_t FakeBrokers::connections_open() const {
    std::size_t open = 0;
    for (const std::shared_ptr<Pipe>& pipe : x_pipes) {
        open += pipe->open ? 1 : 0;
    }
    return open;
}

}  // namespace millrace::testing
