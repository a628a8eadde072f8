// Server-side apply by KEP-555, patches by RFC 6902, RFC 7386 and the strategic merge rules of the API conventions.
#include <nlohmann/json.hpp>

#include "operator/local/field_set.h"
#include "operator/local/managed_fields.h"
#include "operator/local/patch.h"

using namespace millrace::kube_operator::local;
using millrace::WallTime;
using Json = nlohmann::json;

namespace {

const Json& schema() {
    static const Json value = {
        {"type", "object"},
        {"properties",
         {{"spec",
           {{"type", "object"},
            {"properties",
             {{"a", {{"type", "integer"}}},
              {"b", {{"type", "integer"}}},
              {"tags",
               {{"type", "array"},
                {"x-kubernetes-list-type", "set"},
                {"items", {{"type", "string"}}}}},
              {"plain", {{"type", "array"}, {"items", {{"type", "integer"}}}}},
              {"ports",
               {{"type", "array"},
                {"x-kubernetes-list-type", "map"},
                {"x-kubernetes-list-map-keys", Json::array({"name"})},
                {"items",
                 {{"type", "object"},
                  {"properties",
                   {{"name", {{"type", "string"}}}, {"port", {{"type", "integer"}}}}}}}}}}}}}}}};
    return value;
}

ShapeContext shape() {
    return {&schema(), "", false};
}

Json with_spec(Json spec) {
    return {{"metadata", {{"name", "x"}}}, {"spec", std::move(spec)}};
}

Json apply(const Json& live, const std::string& manager, Json spec, bool force = false) {
    auto out = apply_configuration(live, with_spec(std::move(spec)),
                                   {manager, "g/v1", "", WallTime{}}, force, shape());
    REQUIRE(out);
    return *out;
}

Json port(const char* name, int number) {
    return {{"name", name}, {"port", number}};
}

}  // namespace

TEST_CASE("A field that is no longer applied is removed") {
    const Json first = apply(Json(), "one", {{"a", 1}, {"b", 2}});
    const Json second = apply(first, "one", {{"a", 1}});
    REQUIRE(second["spec"] == Json{{"a", 1}});
}

TEST_CASE("Managed fields of a form nobody knows are left alone") {
    Json live = apply(Json(), "one", {{"a", 1}});
    live["metadata"]["managedFields"][0]["fieldsV1"] = {{"f", Json::object()},
                                                        {"", Json::object()}};
    REQUIRE(apply(live, "one", {{"b", 2}})["spec"] == Json{{"a", 1}, {"b", 2}});
}

TEST_CASE("A field that another manager applied too stays") {
    const Json first = apply(Json(), "one", {{"a", 1}, {"b", 2}});
    const Json both = apply(first, "two", {{"b", 2}});
    const Json after = apply(both, "one", {{"a", 1}});
    REQUIRE(after["spec"] == Json{{"a", 1}, {"b", 2}});
}

TEST_CASE("A field of another manager with another value is a conflict, and force takes it over") {
    const Json first = apply(Json(), "one", {{"a", 1}});
    auto refused = apply_configuration(first, with_spec({{"a", 2}}),
                                       {"two", "g/v1", "", WallTime{}}, false, shape());
    REQUIRE_FALSE(refused);
    REQUIRE(refused.error().code == 409);
    REQUIRE(refused.error().causes.size() == 1);
    REQUIRE(refused.error().causes[0].field == ".spec.a");
    REQUIRE(refused.error().message ==
            "Apply failed with 1 conflict: conflict with \"one\" using g/v1: .spec.a");
    const Json forced = apply(first, "two", {{"a", 2}}, true);
    REQUIRE(forced["spec"]["a"] == 2);
    // The first manager no longer has it, so its next apply conflicts.
    REQUIRE_FALSE(apply_configuration(forced, with_spec({{"a", 1}}),
                                      {"one", "g/v1", "", WallTime{}}, false, shape()));
}

TEST_CASE("Applying the value that is there is no conflict") {
    const Json first = apply(Json(), "one", {{"a", 1}});
    REQUIRE(apply(first, "two", {{"a", 1}})["spec"]["a"] == 1);
}

TEST_CASE("Items of a list of type map belong to whoever applied them") {
    const Json first = apply(Json(), "one", {{"ports", Json::array({port("a", 1), port("b", 2)})}});
    const Json both = apply(first, "two", {{"ports", Json::array({port("c", 3)})}});
    REQUIRE(both["spec"]["ports"].size() == 3);
    const Json after = apply(both, "one", {{"ports", Json::array({port("b", 2)})}});
    REQUIRE(after["spec"]["ports"] == Json::array({port("b", 2), port("c", 3)}));
}

