#include <nlohmann/json.hpp>

#include "operator/local/schema_check.h"

using namespace millrace::kube_operator::local;
using Json = nlohmann::json;

namespace {

std::vector<std::string> lines(const Causes& causes) {
    std::vector<std::string> out;
    for (const Cause& cause : causes) {
        out.push_back(cause.field + ": " + cause.message);
    }
    return out;
}

std::vector<std::string> violations(const Json& schema, const Json& value) {
    Causes causes;
    validate_value(schema, value, "spec", causes);
    return lines(causes);
}

std::vector<std::string> defects(const Json& schema) {
    Causes causes;
    check_structural(schema, "s", causes);
    return lines(causes);
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("Messages read like those of a Kubernetes API server") {
    REQUIRE(violations({{"type", "string"}, {"enum", {"a", "b"}}}, "c") ==
            Lines{"spec: Unsupported value: \"c\": supported values: \"a\", \"b\""});
    REQUIRE(violations({{"type", "integer"}, {"minimum", 1}}, 0) ==
            Lines{"spec: Invalid value: 0: spec in body should be greater than or equal to 1"});
    REQUIRE(
        violations({{"type", "integer"}}, "x") ==
        Lines{"spec: Invalid value: \"string\": spec in body must be of type integer: \"string\""});
    REQUIRE(violations({{"type", "object"}, {"required", Json::array({"a"})}}, Json::object()) ==
            Lines{"spec.a: Required value"});
    REQUIRE(violations({{"type", "string"}, {"pattern", "^[a-z]+$"}}, "A1") ==
            Lines{"spec: Invalid value: \"A1\": spec in body should match '^[a-z]+$'"});
}

TEST_CASE("Bounds of lists, strings and maps are held") {
    REQUIRE(
        violations({{"type", "array"}, {"maxItems", 1}, {"items", {{"type", "integer"}}}}, {1, 2})
            .size() == 1);
    REQUIRE(violations({{"type", "string"}, {"maxLength", 2}}, "äö").empty());
    REQUIRE(violations({{"type", "string"}, {"maxLength", 2}}, "abc").size() == 1);
    REQUIRE(violations({{"type", "object"}, {"maxProperties", 0}}, {{"a", 1}}).size() == 1);
}

TEST_CASE("A list of type map refuses two items of one key, one of type set two equal values") {
    const Json map = {{"type", "array"},
                      {"x-kubernetes-list-type", "map"},
                      {"x-kubernetes-list-map-keys", Json::array({"name"})},
                      {"items", {{"type", "object"}}}};
    Json items = Json::array();
    items.push_back({{"name", "a"}, {"x", 1}});
    items.push_back({{"name", "a"}, {"x", 2}});
    REQUIRE(violations(map, items) == Lines{"spec[1]: Duplicate value: {\"name\":\"a\"}"});
    const Json set = {
        {"type", "array"}, {"x-kubernetes-list-type", "set"}, {"items", {{"type", "string"}}}};
    REQUIRE(violations(set, {"a", "b", "a"}).size() == 1);
}

TEST_CASE("int-or-string takes both and nothing else") {
    const Json schema = {{"x-kubernetes-int-or-string", true}};
    REQUIRE(violations(schema, 3).empty());
    REQUIRE(violations(schema, "10%").empty());
    REQUIRE(violations(schema, true).size() == 1);
}

TEST_CASE("Null is a value only where the schema says nullable") {
    REQUIRE(violations({{"type", "string"}, {"nullable", true}}, nullptr).empty());
    REQUIRE(violations({{"type", "string"}}, nullptr).size() == 1);
}

TEST_CASE("Undeclared fields are removed and named, unless the schema keeps them") {
    const Json schema = {
        {"type", "object"},
        {"properties",
         {{"spec",
           {{"type", "object"},
            {"properties",
             {{"a", {{"type", "string"}}},
              {"free", {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}}},
              {"map", {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}}}}}}}}}};
    Json object = {
        {"apiVersion", "v1"},
        {"kind", "K"},
        {"metadata", {{"name", "n"}}},
        {"spec",
         {{"a", "x"}, {"b", 1}, {"free", {{"any", {{"thing", 1}}}}}, {"map", {{"k.l", "v"}}}}}};
    REQUIRE(prune_unknown(schema, object) == Lines{"spec.b"});
    REQUIRE(object["spec"].size() == 3);
    REQUIRE(object["spec"]["free"]["any"]["thing"] == 1);
    REQUIRE(object["metadata"]["name"] == "n");
}

TEST_CASE("Defaults fill what is absent, also inside defaults and items") {
    const Json schema = {
        {"type", "object"},
        {"properties",
         {{"rollout",
           {{"type", "object"},
            {"default", Json::object()},
            {"properties", {{"max", {{"type", "integer"}, {"default", 1}}}}}}},
          {"list",
           {{"type", "array"},
            {"items",
             {{"type", "object"},
              {"properties", {{"on", {{"type", "boolean"}, {"default", true}}}}}}}}}}}};
    Json value = {{"list", Json::array({Json::object(), {{"on", false}}})}};
    apply_defaults(schema, value);
    REQUIRE(value["rollout"]["max"] == 1);
    REQUIRE(value["list"][0]["on"] == true);
    REQUIRE(value["list"][1]["on"] == false);
}

TEST_CASE("Schemas that cannot be held to are refused") {
    REQUIRE(
        defects({{"type", "object"}, {"properties", {{"a", Json::object()}}}}) ==
        Lines{
            "s.properties[a].type: Required value: must not be empty for specified object fields"});
    REQUIRE(defects({{"type", "array"}}).size() == 1);
    REQUIRE(defects({{"type", "string"}, {"pattern", "("}}).size() == 1);
    REQUIRE(defects({{"type", "object"}, {"$ref", "#/x"}}).size() == 1);
    REQUIRE(
        defects(
            {{"type", "array"}, {"items", {{"type", "object"}}}, {"x-kubernetes-list-type", "map"}})
            .size() == 1);
}
