// Bytes as kubectl 1.33 sends them.
#include <nlohmann/json.hpp>

#include "operator/local/protobuf_body.h"

using namespace millrace::kube_operator::local;
using millrace::Errc;

namespace {

std::string field(char tag, const std::string& content) {
    return std::string(1, tag) + static_cast<char>(content.size()) + content;
}

std::string envelope(const std::string& version, const std::string& kind, const std::string& raw) {
    return std::string("k8s\0", 4) + field(0x0A, field(0x0A, version) + field(0x12, kind)) +
           field(0x12, raw);
}

}  // namespace

TEST_CASE("A ConfigMap in protobuf is read with its metadata, texts and bytes") {
    const std::string metadata = field(0x0A, "name") + field(0x1A, "default") +
                                 field(0x5A, field(0x0A, "app") + field(0x12, "x"));
    const std::string map = field(0x0A, metadata) +
                            field(0x12, field(0x0A, "k") + field(0x12, "v")) +
                            field(0x1A, field(0x0A, "b") + field(0x12, std::string("\xFF\0", 2)));
    const auto object = parse_protobuf(envelope("v1", "ConfigMap", map));
    REQUIRE(object);
    REQUIRE(object->at("kind") == "ConfigMap");
    REQUIRE(object->at("metadata").at("name") == "name");
    REQUIRE(object->at("metadata").at("labels").at("app") == "x");
    REQUIRE(object->at("data").at("k") == "v");
    REQUIRE(object->at("binaryData").at("b") == "/wA=");
}

TEST_CASE("Absent texts of protobuf stay absent") {
    const auto object = parse_protobuf(
        envelope("v1", "Namespace", field(0x0A, field(0x0A, "n") + field(0x12, ""))));
    REQUIRE_FALSE(object->at("metadata").contains("generateName"));
}

TEST_CASE("Kinds without a table are refused by name") {
    REQUIRE(parse_protobuf(envelope("v1", "Pod", "")).error().code == Errc::unsupported);
}

TEST_CASE("A number in the place of a text or a message is malformed") {
    const std::string kind_is_5 = field(0x0A, field(0x0A, "v1") + std::string("\x10\x05"));
    REQUIRE(parse_protobuf(std::string("k8s\0", 4) + kind_is_5).error().code == Errc::malformed);
    const std::string metadata_is_5("\x08\x05");
    REQUIRE(parse_protobuf(envelope("v1", "ConfigMap", metadata_is_5)).error().code ==
            Errc::malformed);
}

TEST_CASE("Truncated protobuf is malformed at every length") {
    const std::string whole = envelope("v1", "Secret", field(0x0A, field(0x0A, "s")));
    REQUIRE(parse_protobuf(whole));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto object = parse_protobuf(whole.substr(0, size));
        const bool named =
            object && object->contains("metadata") && object->at("metadata").contains("name");
        REQUIRE_FALSE(named);
    }
    REQUIRE_FALSE(parse_protobuf(std::string("k8s\0", 4) + std::string(20, '\xFF')));
}
