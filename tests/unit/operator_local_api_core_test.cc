// Whole requests against the server without its sockets.
#include "operator/local/api_core.h"

#include <nlohmann/json.hpp>

#include "operator/local/watch_hub.h"

using namespace millrace::kube_operator::local;
using millrace::WallTime;
using millrace::runtime::HttpRequest;
using Json = nlohmann::json;

namespace {

constexpr WallTime kNow{1'700'000'000'000};
const std::string kMaps = "/api/v1/namespaces/default/configmaps";

const char* const kDefinition = R"({
  "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
  "metadata": {"name": "widgets.test.example.dev"},
  "spec": {"group": "test.example.dev", "scope": "Namespaced",
    "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["w"], "categories": ["all"]},
    "versions": [{"name": "v1", "served": true, "storage": true,
      "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}},
      "additionalPrinterColumns": [{"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas"}],
      "schema": {"openAPIV3Schema": {"type": "object", "properties": {
        "spec": {"type": "object", "properties": {"replicas": {"type": "integer", "default": 3, "maximum": 9}},
          "x-kubernetes-validations": [{"rule": "self.replicas % 2 == 1", "message": "must be odd"}]},
        "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}}}}}}]}})";

struct Answer {
    int status = 0;
    Json body;
    std::vector<std::string> warnings;
};

struct Server {
    Server() : core(ApiCoreOptions{}) { core.start(kNow); }

    Answer call(const std::string& method, const std::string& path, const Json& body = nullptr,
                std::map<std::string, std::string> query = {},
                const std::string& type = "application/json") {
        HttpRequest request;
        request.method = method;
        request.path = path;
        request.query = std::move(query);
        request.headers["content-type"] = type;
        request.headers["user-agent"] = "test/1";
        request.body = body.is_null() ? std::string() : body.dump();
        ApiOutcome outcome = core.handle(request, kNow);
        core.garbage().run(kNow);
        core.store().invariants();
        const auto& answer = std::get<ApiAnswer>(outcome);
        return {answer.status, Json::parse(answer.body), answer.warnings};
    }

    void define() {
        REQUIRE(call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                     Json::parse(kDefinition))
                    .status == 201);
    }

    ApiCore core;
};

Json named(const std::string& name) {
    return {{"metadata", {{"name", name}}}};
}

Json owned(const std::string& name, const Json& owner, bool blocks = true) {
    Json out = named(name);
    out["metadata"]["ownerReferences"] = Json::array({{{"apiVersion", "v1"},
                                                       {"kind", "ConfigMap"},
                                                       {"name", owner["metadata"]["name"]},
                                                       {"uid", owner["metadata"]["uid"]},
                                                       {"blockOwnerDeletion", blocks}}});
    return out;
}

const std::string kWidgets = "/apis/test.example.dev/v1/namespaces/default/widgets";

}  // namespace

TEST_CASE("An object is created once and then found with what the server added") {
    Server server;
    const Answer made = server.call("POST", kMaps, named("a"));
    REQUIRE(made.status == 201);
    REQUIRE(made.body["metadata"]["uid"].get<std::string>().size() == 36);
    REQUIRE(made.body["metadata"]["creationTimestamp"] == "2023-11-14T22:13:20Z");
    REQUIRE(server.call("GET", kMaps + "/a").body == made.body);
    const Answer again = server.call("POST", kMaps, named("a"));
    REQUIRE(again.status == 409);
    REQUIRE(again.body["reason"] == "AlreadyExists");
    REQUIRE(again.body["message"] == "configmaps \"a\" already exists");
}

TEST_CASE("generateName adds five characters") {
    Server server;
    const Answer made = server.call("POST", kMaps, {{"metadata", {{"generateName", "x-"}}}});
    REQUIRE(made.body["metadata"]["name"].get<std::string>().size() == 7);
}

TEST_CASE("A replacement with an old resource version is a conflict") {
    Server server;
    Json object = server.call("POST", kMaps, named("a")).body;
    object["data"] = {{"k", "v"}};
    REQUIRE(server.call("PUT", kMaps + "/a", object).status == 200);
    const Answer stale = server.call("PUT", kMaps + "/a", object);
    REQUIRE(stale.status == 409);
    REQUIRE(stale.body["reason"] == "Conflict");
}

TEST_CASE("A write that changes nothing keeps the resource version") {
    Server server;
    const Json object = server.call("POST", kMaps, named("a")).body;
    REQUIRE(server.call("PUT", kMaps + "/a", object).body["metadata"]["resourceVersion"] ==
            object["metadata"]["resourceVersion"]);
}

TEST_CASE("A dry run stores nothing") {
    Server server;
    REQUIRE(server.call("POST", kMaps, named("a"), {{"dryRun", "All"}}).status == 201);
    REQUIRE(server.call("GET", kMaps + "/a").status == 404);
}

TEST_CASE("Names that break the rules are refused with the field") {
    Server server;
    const Answer refused = server.call("POST", kMaps, named("Not_A_Name"));
    REQUIRE(refused.status == 422);
    REQUIRE(refused.body["details"]["causes"][0]["field"] == "metadata.name");
}

TEST_CASE("Fields of the wrong type are the sender's fault") {
    Server server;
    for (const Json& wrong :
         {Json{{"metadata", {{"name", 7}}}}, Json{{"metadata", "x"}}, Json::array(),
          Json{{"metadata", {{"name", "a"}}}, {"data", {{"k", 1}}}},
          Json{{"metadata", {{"name", "a"}, {"finalizers", 3}, {"labels", 3}}}}}) {
        INFO(wrong.dump());
        const int status = server.call("POST", kMaps, wrong).status;
        REQUIRE((status == 400 || status == 422));
    }
    REQUIRE(server
                .call("POST", "/api/v1/namespaces/default/pods",
                      {{"metadata", {{"name", "p"}}}, {"spec", {{"containers", {1, 2}}}}})
                .status >= 400);
}

TEST_CASE("A definition is served at once: defaults, rules, columns, scale") {
    Server server;
    server.define();
    const Answer made =
        server.call("POST", kWidgets, {{"metadata", {{"name", "w"}}}, {"spec", Json::object()}});
    REQUIRE(made.status == 201);
    REQUIRE(made.body["spec"]["replicas"] == 3);
    REQUIRE(made.body["metadata"]["generation"] == 1);
    const Answer even = server.call("PATCH", kWidgets + "/w", {{"spec", {{"replicas", 4}}}}, {},
                                    "application/merge-patch+json");
    REQUIRE(even.status == 422);
    REQUIRE(
        even.body["message"] ==
        "Widget.test.example.dev \"w\" is invalid: spec: Invalid value: \"object\": must be odd");
    const Answer scaled = server.call("PATCH", kWidgets + "/w/scale", {{"spec", {{"replicas", 5}}}},
                                      {}, "application/merge-patch+json");
    REQUIRE(scaled.status == 200);
    REQUIRE(scaled.body["kind"] == "Scale");
    REQUIRE(server.call("GET", kWidgets + "/w").body["metadata"]["generation"] == 2);
}

TEST_CASE("Status and the rest are written apart") {
    Server server;
    server.define();
    Json object = server
                      .call("POST", kWidgets,
                            {{"metadata", {{"name", "w"}}},
                             {"spec", Json::object()},
                             {"status", {{"replicas", 1}}}})
                      .body;
    REQUIRE_FALSE(object.contains("status"));
    const Json both = {{"spec", {{"replicas", 7}}}, {"status", {{"replicas", 2}}}};
    const Json after =
        server.call("PATCH", kWidgets + "/w/status", both, {}, "application/merge-patch+json").body;
    REQUIRE(after["spec"]["replicas"] == 3);
    REQUIRE(after["status"]["replicas"] == 2);
    REQUIRE(after["metadata"]["generation"] == 1);
}

TEST_CASE("Unknown fields are dropped with a warning, or refused when the client asks for it") {
    Server server;
    server.define();
    const Json object = {{"metadata", {{"name", "w"}}}, {"spec", {{"replicaz", 1}}}};
    const Answer strict = server.call("POST", kWidgets, object, {{"fieldValidation", "Strict"}});
    REQUIRE(strict.status == 400);
    REQUIRE(strict.body["message"].get<std::string>().ends_with(
        "strict decoding error: unknown field \"spec.replicaz\""));
    const Answer warned = server.call("POST", kWidgets, object, {{"fieldValidation", "Warn"}});
    REQUIRE(warned.warnings == std::vector<std::string>{"unknown field \"spec.replicaz\""});
    REQUIRE_FALSE(warned.body["spec"].contains("replicaz"));
}

TEST_CASE("A definition with a rule that is not understood is refused") {
    Server server;
    Json definition = Json::parse(kDefinition);
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
              ["x-kubernetes-validations"][0]["rule"] = "self.replicas.isPrime()";
    const Answer refused =
        server.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition);
    REQUIRE(refused.status == 422);
    REQUIRE(refused.body["message"].get<std::string>().find("'isPrime'") != std::string::npos);
}

TEST_CASE("Deleting a definition takes its objects along") {
    Server server;
    server.define();
    server.call("POST", kWidgets, {{"metadata", {{"name", "w"}}}, {"spec", Json::object()}});
    server.call("DELETE",
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.test.example.dev");
    REQUIRE(server.call("GET", kWidgets).status == 404);
    REQUIRE(server.core.store().list("widgets.test.example.dev", "").empty());
}

TEST_CASE("Finalizers hold an object until they are gone") {
    Server server;
    Json object = named("a");
    object["metadata"]["finalizers"] = {"example.dev/hold"};
    server.call("POST", kMaps, object);
    REQUIRE(server.call("DELETE", kMaps + "/a").body["metadata"].contains("deletionTimestamp"));
    REQUIRE(server.call("GET", kMaps + "/a").status == 200);
    server.call("PATCH", kMaps + "/a", {{"metadata", {{"finalizers", nullptr}}}}, {},
                "application/merge-patch+json");
    REQUIRE(server.call("GET", kMaps + "/a").status == 404);
}

TEST_CASE("Dependents go with the last of their owners") {
    Server server;
    const Json owner = server.call("POST", kMaps, named("owner")).body;
    server.call("POST", kMaps, owned("child", owner));
    server.call("DELETE", kMaps + "/owner");
    REQUIRE(server.call("GET", kMaps + "/child").status == 404);
}

TEST_CASE("Foreground deletion removes the owner after its dependents") {
    Server server;
    const Json owner = server.call("POST", kMaps, named("owner")).body;
    Json child = owned("child", owner);
    child["metadata"]["finalizers"] = {"example.dev/hold"};
    server.call("POST", kMaps, child);
    server.call("DELETE", kMaps + "/owner", {{"propagationPolicy", "Foreground"}});
    REQUIRE(server.call("GET", kMaps + "/owner").status == 200);
    server.call("PATCH", kMaps + "/child", {{"metadata", {{"finalizers", nullptr}}}}, {},
                "application/merge-patch+json");
    REQUIRE(server.call("GET", kMaps + "/child").status == 404);
    REQUIRE(server.call("GET", kMaps + "/owner").status == 404);
}

TEST_CASE("Orphans keep living without the owner's name") {
    Server server;
    const Json owner = server.call("POST", kMaps, named("owner")).body;
    server.call("POST", kMaps, owned("child", owner));
    server.call("DELETE", kMaps + "/owner", {{"propagationPolicy", "Orphan"}});
    REQUIRE_FALSE(
        server.call("GET", kMaps + "/child").body["metadata"].contains("ownerReferences"));
}

TEST_CASE("A namespace goes when everything in it is gone, and takes nothing new meanwhile") {
    Server server;
    server.call("POST", "/api/v1/namespaces", named("n"));
    Json held = named("a");
    held["metadata"]["finalizers"] = {"example.dev/hold"};
    server.call("POST", "/api/v1/namespaces/n/configmaps", held);
    server.call("DELETE", "/api/v1/namespaces/n");
    REQUIRE(server.call("GET", "/api/v1/namespaces/n").body["status"]["phase"] == "Terminating");
    REQUIRE(server.call("POST", "/api/v1/namespaces/n/configmaps", named("b")).status == 403);
    server.call("PATCH", "/api/v1/namespaces/n/configmaps/a",
                {{"metadata", {{"finalizers", nullptr}}}}, {}, "application/merge-patch+json");
    REQUIRE(server.call("GET", "/api/v1/namespaces/n").status == 404);
}

TEST_CASE("A delete with the uid of another incarnation does nothing") {
    Server server;
    server.call("POST", kMaps, named("a"));
    REQUIRE(server.call("DELETE", kMaps + "/a", {{"preconditions", {{"uid", "other"}}}}).status ==
            409);
    REQUIRE(server.call("GET", kMaps + "/a").status == 200);
}

TEST_CASE("A pod that runs keeps its grace period, one that never started goes at once") {
    Server server;
    const std::string pods = "/api/v1/namespaces/default/pods";
    Json pod = named("p");
    pod["spec"] = {{"containers", Json::array({{{"name", "c"}, {"image", "x"}}})}};
    server.call("POST", pods, pod);
    server.call("DELETE", pods + "/p");
    REQUIRE(server.call("GET", pods + "/p").status == 404);
    pod["spec"]["nodeName"] = "here";
    server.call("POST", pods, pod);
    const Answer marked = server.call("DELETE", pods + "/p");
    REQUIRE(marked.body["metadata"]["deletionGracePeriodSeconds"] == 30);
    REQUIRE(server.call("GET", pods + "/p").status == 200);
    server.call("DELETE", pods + "/p", nullptr, {{"gracePeriodSeconds", "0"}});
    REQUIRE(server.call("GET", pods + "/p").status == 404);
}

TEST_CASE("Watches tell what enters, changes and leaves their selection") {
    Server server;
    WatchHub hub(server.core.store());
    std::vector<std::string> seen;
    WatchStart start;
    start.resource = server.core.registry().find("", "v1", "configmaps");
    start.name_space = "default";
    start.labels = *LabelSelector::parse("x=y");
    REQUIRE(hub.open(
        start,
        [&seen](const std::string& line) {
            seen.push_back(Json::parse(line)["type"]);
            return true;
        },
        kNow));
    Json object = named("a");
    server.call("POST", kMaps, object);
    auto label = [&](const Json& value) {
        server.call("PATCH", kMaps + "/a", {{"metadata", {{"labels", {{"x", value}}}}}}, {},
                    "application/merge-patch+json");
    };
    label("y");
    server.call("PATCH", kMaps + "/a", {{"data", {{"k", "v"}}}}, {},
                "application/merge-patch+json");
    label("n");
    REQUIRE(seen == std::vector<std::string>{"ADDED", "MODIFIED", "DELETED"});
}

TEST_CASE("A watch from a position the history has lost gets 410") {
    Server server;
    WatchHub hub(server.core.store());
    WatchStart start;
    start.resource = server.core.registry().find("", "v1", "configmaps");
    start.resource_version = "999999";
    Json seen;
    REQUIRE_FALSE(hub.open(
        start,
        [&seen](const std::string& line) {
            seen = Json::parse(line);
            return true;
        },
        kNow));
    REQUIRE(seen["type"] == "ERROR");
    REQUIRE(seen["object"]["code"] == 410);
    REQUIRE(hub.size() == 0);
}

TEST_CASE("Watches are bounded and one whose reader stopped is dropped") {
    Server server;
    WatchHub hub(server.core.store(), 1);
    WatchStart start;
    start.resource = server.core.registry().find("", "v1", "configmaps");
    bool reads = true;
    REQUIRE(hub.open(start, [&reads](const std::string&) { return reads; }, kNow));
    REQUIRE(hub.open(
                   start, [](const std::string&) { return true; }, kNow)
                .error()
                .code == millrace::Errc::busy);
    reads = false;
    server.call("POST", kMaps, named("a"));
    REQUIRE(hub.size() == 0);
}

TEST_CASE("Tables carry the cells of the declared columns") {
    Server server;
    server.define();
    server.call("POST", kWidgets, {{"metadata", {{"name", "w"}}}, {"spec", {{"replicas", 5}}}});
    HttpRequest request;
    request.path = kWidgets;
    request.headers["accept"] = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    const Json table = Json::parse(std::get<ApiAnswer>(server.core.handle(request, kNow)).body);
    REQUIRE(table["kind"] == "Table");
    REQUIRE(table["rows"][0]["cells"] == Json({"w", 5}));
    REQUIRE(table["rows"][0]["object"]["kind"] == "PartialObjectMetadata");
}

TEST_CASE("Discovery lists short names, categories and subresources") {
    Server server;
    server.define();
    const Json list = server.call("GET", "/apis/test.example.dev/v1").body;
    REQUIRE(list["resources"][0]["shortNames"] == Json({"w"}));
    REQUIRE(list["resources"].size() == 3);
    REQUIRE(server.call("GET", "/openapi/v3/apis/test.example.dev/v1")
                .body["components"]["schemas"]
                .contains("dev.example.test.v1.Widget"));
}

TEST_CASE("YAML bodies are understood where the API takes them") {
    Server server;
    HttpRequest request;
    request.method = "PATCH";
    request.path = kMaps + "/y";
    request.query["fieldManager"] = "me";
    request.headers["content-type"] = "application/apply-patch+yaml";
    request.body = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: y\ndata:\n  a: \"1\"\n";
    REQUIRE(std::get<ApiAnswer>(server.core.handle(request, kNow)).status == 201);
    REQUIRE(server.call("GET", kMaps + "/y").body["data"]["a"] == "1");
}

TEST_CASE("Events go an hour after they were last seen") {
    Server server;
    Json event = named("e");
    event["lastTimestamp"] = "2023-11-14T22:13:20Z";
    REQUIRE(server.call("POST", "/api/v1/namespaces/default/events", event).status == 201);
    server.core.garbage().expire_events(WallTime{kNow.millis + 3'500'000});
    REQUIRE(server.call("GET", "/api/v1/namespaces/default/events/e").status == 200);
    server.core.garbage().expire_events(WallTime{kNow.millis + 3'700'000});
    REQUIRE(server.call("GET", "/api/v1/namespaces/default/events/e").status == 404);
}
