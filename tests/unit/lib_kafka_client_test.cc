#include <catch2/catch.hpp>

#include "lib/kafka/client.h"
#include "lib/kafka/error_code.h"
#include "tests/support/fake_brokers.h"

using namespace millrace;
using namespace millrace::kafka;
using millrace::testing::FakeBrokers;
using millrace::testing::ManualLoop;

namespace {

const runtime::Endpoint kBroker{"one", 9092};

struct World {
    ManualLoop loop;
    FakeBrokers brokers{loop};
    std::unique_ptr<Client> client;
    std::vector<std::string> outcomes;

    explicit World(ClientOptions options = {}) {
        client = std::make_unique<Client>(loop, brokers, kBroker, std::move(options));
    }
    // Notes "name: error of the answer" or "name: the failure".
    void heartbeat(const std::string& name) {
        HeartbeatRequest request;
        request.group_id = name;
        client->send<HeartbeatRequest>(request, [this, name](Result<HeartbeatResponse> response) {
            outcomes.push_back(name + ": " +
                               (response
                                    ? std::string(name_of(error_from_wire(response->error_code)))
                                    : std::string(name_of(response.error().code))));
        });
    }
};

HeartbeatResponse echo(const HeartbeatRequest& request, const FakeBrokers::Seen&) {
    HeartbeatResponse response;
    response.error_code =
        request.group_id == "bad" ? to_wire(ErrorCode::unknown_member_id) : std::int16_t{0};
    return response;
}

}  // namespace

TEST_CASE("a request is sent after the handshake, in the newest common version") {
    World world;
    world.brokers.on<HeartbeatRequest>(echo);
    world.heartbeat("bad");
    REQUIRE(world.outcomes.empty());
    world.loop.run_until_idle();
    REQUIRE(world.outcomes == std::vector<std::string>{"bad: UNKNOWN_MEMBER_ID"});
    REQUIRE(world.client->connected());
    REQUIRE(world.brokers.seen().size() == 2);
    REQUIRE(world.brokers.seen()[0].header.key == ApiKey::api_versions);
    REQUIRE(world.brokers.seen()[1].header.version == 4);
    REQUIRE(world.brokers.seen()[1].header.client_id == "millrace");
    REQUIRE(world.client->offered(ApiKey::fetch)->greatest == 17);
}

TEST_CASE("without negotiation the greatest version of the range is sent blindly") {
    ClientOptions options;
    options.negotiate = false;
    World world(options);
    world.brokers.on<HeartbeatRequest>(echo);
    world.client->send<HeartbeatRequest>({}, 2, [](Result<HeartbeatResponse>) {});
    world.loop.run_until_idle();
    REQUIRE(world.brokers.seen().size() == 1);
    REQUIRE(world.brokers.seen()[0].header.version == 2);
}

TEST_CASE("a broker that knows no new ApiVersions is asked again with version 0") {
    World world;
    world.brokers.on_raw(ApiKey::api_versions, [](const FakeBrokers::Seen& seen) {
        ApiVersionsResponse response;
        response.api_keys.push_back({to_wire(ApiKey::heartbeat), 0, 1});
        response.error_code =
            seen.header.version > 0 ? to_wire(ErrorCode::unsupported_version) : std::int16_t{0};
        RequestHeader as_old = seen.header;
        as_old.version = 0;
        return std::optional(response_frame(as_old, response).take());
    });
    world.brokers.on<HeartbeatRequest>(echo);
    world.heartbeat("a");
    world.loop.run_until_idle();
    REQUIRE(world.outcomes == std::vector<std::string>{"a: NONE"});
    REQUIRE(world.brokers.seen().back().header.version == 1);
}

TEST_CASE("a request without a version in common fails as unsupported, the connection stays") {
    World world;
    world.brokers.on<ApiVersionsRequest>([](const ApiVersionsRequest&, const FakeBrokers::Seen&) {
        ApiVersionsResponse response;
        response.api_keys.push_back({to_wire(ApiKey::heartbeat), 0, 4});
        response.api_keys.push_back({to_wire(ApiKey::fetch), 0, 3});
        return response;
    });
    world.brokers.on<HeartbeatRequest>(echo);
    Errc code{};
    world.client->send<FetchRequest>({}, VersionRange{4, 17}, [&](Result<FetchResponse> response) {
        code = response.error().code;
    });
    world.heartbeat("a");
    world.loop.run_until_idle();
    REQUIRE(code == Errc::unsupported);
    REQUIRE(world.outcomes == std::vector<std::string>{"a: NONE"});
}

