#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/runtime/epoll/epoll_network.h"
#include "lib/runtime/epoll/socket.h"
#include "lib/runtime/http_client.h"
#include "lib/runtime/http_server.h"
#include "tests/unit/lib_runtime_turns.h"

namespace millrace::runtime {
namespace {

class HttpFixture {
 public:
    HttpFixture() { ::signal(SIGPIPE, SIG_IGN); }

    void serve(HttpServer::Handler handler, const HttpServerOptions& options = {}) {
        server = make_http_server(loop, network, options);
        REQUIRE(server->start({"127.0.0.1", 0}, std::move(handler)).has_value());
        client = make_http_client(loop, client_options());
    }

    HttpClientOptions client_options() const {
        return {.base_url = "http://" + server->local().to_string()};
    }

    Result<HttpResponse> call(HttpRequest request) {
        std::optional<Result<HttpResponse>> answer;
        client->request(std::move(request),
                        [&](Result<HttpResponse> response) { answer = std::move(response); });
        run_until(loop, [&] { return answer.has_value(); });
        return std::move(*answer);
    }

    // Sends text as it stands and returns all that comes until the server closes.
    std::string raw(std::string_view text) {
        const OwnedDescriptor socket = dial();
        REQUIRE(::send(socket.get(), text.data(), text.size(), 0) ==
                static_cast<ssize_t>(text.size()));
        std::string received;
        run_until(loop, [&] { return receive(socket.get(), received); });
        return received;
    }

    OwnedDescriptor dial() {
        const SocketAddress address = *numeric_address(server->local());
        OwnedDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::connect(socket.get(), address.get(), address.length) == 0);
        return socket;
    }

    // True at the end of what the peer sends.
    static bool receive(int socket, std::string& received) {
        std::array<char, 4096> buffer{};
        const ssize_t count = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (count > 0) {
            received.append(buffer.data(), static_cast<std::size_t>(count));
        }
        return count == 0 || (count < 0 && errno != EAGAIN);
    }

    EpollLoop loop;
    EpollNetwork network{loop};
    std::unique_ptr<HttpServer> server;
    std::unique_ptr<HttpClient> client;
};

void echo(const HttpRequest& request, const std::shared_ptr<HttpResponder>& responder) {
    responder->send(200, {{"content-type", "application/json"}, {"x-path", request.path}},
                    request.method + ":" + request.body);
}

}  // namespace

TEST_CASE_METHOD(HttpFixture, "requests and answers pass between client and server") {
    serve(echo);
    const auto answer =
        call({.method = "PUT", .path = "/a b/ü", .query = {}, .headers = {}, .body = "text"});
    REQUIRE(answer->status == 200);
    REQUIRE(answer->body == "PUT:text");
    REQUIRE(answer->headers.at("content-type") == "application/json");
    REQUIRE(answer->headers.at("x-path") == "/a b/ü");
    REQUIRE(call({.method = "DELETE"})->body == "DELETE:");
    REQUIRE(call({.method = "HEAD"})->body.empty());
}

TEST_CASE_METHOD(HttpFixture, "bodies up to the limit pass and larger ones are refused") {
    serve(echo);
    const std::string body(4 << 20, 'x');
    REQUIRE(call({.method = "POST", .body = body})->body.size() == body.size() + 5);
    const auto refused = call({.method = "POST", .body = body + "x"});
    REQUIRE(refused.has_value());
    REQUIRE(refused->status == 413);
}

TEST_CASE_METHOD(HttpFixture, "requests sent ahead are answered in order on one connection") {
    serve(echo);
    std::string text;
    for (int i = 0; i < 3; ++i) {
        text += fmt::format("POST /{} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{}", i, i);
    }
    text += "GET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    const std::string received = raw(text);
    std::size_t at = 0;
    for (const std::string_view expected : {"POST:0", "POST:1", "POST:2", "GET:"}) {
        at = received.find(expected, at);
        REQUIRE(at != std::string::npos);
    }
    REQUIRE(received.find("connection: close") != std::string::npos);
}

