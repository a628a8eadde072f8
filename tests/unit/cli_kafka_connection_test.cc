#include "cli/kafka_connection.h"

#include <catch2/catch.hpp>

#include "cli/local_api.h"

namespace millrace::cli {
namespace {

Result<Config> producer_properties(std::vector<std::string> pairs) {
    return client_properties(
        ClientKind::producer,
        {.file = "", .pairs = std::move(pairs), .pairs_option = "--producer-property"});
}

TEST_CASE("bootstrap addresses are parted by commas, blanks do not matter") {
    const auto endpoints = parse_bootstrap("a:1, b:2 ,[::1]:3");
    REQUIRE(endpoints);
    REQUIRE(endpoints->size() == 3);
    REQUIRE((*endpoints)[1] == runtime::Endpoint{"b", 2});
    REQUIRE((*endpoints)[2] == runtime::Endpoint{"::1", 3});
}

TEST_CASE("bootstrap addresses may have full-width punctuation") {
    const auto endpoints = parse_bootstrap(
        "a\xef\xbc\x9a"
        "1\xef\xbc\x8c"
        "b:2");
    REQUIRE(endpoints);
    REQUIRE((*endpoints)[0] == runtime::Endpoint{"a", 1});
}

TEST_CASE("a bootstrap address needs a host and a port") {
    const auto text = GENERATE("a", "a:", ":9092", "a:b", "", ",");
    REQUIRE_FALSE(parse_bootstrap(text));
}

TEST_CASE("properties of the client are honoured") {
    const auto config = producer_properties({"client.id=me", "request.timeout.ms=1500"});
    REQUIRE(config);
    const auto options = cluster_options(*config);
    REQUIRE(options.connection.client_id == "me");
    REQUIRE(options.connection.request_timeout == 1500ms);
}

TEST_CASE("a property that the client does not have is an error with the nearest one") {
    const auto config = producer_properties({"compresion.type=gzip"});
    REQUIRE_FALSE(config);
    REQUIRE(config.error().code == Errc::unsupported);
    REQUIRE(config.error().message.find("compression.type") != std::string::npos);
}

TEST_CASE("a property that would change what is not offered is refused") {
    REQUIRE(producer_properties({"security.protocol=SSL"}).error().code == Errc::unsupported);
    REQUIRE(producer_properties({"acks=7"}).error().code == Errc::invalid_argument);
    REQUIRE(producer_properties({"security.protocol=PLAINTEXT"}));
}

TEST_CASE("a pair without an equals sign is refused") {
    REQUIRE_FALSE(producer_properties({"acks"}));
}

TEST_CASE("keys of a consumer are unknown to a producer") {
    REQUIRE_FALSE(producer_properties({"auto.offset.reset=latest"}));
}

TEST_CASE("the resources of a file are found by kind and name") {
    REQUIRE(declared_resources("# one\napiVersion: v1\nkind: KafkaTopic\nmetadata:\n  name: a\n"
                               "  labels:\n    name: no\nspec:\n  name: no\n---\n"
                               "kind: \"BrokerPool\"\nmetadata:\n  name: b\n") ==
            std::vector<std::string>{"KafkaTopic a", "BrokerPool b"});
}

}  // namespace
}  // namespace millrace::cli