TEST_CASE("answers come in order, and no more requests are in flight than allowed") {
    ClientOptions options;
    options.in_flight_max = 2;
    World world(options);
    std::vector<Bytes> held;
    world.brokers.on_raw(ApiKey::heartbeat, [&](const FakeBrokers::Seen& seen) {
        held.push_back(response_frame(seen.header, HeartbeatResponse{}).take());
        return std::optional<Bytes>();
    });
    for (const char* name : {"a", "b", "c"}) {
        world.heartbeat(name);
    }
    world.loop.run_until_idle();
    REQUIRE(world.brokers.count(ApiKey::heartbeat) == 2);
    // The broker answers all it holds once the next request comes; none does, so time runs out.
    REQUIRE(world.client->pending() == 3);
    world.brokers.on<HeartbeatRequest>(echo);
    world.loop.advance(30s);
    REQUIRE(world.outcomes ==
            std::vector<std::string>{"a: timed_out", "b: timed_out", "c: timed_out"});
    REQUIRE(!world.client->connected());
    REQUIRE(world.brokers.connections_open() == 0);
}

TEST_CASE("a lost connection fails what is pending, and the next request connects again") {
    World world;
    world.brokers.on<HeartbeatRequest>(
        [](const HeartbeatRequest&, const FakeBrokers::Seen&) -> std::optional<HeartbeatResponse> {
            return std::nullopt;
        });
    world.heartbeat("a");
    world.loop.run_until_idle();
    world.brokers.hang_up();
    REQUIRE(world.outcomes == std::vector<std::string>{"a: connection_lost"});
    world.brokers.on<HeartbeatRequest>(echo);
    world.heartbeat("b");
    world.loop.run_until_idle();
    REQUIRE(world.outcomes.back() == "b: NONE");
    REQUIRE(world.brokers.connections_made() == 2);
}

TEST_CASE("a refused connection fails the request") {
    World world;
    world.brokers.refuse(kBroker);
    world.heartbeat("a");
    world.loop.run_until_idle();
    REQUIRE(world.outcomes == std::vector<std::string>{"a: connection_lost"});
    REQUIRE(world.client->pending() == 0);
}

TEST_CASE("a full queue answers busy") {
    ClientOptions options;
    options.queued_max = 1;
    World world(options);
    world.brokers.on<HeartbeatRequest>(echo);
    world.heartbeat("a");
    world.heartbeat("b");
    REQUIRE(world.outcomes.empty());
    world.loop.run_until_idle();
    REQUIRE(world.outcomes == std::vector<std::string>{"b: busy", "a: NONE"});
}

TEST_CASE("an answer to another request ends the connection") {
    World world;
    world.brokers.on_raw(ApiKey::heartbeat, [](const FakeBrokers::Seen& seen) {
        RequestHeader other = seen.header;
        other.correlation_id += 1;
        return std::optional(response_frame(other, HeartbeatResponse{}).take());
    });
    world.heartbeat("a");
    world.loop.run_until_idle();
    REQUIRE(world.outcomes == std::vector<std::string>{"a: malformed"});
    REQUIRE(world.brokers.connections_open() == 0);
}

TEST_CASE("a response longer than the limit is refused by its length alone") {
    ClientOptions options;
    options.response_bytes_max = 1000;
    World world(options);
    world.brokers.on_raw(ApiKey::heartbeat, [](const FakeBrokers::Seen&) {
        return std::optional(from_hex("000003e9"));
    });
    world.heartbeat("a");
    world.loop.run_until_idle();
    REQUIRE(world.outcomes == std::vector<std::string>{"a: too_large"});
}

TEST_CASE("a response that does not decode is malformed and leaves the connection open") {
    World world;
    world.brokers.on_raw(ApiKey::heartbeat, [](const FakeBrokers::Seen& seen) {
        wire::Writer frame = begin_response(seen.header);
        frame.int8(1);
        finish_frame(frame);
        return std::optional(frame.take());
    });
    world.heartbeat("a");
    world.loop.run_until_idle();
    REQUIRE(world.outcomes == std::vector<std::string>{"a: malformed"});
    REQUIRE(world.client->connected());
}

