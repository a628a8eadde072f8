#include "operator/api/kinds.h"

#include <nlohmann/json.hpp>

#include "operator/api/kafka_cluster.h"
#include "operator/api/object_json.h"

namespace millrace::kube_operator::api {

using nlohmann::json;

TEST_CASE("every CRD is below 100 kB and names its group, version and category") {
    REQUIRE(all_kinds().size() == 5);
    for (const Kind& kind : all_kinds()) {
        const std::string text = crd_json(kind);
        REQUIRE(text.size() < 100'000);
        const json crd = json::parse(text);
        REQUIRE(crd["spec"]["group"] == "millrace.dev");
        REQUIRE(crd["spec"]["names"]["categories"][0] == "millrace");
        REQUIRE(crd["metadata"]["name"] == std::string(kind.plural) + ".millrace.dev");
        const json& schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        REQUIRE(schema["properties"]["spec"]["properties"].size() > 3);
        REQUIRE(schema["properties"]["status"]["properties"].size() > 3);
    }
}

TEST_CASE("lists of a CRD are bounded, and lists by key name their keys") {
    const json crd = json::parse(crd_json(all_kinds()[1]));
    const json& spec =
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    const json& listeners = spec["properties"]["listeners"];
    REQUIRE(listeners["maxItems"] == 16);
    REQUIRE(listeners["x-kubernetes-list-map-keys"][0] == "name");
    REQUIRE(listeners["items"]["properties"]["port"]["default"] == 9092);
}

TEST_CASE("storage is always there, so that rules about its changes see it") {
    for (const std::size_t kind : {0U, 2U}) {
        const json crd = json::parse(crd_json(all_kinds()[kind]));
        const json& schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        const json& storage = schema["properties"]["spec"]["properties"]["storage"];
        // A real API server evaluates the rules on the default as it is written.
        REQUIRE(storage["default"] == json{{"type", "PersistentClaim"}, {"size", "1Gi"}});
        REQUIRE(storage["properties"]["type"]["default"] == "PersistentClaim");
        REQUIRE(storage["x-kubernetes-validations"].size() == 3);
        REQUIRE(schema["x-kubernetes-validations"].size() == 1);
    }
}

TEST_CASE("a spec is read with the defaults of its declaration and written back") {
    KafkaClusterSpec spec;
    const Describe walk = [&](FieldVisitor& v) { describe(v, spec); };
    REQUIRE(read_fields(R"({"ensembleRef":{"name":"zoo"},"config":{"a":"1","b":2},
        "listeners":[{"name":"plain"},{"name":"second","port":9093}]})",
                        walk)
                .has_value());
    REQUIRE(spec.ensemble == "zoo");
    REQUIRE(spec.config.at("b") == "2");
    REQUIRE(spec.listeners.size() == 2);
    REQUIRE(spec.listeners[0].port == 9092);
    REQUIRE(spec.listeners[1].port == 9093);
    REQUIRE(spec.topic_drift_policy == "Revert");
    const json written = json::parse(write_fields(walk));
    REQUIRE(written["ensembleRef"]["name"] == "zoo");
    REQUIRE(written["listeners"][1]["port"] == 9093);
    REQUIRE_FALSE(written.contains("coordinator"));
}

TEST_CASE("a field of the wrong type is named in the error") {
    KafkaClusterSpec spec;
    const Status status =
        read_fields(R"({"chroot":5})", [&](FieldVisitor& v) { describe(v, spec); });
    REQUIRE(status.error().message == "chroot must be a string");
}

TEST_CASE("a condition keeps its time of change until its status changes") {
    std::vector<Condition> conditions;
    set_condition(conditions, {"Ready", "False", "Starting", "", "t1", 1});
    set_condition(conditions, {"Ready", "False", "Waiting", "", "t2", 2});
    REQUIRE(conditions[0].last_transition_time == "t1");
    REQUIRE(conditions[0].reason == "Waiting");
    set_condition(conditions, {"Ready", "True", "Serving", "", "t3", 2});
    REQUIRE(conditions[0].last_transition_time == "t3");
    REQUIRE(conditions.size() == 1);
}

}  // namespace millrace::kube_operator::api
