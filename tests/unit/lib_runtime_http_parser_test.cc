#include "lib/runtime/http_request_parser.h"

namespace millrace::runtime {
namespace {

using State = HttpRequestParser::State;

constexpr std::size_t kBodyMax = 1000;

HttpRequest parse_whole(std::string_view text) {
    HttpRequestParser parser(kBodyMax);
    const std::size_t used = parser.feed(as_bytes(text));
    INFO(text << " -> " << parser.reason());
    REQUIRE(parser.state() == State::complete);
    REQUIRE(used == text.size());
    return parser.take();
}

int status_of(std::string_view text) {
    HttpRequestParser parser(kBodyMax);
    parser.feed(as_bytes(text));
    return parser.state() == State::refused ? parser.status() : 0;
}

std::string get_with(std::string_view headers) {
    return fmt::format("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", headers);
}

}  // namespace

TEST_CASE("a request is read with its query, headers and body") {
    const HttpRequest request = parse_whole(
        "POST /api/v1/pods%2Fx?watch=true&labelSelector=a%3Db+c&flag HTTP/1.1\r\nHost: x\r\n"
        "Content-Length: 5\r\nACCEPT:  application/json \r\nAccept: text/plain\r\n\r\nhello");
    REQUIRE(request.method == "POST");
    REQUIRE(request.path == "/api/v1/pods/x");
    REQUIRE(request.query == std::map<std::string, std::string>{
                                 {"watch", "true"}, {"labelSelector", "a=b c"}, {"flag", ""}});
    REQUIRE(request.headers.at("accept") == "application/json, text/plain");
    REQUIRE(request.body == "hello");
}

TEST_CASE("a request is read the same in pieces of any size") {
    const std::string text =
        "PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n6;name=value\r\n world\r\n0\r\nTrailer: x\r\n\r\n";
    for (std::size_t size = 1; size <= text.size(); ++size) {
        HttpRequestParser parser(kBodyMax);
        std::string held;
        for (std::size_t at = 0; at < text.size(); at += size) {
            held += text.substr(at, size);
            held.erase(0, parser.feed(as_bytes(held)));
        }
        INFO(size);
        REQUIRE(parser.state() == State::complete);
        REQUIRE(held.empty());
        REQUIRE(parser.take().body == "hello world");
    }
}

TEST_CASE("reading stops behind a request, and the next one begins there") {
    HttpRequestParser parser(kBodyMax);
    const std::string first = get_with("");
    const std::string both =
        first + "\r\nGET /second HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    const std::size_t used = parser.feed(as_bytes(both));
    REQUIRE(used == first.size());
    REQUIRE(parser.take().path == "/");
    REQUIRE(parser.keeps_alive());
    REQUIRE(parser.feed(as_bytes(both.substr(used))) == both.size() - used);
    REQUIRE(parser.take().path == "/second");
    REQUIRE_FALSE(parser.keeps_alive());
}

TEST_CASE("HTTP/1.0 closes unless asked to keep the connection") {
    HttpRequestParser parser(kBodyMax);
    parser.feed(as_bytes("GET / HTTP/1.0\r\n\r\n"));
    REQUIRE(parser.state() == State::complete);
    REQUIRE_FALSE(parser.keeps_alive());
    parser.take();
    parser.feed(as_bytes("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
    REQUIRE(parser.keeps_alive());
}

TEST_CASE("malformed requests are refused with 400") {
    for (const std::string& text :
         std::vector<std::string>{"GET /\r\n\r\n",
                                  "GET  HTTP/1.1\r\n\r\n",
                                  "G(T / HTTP/1.1\r\nHost: x\r\n\r\n",
                                  "GET x HTTP/1.1\r\nHost: x\r\n\r\n",
                                  "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
                                  "GET / a HTTP/1.1\r\nHost: x\r\n\r\n",
                                  "GET / HTTP/1.1\r\n\r\n",
                                  "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
                                  "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n",
                                  "GET /%4 HTTP/1.1\r\nHost: x\r\n\r\n",
                                  get_with("no colon\r\n"),
                                  get_with(": empty\r\n"),
                                  get_with("Name : x\r\n"),
                                  get_with("A: b\r\n folded\r\n"),
                                  get_with("A: b\x01\r\n"),
                                  get_with("A: b\nC: d\r\n"),
                                  get_with("Content-Length: -1\r\n"),
                                  get_with("Content-Length: 5, 5\r\n"),
                                  get_with("Content-Length: 1\r\nContent-Length: 1\r\n"),
                                  get_with("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
                                  get_with("Host: y\r\n"),
                                  get_with("Transfer-Encoding: chunked\r\n") + "-2\r\n",
                                  get_with("Transfer-Encoding: chunked\r\n") + "g\r\n",
                                  get_with("Transfer-Encoding: chunked\r\n") + "2\r\nabc\r\n"}) {
        INFO(text);
        REQUIRE(status_of(text) == 400);
    }
}

TEST_CASE("requests beyond a limit are refused before they are held") {
    REQUIRE(status_of(get_with("Content-Length: 1001\r\n")) == 413);
    REQUIRE(status_of(get_with("Content-Length: 99999999999999999999\r\n")) == 400);
    REQUIRE(status_of(get_with("Transfer-Encoding: chunked\r\n") + "3e9\r\n") == 413);
    const std::string chunk = fmt::format("190\r\n{}\r\n", std::string(400, 'x'));
    REQUIRE(status_of(get_with("Transfer-Encoding: chunked\r\n") + chunk + chunk + chunk) == 413);
    REQUIRE(status_of("GET /" + std::string(9000, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n") == 414);
    REQUIRE(status_of(std::string(33 * 1024, 'x')) == 431);
    std::string many;
    for (int i = 0; i < 101; ++i) {
        many += fmt::format("H{}: x\r\n", i);
    }
    REQUIRE(status_of(get_with(many)) == 431);
    REQUIRE(status_of(get_with("Transfer-Encoding: gzip, chunked\r\n")) == 501);
    REQUIRE(status_of("GET / HTTP/2.0\r\nHost: x\r\n\r\n") == 505);
}

TEST_CASE("percent signs are put in and taken out") {
    REQUIRE(percent_encode("a/b c~é") == "a%2Fb%20c~%C3%A9");
    REQUIRE(*percent_decode("a%2Fb%20c~%c3%a9") == "a/b c~é");
    REQUIRE_FALSE(percent_decode("a%00"));
    REQUIRE_FALSE(percent_decode(std::string_view("a\0", 2)));
    const HttpRequest request{
        .path = "/a b", .query = {{"k", "v&w"}, {"x", ""}}, .headers = {}, .body = {}};
    REQUIRE(request_target(request) == "/a%20b?k=v%26w&x=");
}

}  // namespace millrace::runtime