TEST_CASE("a client may be destroyed in its own callback, and no other one runs then") {
    World world;
    world.brokers.on<HeartbeatRequest>(echo);
    world.client->send<HeartbeatRequest>({}, [&](Result<HeartbeatResponse>) {
        world.outcomes.push_back("first");
        world.client.reset();
    });
    world.heartbeat("second");
    world.loop.run_until_idle();
    REQUIRE(world.outcomes == std::vector<std::string>{"first"});
    REQUIRE(world.brokers.connections_open() == 0);
}

TEST_CASE("a client that is destroyed while it connects leaves nothing behind") {
    World world;
    world.heartbeat("a");
    world.client.reset();
    world.loop.run_until_idle();
    REQUIRE(world.outcomes.empty());
    REQUIRE(world.brokers.connections_open() == 0);
}

TEST_CASE("a request that awaits no answer is done when it is sent") {
    World world;
    world.brokers.on<ProduceRequest>(
        [](const ProduceRequest&, const FakeBrokers::Seen&) -> std::optional<ProduceResponse> {
            return std::nullopt;
        });
    bool done = false;
    RawRequest request;
    request.key = ApiKey::produce;
    request.versions = {3, 9};
    request.answered = false;
    request.encode = [](wire::Writer& writer, std::int16_t version) {
        ProduceRequest{}.encode(writer, version);
    };
    request.then = [&](const Result<RawAnswer>& answer) { done = answer.has_value(); };
    world.client->send_raw(std::move(request));
    world.loop.run_until_idle();
    REQUIRE(done);
    REQUIRE(world.client->pending() == 0);
    REQUIRE(world.brokers.count(ApiKey::produce) == 1);
}

namespace {

// Sends one token, then takes the server's last one.
class OneToken : public SaslExchange {
 public:
    std::string_view mechanism() const override { return "PLAIN"; }
    Result<Bytes> next(BytesView challenge) override {
        x_finished = x_sent;
        x_sent = true;
        return x_finished ? Bytes(challenge.begin(), challenge.end()) : to_bytes("secret");
    }
    bool finished() const override { return x_finished; }

 private:
    bool x_sent = false;
    bool x_finished = false;
};

ClientOptions with_sasl() {
    ClientOptions options;
    options.make_sasl = [] { return std::make_unique<OneToken>(); };
    return options;
}

}  // namespace

TEST_CASE("requests wait until the broker has accepted the SASL tokens") {
    World world(with_sasl());
    world.brokers.on<SaslHandshakeRequest>(
        [](const SaslHandshakeRequest& request, const FakeBrokers::Seen& seen) {
            REQUIRE(request.mechanism == "PLAIN");
            REQUIRE(seen.header.version == 1);
            return SaslHandshakeResponse{};
        });
    world.brokers.on<SaslAuthenticateRequest>(
        [](const SaslAuthenticateRequest& request, const FakeBrokers::Seen&) {
            REQUIRE(as_text(request.auth_bytes) == "secret");
            return SaslAuthenticateResponse{};
        });
    world.brokers.on<HeartbeatRequest>(echo);
    world.heartbeat("a");
    world.loop.run_until_idle();
    REQUIRE(world.outcomes == std::vector<std::string>{"a: NONE"});
    const std::vector<ApiKey> order = {ApiKey::api_versions, ApiKey::sasl_handshake,
                                       ApiKey::sasl_authenticate, ApiKey::heartbeat};
    REQUIRE(world.brokers.seen().size() == order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
        REQUIRE(world.brokers.seen()[i].header.key == order[i]);
    }
}

TEST_CASE("a refused SASL token fails the requests") {
    World world(with_sasl());
    world.brokers.on<SaslHandshakeRequest>(
        [](const SaslHandshakeRequest&, const FakeBrokers::Seen&) {
            return SaslHandshakeResponse{};
        });
    world.brokers.on<SaslAuthenticateRequest>(
        [](const SaslAuthenticateRequest&, const FakeBrokers::Seen&) {
            SaslAuthenticateResponse response;
            response.error_code = to_wire(ErrorCode::sasl_authentication_failed);
            return response;
        });
    world.heartbeat("a");
    world.loop.run_until_idle();
    REQUIRE(world.outcomes == std::vector<std::string>{"a: connection_lost"});
    REQUIRE(world.brokers.connections_open() == 0);
}