TEST_CASE_METHOD(HttpFixture, "a refused request is told why and the connection ends") {
    serve(echo);
    const std::string received = raw("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
    REQUIRE(received.starts_with("HTTP/1.1 400 Bad Request\r\n"));
    REQUIRE(received.ends_with("the Host header is missing\n"));
}

TEST_CASE_METHOD(HttpFixture, "a client that waits for 100 Continue gets it") {
    serve(echo);
    const OwnedDescriptor socket = dial();
    const std::string head =
        "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    REQUIRE(::send(socket.get(), head.data(), head.size(), 0) > 0);
    std::string received;
    run_until(loop, [&] {
        receive(socket.get(), received);
        return received == "HTTP/1.1 100 Continue\r\n\r\n";
    });
    REQUIRE(::send(socket.get(), "ok", 2, 0) == 2);
    run_until(loop, [&] {
        receive(socket.get(), received);
        return received.ends_with("PUT:ok");
    });
}

TEST_CASE_METHOD(HttpFixture, "a header with a line end is not sent") {
    serve([](const HttpRequest&, const std::shared_ptr<HttpResponder>& responder) {
        responder->send(200, {{"x-good", "yes"}, {"x-bad", "a\r\nx-forged: b"}}, "body");
    });
    const auto answer = call({});
    REQUIRE(answer->headers.contains("x-good"));
    REQUIRE_FALSE(answer->headers.contains("x-forged"));
    REQUIRE(call({.headers = {{"x", "a\nb"}}}).error().code == Errc::invalid_argument);
}

TEST_CASE_METHOD(HttpFixture, "a dropped responder answers 500, a late one 503") {
    std::vector<std::shared_ptr<HttpResponder>> held;
    serve(
        [&](const HttpRequest& request, const std::shared_ptr<HttpResponder>& responder) {
            if (request.path == "/hold") {
                held.push_back(responder);
            }
        },
        {.answer_timeout = 50ms});
    REQUIRE(call({.path = "/drop"})->status == 500);
    REQUIRE(call({.path = "/hold"})->status == 503);
    held[0]->send(200, {}, "too late");
}

TEST_CASE_METHOD(HttpFixture,
                 "a half-sent request is ended after the read timeout, an idle connection closed") {
    serve(echo, {.read_timeout = 30ms, .keep_alive = 30ms});
    REQUIRE(raw("GET / HT").starts_with("HTTP/1.1 408 "));
    REQUIRE(raw("GET / HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("GET:"));
}

TEST_CASE_METHOD(HttpFixture, "lines of a stream arrive while it goes on, and its end is told") {
    std::shared_ptr<HttpResponder> open;
    serve([&](const HttpRequest&, const std::shared_ptr<HttpResponder>& responder) {
        responder->begin_stream(200, {{"content-type", "application/json"}});
        open = responder;
    });
    std::vector<std::string> lines;
    std::optional<Result<HttpResponse>> end;
    const auto stream = client->stream(
        {.path = "/watch"}, [&](std::string_view line) { lines.emplace_back(line); },
        [&](Result<HttpResponse> response) { end = std::move(response); });
    run_until(loop, [&] { return open != nullptr; });
    REQUIRE(open->write("{\"a\":1}\n{\"b\""));
    run_until(loop, [&] { return lines.size() == 1; });
    REQUIRE(open->write(":2}\r\nrest"));
    open->end();
    run_until(loop, [&] { return end.has_value(); });
    REQUIRE(lines == std::vector<std::string>{"{\"a\":1}", "{\"b\":2}", "rest"});
    REQUIRE((*end)->status == 200);
    REQUIRE_FALSE(open->write("after the end"));
}

TEST_CASE_METHOD(HttpFixture, "an answer outside 2xx ends a stream with its body") {
    serve([](const HttpRequest&, const std::shared_ptr<HttpResponder>& responder) {
        responder->send(410, {}, "line\nof an error\n");
    });
    std::size_t lines = 0;
    std::optional<Result<HttpResponse>> end;
    const auto stream = client->stream(
        {}, [&](std::string_view) { lines += 1; },
        [&](Result<HttpResponse> response) { end = std::move(response); });
    run_until(loop, [&] { return end.has_value(); });
    REQUIRE((*end)->status == 410);
    REQUIRE((*end)->body == "line\nof an error\n");
    REQUIRE(lines == 0);
}

TEST_CASE_METHOD(HttpFixture,
                 "ending a stream at the client is noticed by the server, and nothing is called") {
    std::shared_ptr<HttpResponder> open;
    bool disconnected = false;
    serve([&](const HttpRequest&, const std::shared_ptr<HttpResponder>& responder) {
        responder->begin_stream(200, {});
        responder->on_disconnect([&] { disconnected = true; });
        open = responder;
    });
    bool called = false;
    auto stream = client->stream(
        {}, [&](std::string_view) { called = true; },
        [&](const Result<HttpResponse>&) { called = true; });
    run_until(loop, [&] { return open != nullptr; });
    stream.reset();
    run_until(loop, [&] { return disconnected; });
    REQUIRE_FALSE(called);
    REQUIRE_FALSE(open->write("x"));
}

TEST_CASE_METHOD(HttpFixture, "a stream may be ended by one of its lines") {
    serve([](const HttpRequest&, const std::shared_ptr<HttpResponder>& responder) {
        responder->begin_stream(200, {});
        responder->write("one\ntwo\n");
        responder->end();
    });
    std::vector<std::string> lines;
    std::unique_ptr<HttpStream> stream;
    stream = client->stream(
        {},
        [&](std::string_view line) {
            lines.emplace_back(line);
            stream.reset();
        },
        [&](const Result<HttpResponse>&) { lines.emplace_back("end"); });
    run_until(loop, [&] { return !lines.empty(); });
    REQUIRE(call({})->status == 200);
    REQUIRE(lines == std::vector<std::string>{"one"});
}

TEST_CASE_METHOD(HttpFixture, "a watcher that does not read is cut off and told so") {
    std::shared_ptr<HttpResponder> open;
    bool disconnected = false;
    serve(
        [&](const HttpRequest&, const std::shared_ptr<HttpResponder>& responder) {
            responder->begin_stream(200, {});
            responder->on_disconnect([&] { disconnected = true; });
            open = responder;
        },
        {.stream_bytes_max = 100'000});
    const OwnedDescriptor socket = dial();
    const std::string_view head = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    REQUIRE(::send(socket.get(), head.data(), head.size(), 0) > 0);
    run_until(loop, [&] { return open != nullptr; });
    while (open->write(std::string(50'000, 'x'))) {
        REQUIRE_FALSE(disconnected);
        loop.run_turn(0ms);
    }
    run_until(loop, [&] { return disconnected; });
}

TEST_CASE_METHOD(HttpFixture,
                 "two hundred watches are served at once and other requests beside them") {
    std::vector<std::shared_ptr<HttpResponder>> open;
    serve([&](const HttpRequest& request, const std::shared_ptr<HttpResponder>& responder) {
        if (request.path == "/watch") {
            responder->begin_stream(200, {});
            open.push_back(responder);
        } else {
            responder->send(200, {}, "ok");
        }
    });
    HttpClientOptions options = client_options();
    options.streams_max = 200;
    client = make_http_client(loop, options);
    std::vector<std::unique_ptr<HttpStream>> streams;
    std::size_t lines = 0;
    for (int i = 0; i < 200; ++i) {
        streams.push_back(client->stream(
            {.path = "/watch"}, [&](std::string_view) { lines += 1; },
            [](const Result<HttpResponse>&) {}));
    }
    std::optional<Errc> one_too_many;
    streams.push_back(client->stream(
        {}, [](std::string_view) {},
        [&](const Result<HttpResponse>& end) { one_too_many = end.error().code; }));
    run_until(loop, [&] { return open.size() == 200 && one_too_many.has_value(); });
    REQUIRE(*one_too_many == Errc::busy);
    for (const auto& responder : open) {
        REQUIRE(responder->write("event\n"));
    }
    run_until(loop, [&] { return lines == 200; });
    REQUIRE(call({})->body == "ok");
}

TEST_CASE_METHOD(HttpFixture, "a new connection takes the place of the longest idle one") {
    serve(echo, {.connections_max = 3});
    std::vector<OwnedDescriptor> idle;
    for (int i = 0; i < 3; ++i) {
        idle.push_back(dial());
        loop.run_turn(10ms);
    }
    REQUIRE(call({})->body == "GET:");
    std::string received;
    REQUIRE(receive(idle[0].get(), received));
    REQUIRE_FALSE(receive(idle[2].get(), received));
}

TEST_CASE_METHOD(HttpFixture, "the server may be destroyed by a handler") {
    serve([&](const HttpRequest&, const std::shared_ptr<HttpResponder>& responder) {
        server.reset();
        responder->send(200, {}, "nobody hears it");
    });
    REQUIRE(call({}).error().code == Errc::connection_lost);
}

TEST_CASE_METHOD(HttpFixture,
                 "a GET on a kept connection that the server has closed is tried again") {
    serve(echo, {.keep_alive = 1ms});
    for (int i = 0; i < 3; ++i) {
        REQUIRE(call({})->body == "GET:");
        const Instant later = loop.now() + 20ms;
        run_until(loop, [&] { return loop.now() > later; });
    }
}

TEST_CASE_METHOD(HttpFixture, "the client names what went wrong") {
    serve([](const HttpRequest&, const std::shared_ptr<HttpResponder>& responder) {
        responder->send(200, {}, std::string(2000, 'x'));
    });
    HttpClientOptions options = client_options();
    options.response_bytes_max = 1000;
    client = make_http_client(loop, options);
    REQUIRE(call({}).error().code == Errc::too_large);
    options.base_url = "ftp://x";
    client = make_http_client(loop, options);
    REQUIRE(call({}).error().code == Errc::invalid_argument);
    options = client_options();
    server.reset();
    client = make_http_client(loop, options);
    REQUIRE(call({}).error().code == Errc::connection_lost);
}

TEST_CASE_METHOD(HttpFixture, "a server that is silent makes a request time out") {
    std::shared_ptr<HttpResponder> held;
    serve([&](const HttpRequest&, const std::shared_ptr<HttpResponder>& responder) {
        held = responder;
    });
    HttpClientOptions options = client_options();
    options.read_timeout = 50ms;
    client = make_http_client(loop, options);
    REQUIRE(call({}).error().code == Errc::timed_out);
}

TEST_CASE_METHOD(HttpFixture, "destroying the client ends what is under way at once") {
    std::vector<std::shared_ptr<HttpResponder>> held;
    serve([&](const HttpRequest&, const std::shared_ptr<HttpResponder>& responder) {
        held.push_back(responder);
    });
    bool called = false;
    client->request({}, [&](const Result<HttpResponse>&) { called = true; });
    const auto stream = client->stream(
        {}, [](std::string_view) {}, [&](const Result<HttpResponse>&) { called = true; });
    run_until(loop, [&] { return held.size() == 2; });
    loop.run_turn(0ms);
    const Instant before = loop.now();
    client.reset();
    loop.run_turn(0ms);
    REQUIRE(loop.now() - before < 5s);
    REQUIRE_FALSE(called);
}

}  // namespace millrace::runtime
