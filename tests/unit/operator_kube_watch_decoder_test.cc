#include "operator/kube/watch_decoder.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

using namespace millrace::kube_operator::kube;
using millrace::Errc;

TEST_CASE("Each type of event is told apart and moves the position") {
    WatchDecoder decoder;
    auto added = decoder.take_line(
        R"({"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"7"}}})");
    REQUIRE(added);
    REQUIRE(added->kind == WatchEventKind::added);
    REQUIRE(name_of(*added->object).name == "a");
    REQUIRE(decoder.resource_version() == "7");
    auto gone = decoder.take_line(
        R"({"type":"DELETED","object":{"metadata":{"name":"a","resourceVersion":"8"}}})");
    REQUIRE(gone->kind == WatchEventKind::deleted);
    auto mark =
        decoder.take_line(R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"90"}}})");
    REQUIRE(mark->kind == WatchEventKind::bookmark);
    REQUIRE(decoder.resource_version() == "90");
}

TEST_CASE("410 asks for a new list and other errors for a pause") {
    WatchDecoder decoder;
    auto gone = decoder.take_line(
        R"({"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}})");
    REQUIRE(gone.error().code == Errc::not_found);
    REQUIRE(gone.error().message == "too old");
    auto busy = decoder.take_line(R"({"type":"ERROR","object":{"kind":"Status","code":500}})");
    REQUIRE(busy.error().code == Errc::busy);
}

TEST_CASE("Lines that are no events are malformed") {
    WatchDecoder decoder;
    for (const char* line : {"", "[]", "{\"type\":\"ADDED\"}", R"({"type":"ADDED","object":{}})",
                             R"({"type":"GONE","object":{"metadata":{"resourceVersion":"1"}}})"}) {
        INFO(line);
        REQUIRE(decoder.take_line(line).error().code == Errc::malformed);
    }
}

TEST_CASE("JSON that is nested too deeply is refused") {
    REQUIRE_FALSE(parse_json(std::string(500, '[') + std::string(500, ']')));
}
