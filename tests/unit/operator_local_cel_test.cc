// Expressions as the CEL specification and the Kubernetes docs ("Validation rules") describe them.
#include <nlohmann/json.hpp>

#include "operator/local/cel_evaluator.h"
#include "operator/local/cel_rules.h"

using namespace millrace::kube_operator::local;
using Json = nlohmann::json;

namespace {

CelValue run(const std::string& text, const Json& self = nullptr) {
    auto node = parse_cel(text);
    REQUIRE(node);
    CelEvaluator evaluator;
    evaluator.bind("self", cel_json(self));
    return evaluator.evaluate(**node);
}

Json value(const std::string& text, const Json& self = nullptr) {
    INFO(text);
    const CelValue out = run(text, self);
    const auto* failure = std::get_if<CelFailure>(&out);
    REQUIRE((failure == nullptr ? std::string() : failure->message).empty());
    return *json_of(out);
}

bool fails(const std::string& text, const Json& self = nullptr) {
    return failed(run(text, self));
}

Json schema_with(const std::string& rule, Json properties) {
    Json rules = Json::array();
    rules.push_back({{"rule", rule}, {"message", "broken"}});
    return Json{{"type", "object"},
                {"properties", std::move(properties)},
                {"x-kubernetes-validations", rules}};
}

Causes violations(const Json& schema, const Json& object, const Json& old = nullptr) {
    auto rules = CelRules::compile(schema);
    REQUIRE(rules);
    Causes causes;
    auto shared = [](const Json& one) { return std::make_shared<const Json>(one); };
    rules->evaluate(schema, shared(object), old.is_null() ? nullptr : shared(old), causes);
    return causes;
}

std::string refusal(const Json& schema) {
    auto rules = CelRules::compile(schema);
    return rules ? std::string() : rules.error().message;
}

}  // namespace

TEST_CASE("Operators bind as the specification orders them") {
    REQUIRE(value("1 + 2 * 3 == 7 && !(1 > 2)") == true);
    REQUIRE(value("7 % 3 == 1 ? 'odd' : 'even'") == "odd");
    REQUIRE(value("-2 + 5") == 3);
    REQUIRE(value("'a' in ['a', 'b'] || false") == true);
    REQUIRE(value("10 - 3 - 2") == 5);
}

TEST_CASE("The side that decides wins over a failure of the other side") {
    REQUIRE(value("true || self.missing") == true);
    REQUIRE(value("self.missing || true", Json::object()) == true);
    REQUIRE(value("self.missing && false", Json::object()) == false);
    REQUIRE(fails("self.missing && true", Json::object()));
}

TEST_CASE("has() tells a set field from an absent one") {
    const Json self = {{"a", 1}, {"n", nullptr}};
    REQUIRE(value("has(self.a)", self) == true);
    REQUIRE(value("has(self.b)", self) == false);
    REQUIRE(value("has(self.n)", self) == false);
}

TEST_CASE("Macros go over lists and over the keys of maps") {
    const Json self = {{"ports", {{{"port", 1}}, {{"port", 2}}}}, {"config", {{"server", "x"}}}};
    REQUIRE(value("self.ports.all(l, self.ports.exists_one(m, m.port == l.port))", self) == true);
    REQUIRE(value("self.ports.map(p, p.port) == [1, 2]", self) == true);
    REQUIRE(value("self.ports.filter(p, p.port > 1).size()", self) == 1);
    REQUIRE(value("self.config.exists(k, k in ['server', 'dataDir'])", self) == true);
    REQUIRE(value("[3, 1].exists(x, x == 1) && ![].exists(x, true)") == true);
}

TEST_CASE("A variable of a macro ends with the macro") {
    REQUIRE(value("[1].all(x, [2].all(x, x == 2) && x == 1)") == true);
}

TEST_CASE("String functions") {
    REQUIRE(value("'/a/b'.startsWith('/') && 'ab'.endsWith('b') && 'abc'.contains('b')") == true);
    REQUIRE(value("'abc'.matches('^[a-z]+$')") == true);
    REQUIRE(value("size('äb')") == 2);
    REQUIRE(value("'a,b'.split(',')[1] + 'C'.lowerAscii()") == "bc");
}

TEST_CASE("Quantities compare by value, not by text") {
    REQUIRE(value("quantity('1Gi').compareTo(quantity('1024Mi')) == 0") == true);
    REQUIRE(value("quantity('1500m').isGreaterThan(quantity('1'))") == true);
    REQUIRE(value("quantity('2') > quantity('1900m')") == true);
    REQUIRE(value("isQuantity('10x') || isQuantity('10k')") == true);
    REQUIRE(fails("quantity('ten')"));
}

TEST_CASE("Durations compare by length") {
    REQUIRE(value("duration('90s') == duration('1m30s')") == true);
    REQUIRE(value("duration('-1h') < duration('0s')") == true);
    for (const char* text : {"nans", "infs", "1h-5s", "--1s", "-", ""}) {
        INFO(text);
        REQUIRE(fails(std::string("duration('") + text + "')"));
    }
}

