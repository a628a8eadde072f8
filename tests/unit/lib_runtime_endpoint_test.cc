#include "lib/runtime/file_system.h"
#include "lib/runtime/network.h"

namespace millrace::runtime {

TEST_CASE("endpoints are read in the three forms and written back") {
    REQUIRE(*Endpoint::parse("kafka-0.svc:9092") == Endpoint{"kafka-0.svc", 9092});
    REQUIRE(*Endpoint::parse("[::1]:2181") == Endpoint{"::1", 2181});
    REQUIRE(*Endpoint::parse(":8080") == Endpoint{"", 8080});
    REQUIRE(Endpoint{"::1", 2181}.to_string() == "[::1]:2181");
    REQUIRE(Endpoint{"10.0.0.1", 0}.to_string() == "10.0.0.1:0");
}

TEST_CASE("what is no endpoint is refused and named") {
    for (const std::string_view text :
         {"", "host", "host:", "host:65536", "host:-1", "host:1x", "::1:2181", "[::1:2181", "[]:1",
          "[host]:1", "a b:1", "host:+1", "http://host:1"}) {
        INFO(text);
        const auto endpoint = Endpoint::parse(text);
        REQUIRE_FALSE(endpoint.has_value());
        REQUIRE(endpoint.error().code == Errc::invalid_argument);
    }
}

TEST_CASE("joined paths have exactly one slash between") {
    REQUIRE(join_path("a", "b") == "a/b");
    REQUIRE(join_path("a/", "b") == "a/b");
    REQUIRE(join_path("a//", "/b") == "a/b");
    REQUIRE(join_path("/", "b") == "/b");
}

}  // namespace millrace::runtime