TEST_CASE("Values of a set are united and a plain list is one unit") {
    const Json first = apply(Json(), "one", {{"tags", {"x"}}, {"plain", {1}}});
    REQUIRE(apply(first, "two", {{"tags", {"y"}}})["spec"]["tags"] == Json({"x", "y"}));
    REQUIRE_FALSE(apply_configuration(first, with_spec({{"plain", {2}}}),
                                      {"two", "g/v1", "", WallTime{}}, false, shape()));
}

TEST_CASE("An update takes the fields it changes from their owners") {
    const Json first = apply(Json(), "one", {{"a", 1}, {"b", 2}});
    Json next = first;
    next["spec"]["a"] = 5;
    record_update(first, next, {"editor", "g/v1", "", WallTime{}}, shape());
    auto refused = apply_configuration(next, with_spec({{"a", 1}, {"b", 2}}),
                                       {"one", "g/v1", "", WallTime{}}, false, shape());
    REQUIRE_FALSE(refused);
    REQUIRE(refused.error().causes.size() == 1);
    REQUIRE(refused.error().causes[0].message == "conflict with \"editor\" using g/v1");
}

TEST_CASE("Managers of updates are bounded") {
    Json object = with_spec({{"a", 0}});
    for (int i = 1; i < 30; ++i) {
        Json next = object;
        next["metadata"]["labels"]["l" + std::to_string(i)] = "x";
        record_update(object, next, {"m" + std::to_string(i), "g/v1", "", WallTime{i * 1000}},
                      shape());
        object = next;
    }
    REQUIRE(object["metadata"]["managedFields"].size() <= 10);
}

TEST_CASE("A field set survives its JSON form") {
    const FieldSet set =
        FieldSet::of(with_spec({{"ports", Json::array({port("a", 1)})}, {"a", 1}}), shape());
    REQUIRE(FieldSet::from_json(set.to_json()) == set);
    REQUIRE(set.to_json()["f:spec"]["f:ports"].contains("k:{\"name\":\"a\"}"));
}

TEST_CASE("Strategic merge goes by the keys of built-in lists") {
    const Json pod = {{"spec",
                       {{"containers", Json::array({{{"name", "a"}, {"image", "1"}},
                                                    {{"name", "b"}, {"image", "1"}}})}}}};
    Json image = {{"spec", {{"containers", Json::array({{{"name", "b"}, {"image", "2"}}})}}}};
    const Json patched = strategic_patched(pod, image);
    REQUIRE(patched["spec"]["containers"].size() == 2);
    REQUIRE(patched["spec"]["containers"][1]["image"] == "2");
    Json removal = {
        {"spec", {{"containers", Json::array({{{"name", "a"}, {"$patch", "delete"}}})}}}};
    REQUIRE(strategic_patched(pod, removal)["spec"]["containers"].size() == 1);
}

TEST_CASE("Strategic merge replaces lists without a key and drops nulls") {
    const Json object = {{"spec", {{"args", {"a"}}, {"x", 1}}}};
    const Json patch = {{"spec", {{"args", {"b"}}, {"x", nullptr}}}};
    REQUIRE(strategic_patched(object, patch) == Json{{"spec", {{"args", {"b"}}}}});
}

TEST_CASE("Copies in a JSON patch cannot make an object grow without bound") {
    Json patch = Json::array();
    for (int i = 0; i < 40; ++i) {
        patch.push_back({{"op", "copy"}, {"from", "/a"}, {"path", "/a/x" + std::to_string(i)}});
    }
    const auto grown = json_patched(Json{{"a", {{"b", std::string(100, 'x')}}}}, patch);
    REQUIRE_FALSE(grown);
    REQUIRE(grown.error().code == 413);
}

TEST_CASE("A JSON patch applies in whole or not at all") {
    const Json object = {{"a", 1}};
    Json good = Json::array();
    good.push_back({{"op", "add"}, {"path", "/b"}, {"value", 2}});
    REQUIRE(*json_patched(object, good) == Json{{"a", 1}, {"b", 2}});
    good.push_back({{"op", "test"}, {"path", "/a"}, {"value", 9}});
    REQUIRE(json_patched(object, good).error().code == 422);
    REQUIRE(json_patched(object, Json::object()).error().code == 400);
}
