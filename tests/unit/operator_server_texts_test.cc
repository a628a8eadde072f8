#include <nlohmann/json.hpp>

#include "operator/api/kinds.h"
#include "operator/server/config_check.h"
#include "operator/server/resource_reader.h"
#include "operator/server/topic_link.h"
#include "operator/server/yaml_stream.h"

namespace millrace::kube_operator::server {
namespace {

using nlohmann::json;

}  // namespace

TEST_CASE("documents of a YAML stream become objects, empty ones are left out") {
    const auto read = read_yaml_stream("# a comment\n---\na: 1\n---\n---\nb: [x, \"2\"]\n");
    REQUIRE(read->size() == 2);
    REQUIRE(read->front() == json{{"a", 1}});
    REQUIRE(read->back() == json{{"b", {"x", "2"}}});
}

TEST_CASE("a fault in a YAML stream names its document") {
    const auto read = read_yaml_stream("a: 1\n---\n{b: [\n");
    REQUIRE(read.error().message.starts_with("document 2:"));
}

TEST_CASE("what is written as YAML reads back equal") {
    const json value = {
        {"texts", {"", "true", "No", "1.5", "a b", "x: y", "-", "~", "a\nb", "plain"}},
        {"nested", {{{"k", {1, 2}}, {"m", json::object()}}, json::array(), nullptr}},
        {"n: m", false}};
    REQUIRE(read_yaml_stream(to_yaml(value))->front() == value);
    for (const api::Kind& kind : api::all_kinds()) {
        const json definition = json::parse(api::crd_json(kind));
        REQUIRE(read_yaml_stream(to_yaml(definition))->front() == definition);
    }
}

TEST_CASE("error codes become reasons of conditions") {
    REQUIRE(reason_of(kafka::ErrorCode::invalid_replication_factor) == "InvalidReplicationFactor");
    REQUIRE(reason_of(kafka::ErrorCode::policy_violation) == "PolicyViolation");
}

TEST_CASE("what a program says of its settings is told without its name and the file's") {
    const std::string_view file = "/run/checks/check-1";
    REQUIRE(problem_in("{\"level\":\"warning\"}\nmillrace-broker: /run/checks/check-1:4: a: bad\n",
                       "millrace-broker", file) == "line 4: a: bad");
    REQUIRE(problem_in("millrace-broker: configuration: b: it is missing\n", "millrace-broker",
                       file) == "configuration: b: it is missing");
    REQUIRE(problem_in("", "millrace-broker", file).empty());
}

TEST_CASE("a container's last words are its last line, or the message in it") {
    const auto message_of = [](const std::string& log) {
        return read_pod(
                   {{"metadata", {{"name", "p"}}},
                    {"status",
                     {{"containerStatuses",
                       {{{"state", {{"terminated", {{"exitCode", 2}, {"message", log}}}}}}}}}}})
            .message;
    };
    REQUIRE(message_of("one\ntwo\n") == "two");
    REQUIRE(message_of("x\n{\"level\":\"error\",\"message\":\"disk full\"}\n") == "disk full");
}

TEST_CASE("a pod without status is read as one that does not serve") {
    const reconcile::PodView pod = read_pod({{"metadata", {{"name", "p"}, {"uid", "u"}}}});
    REQUIRE(pod.name == "p");
    REQUIRE_FALSE(pod.ready);
    REQUIRE(pod.node_id == -1);
}

TEST_CASE("a pod tells its readiness, restarts and how its container ended") {
    const json ended = {{"exitCode", 4}, {"reason", "Error"}};
    const reconcile::PodView pod =
        read_pod({{"metadata",
                   {{"name", "p"},
                    {"labels", {{resources::kLabelRole, "broker"}, {resources::kLabelNodeId, "7"}}},
                    {"annotations", {{resources::kAnnotationHash, "abc"}}}}},
                  {"status",
                   {{"podIP", "10.0.0.1"},
                    {"conditions", {{{"type", "Ready"}, {"status", "True"}}}},
                    {"containerStatuses",
                     {{{"restartCount", 2},
                       {"state", {{"waiting", {{"reason", "CrashLoopBackOff"}}}}},
                       {"lastState", {{"terminated", ended}}}}}}}}});
    REQUIRE(pod.ready);
    REQUIRE(pod.node_id == 7);
    REQUIRE(pod.settings_hash == "abc");
    REQUIRE(pod.restarts == 2);
    REQUIRE(pod.waiting_reason == "CrashLoopBackOff");
    REQUIRE(pod.message == "Error (exit code 4)");
}

}  // namespace millrace::kube_operator::server