TEST_CASE("Overflow, division by zero and wrong types fail instead of yielding something") {
    REQUIRE(fails("9223372036854775807 + 1"));
    REQUIRE(fails("1 / 0"));
    REQUIRE(fails("1 + 'a'"));
    REQUIRE(fails("[1][3]"));
    REQUIRE(fails("int(1e300)"));
    REQUIRE(fails(
        "quantity('80000000000E').add(quantity('80000000000E')).add(quantity('80000000000E')).isInteger()"));
}

TEST_CASE("A rule that would run for ever is cut") {
    Json many = Json::array();
    for (int i = 0; i < 200; ++i) {
        many.push_back(i);
    }
    REQUIRE(fails("self.all(a, self.all(b, self.all(c, a + b + c >= 0)))", many));
}

TEST_CASE("A rule that would build something huge is cut") {
    const std::string text(1000, 'x');
    std::string doubled = "[self]";
    for (int i = 0; i < 40; ++i) {
        doubled += ".map(a, a + a)";
    }
    REQUIRE(fails(doubled + ".size() == 1", text));
    REQUIRE(
        fails("self.replace('x', self).replace('x', self).replace('x', self).size() > 0", text));
    REQUIRE(fails("self.split('').map(a, self).join(self).replace('x', self).size() > 0", text));
}

TEST_CASE("Texts that are no expressions are refused with a position") {
    for (const char* text :
         {"", "1 +", "(1", "a.", "'x", "[1, 2", "1 2", "a ? b", "self.all(x)", "5u", "@"}) {
        INFO(text);
        auto node = parse_cel(text);
        REQUIRE_FALSE(node);
        REQUIRE(node.error().message.find("position") != std::string::npos);
    }
}

TEST_CASE("Deeply nested expressions are refused") {
    REQUIRE_FALSE(parse_cel(std::string(5000, '(') + "1" + std::string(5000, ')')));
    REQUIRE_FALSE(parse_cel(std::string(5000, '!') + "true"));
}

TEST_CASE("Unknown functions, names and fields make the definition fail") {
    const Json properties = {{"a", {{"type", "string"}}}};
    REQUIRE(refusal(schema_with("self.a.isURL()", properties)).find("'isURL'") !=
            std::string::npos);
    REQUIRE(refusal(schema_with("other == 1", properties)).find("'other'") != std::string::npos);
    REQUIRE(refusal(schema_with("self.b == 'x'", properties)).find("'b'") != std::string::npos);
    REQUIRE(refusal(schema_with("self.a == 'x'", properties)).empty());
}

TEST_CASE("A violation names the field and carries the message") {
    const Json schema = schema_with("self.members % 2 == 1", {{"members", {{"type", "integer"}}}});
    REQUIRE(violations(schema, {{"members", 3}}).empty());
    const Causes causes = violations({{"type", "object"}, {"properties", {{"spec", schema}}}},
                                     {{"spec", {{"members", 4}}}});
    REQUIRE(causes.size() == 1);
    REQUIRE(causes[0].field == "spec");
    REQUIRE(causes[0].message == "Invalid value: \"object\": broken");
}

TEST_CASE("A rule with oldSelf runs only when there was an old value") {
    const Json schema = schema_with("self.a == oldSelf.a", {{"a", {{"type", "string"}}}});
    REQUIRE(violations(schema, {{"a", "x"}}).empty());
    REQUIRE(violations(schema, {{"a", "x"}}, {{"a", "x"}}).empty());
    REQUIRE(violations(schema, {{"a", "x"}}, {{"a", "y"}}).size() == 1);
}

TEST_CASE("Items of a list of type map are held against the old item of the same key") {
    Json item = schema_with("self.size >= oldSelf.size",
                            {{"id", {{"type", "integer"}}}, {"size", {{"type", "integer"}}}});
    const Json schema = {{"type", "object"},
                         {"properties",
                          {{"volumes",
                            {{"type", "array"},
                             {"x-kubernetes-list-type", "map"},
                             {"x-kubernetes-list-map-keys", Json::array({"id"})},
                             {"items", item}}}}}};
    auto volumes = [](std::vector<std::pair<int, int>> list) {
        Json out = Json::array();
        for (const auto& [id, size] : list) {
            out.push_back({{"id", id}, {"size", size}});
        }
        return Json{{"volumes", std::move(out)}};
    };
    REQUIRE(violations(schema, volumes({{1, 20}, {0, 10}}), volumes({{0, 10}, {1, 20}})).empty());
    const Causes causes =
        violations(schema, volumes({{1, 5}, {2, 1}}), volumes({{0, 10}, {1, 20}}));
    REQUIRE(causes.size() == 1);
    REQUIRE(causes[0].field == "volumes[0]");
}

TEST_CASE("Keys that are no identifiers are written escaped") {
    REQUIRE(value("self.a__dash__b == 1 && self.__namespace__ == 2",
                  {{"a-b", 1}, {"namespace", 2}}) == true);
}
