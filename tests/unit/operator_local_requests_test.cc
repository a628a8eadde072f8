// Requests that clients make beside creating and changing: pages, selectors, questions about access, what is not offered.
#include <nlohmann/json.hpp>

#include "operator/local/api_core.h"

using namespace millrace::kube_operator::local;
using millrace::WallTime;
using millrace::runtime::HttpRequest;
using Json = nlohmann::json;
using Query = std::map<std::string, std::string>;

namespace {

constexpr WallTime kNow{1'700'000'000'000};
const std::string kMaps = "/api/v1/namespaces/default/configmaps";

struct Server {
    Server() : core(ApiCoreOptions{}) { core.start(kNow); }

    Json call(const std::string& method, const std::string& path, const Json& body = nullptr,
              Query query = {}, const std::string& accept = "") {
        HttpRequest request;
        request.method = method;
        request.path = path;
        request.query = std::move(query);
        request.headers["content-type"] = "application/json";
        request.headers["accept"] = accept;
        request.body = body.is_null() ? std::string() : body.dump();
        const ApiOutcome outcome = core.handle(request, kNow);
        core.garbage().run(kNow);
        const auto& answer = std::get<ApiAnswer>(outcome);
        status = answer.status;
        return Json::parse(answer.body);
    }

    void make_maps(int count) {
        for (int i = 0; i < count; ++i) {
            const Json labels = {{"odd", i % 2 == 1 ? "yes" : "no"}};
            call("POST", kMaps,
                 {{"metadata", {{"name", fmt::format("m{}", i)}, {"labels", labels}}}});
        }
    }

    ApiCore core;
    int status = 0;
};

std::vector<std::string> names(const Json& list) {
    std::vector<std::string> out;
    for (const Json& item : list["items"]) {
        out.push_back(item["metadata"]["name"]);
    }
    return out;
}

std::string token(const Json& list) {
    return list["metadata"]["continue"].get<std::string>();
}

}  // namespace

TEST_CASE("A list is cut into pages that together hold every object once") {
    Server server;
    server.make_maps(5);
    const Json first = server.call("GET", kMaps, nullptr, {{"limit", "2"}});
    REQUIRE(names(first) == std::vector<std::string>{"m0", "m1"});
    REQUIRE(first["metadata"]["remainingItemCount"] == 3);
    const Json second =
        server.call("GET", kMaps, nullptr, {{"limit", "2"}, {"continue", token(first)}});
    REQUIRE(names(second) == std::vector<std::string>{"m2", "m3"});
    REQUIRE(second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]);
    const Json last =
        server.call("GET", kMaps, nullptr, {{"limit", "2"}, {"continue", token(second)}});
    REQUIRE(names(last) == std::vector<std::string>{"m4"});
    REQUIRE_FALSE(last["metadata"].contains("continue"));
}

TEST_CASE("A selector is applied before the page is cut, and tables are cut too") {
    Server server;
    server.make_maps(5);
    const Json page =
        server.call("GET", kMaps, nullptr, {{"limit", "1"}, {"labelSelector", "odd=yes"}});
    REQUIRE(names(page) == std::vector<std::string>{"m1"});
    REQUIRE_FALSE(page["metadata"].contains("remainingItemCount"));
    const Json table = server.call("GET", kMaps, nullptr, {{"limit", "2"}},
                                   "application/json;as=Table;v=v1;g=meta.k8s.io");
    REQUIRE(table["rows"].size() == 2);
    REQUIRE(table["metadata"].contains("continue"));
}

TEST_CASE("Pages whose beginning is forgotten, and states that never were, are refused") {
    Server server;
    server.make_maps(2);
    server.call("GET", kMaps, nullptr, {{"continue", "nonsense"}});
    REQUIRE(server.status == 400);
    const std::string future = std::to_string(server.core.store().revision() + 5);
    REQUIRE(server.call("GET", kMaps, nullptr, {{"continue", future + ":default/m0"}})["reason"] ==
            "Expired");
    const Json early = server.call("GET", kMaps, nullptr, {{"resourceVersion", future}});
    REQUIRE(server.status == 504);
    REQUIRE(early["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge");
    server.call("GET", kMaps, nullptr,
                {{"resourceVersion", "1"}, {"resourceVersionMatch", "Exact"}});
    REQUIRE(server.status == 410);
    server.call("GET", kMaps, nullptr, {{"limit", "-1"}});
    REQUIRE(server.status == 400);
}

TEST_CASE("A flag is set by whatever does not say no") {
    Server server;
    const auto watches = [&server](const std::string& value) {
        HttpRequest request;
        request.method = "GET";
        request.path = kMaps;
        request.query = {{"watch", value}};
        return std::holds_alternative<WatchStart>(server.core.handle(request, kNow));
    };
    for (const char* yes : {"true", "True", "1", ""}) {
        REQUIRE(watches(yes));
    }
    for (const char* no : {"false", "False", "0"}) {
        REQUIRE_FALSE(watches(no));
    }
}

TEST_CASE("A field selector may name what the kind offers and nothing else") {
    Server server;
    server.make_maps(2);
    REQUIRE(names(server.call("GET", kMaps, nullptr, {{"fieldSelector", "metadata.name!=m0"}})) ==
            std::vector<std::string>{"m1"});
    const Json refused = server.call("GET", kMaps, nullptr, {{"fieldSelector", "data.k=v"}});
    REQUIRE(server.status == 400);
    REQUIRE(refused["message"] == "field label not supported: data.k");
    server.call("GET", "/api/v1/pods", nullptr, {{"fieldSelector", "status.phase=Running"}});
    REQUIRE(server.status == 200);
}

TEST_CASE("Whoever asks who he is and what he may do gets an answer") {
    Server server;
    const std::string authorization = "/apis/authorization.k8s.io/v1/";
    REQUIRE(server.call("POST", authorization + "selfsubjectaccessreviews",
                        Json::object())["status"]["allowed"] == true);
    REQUIRE(server.call("POST", authorization + "selfsubjectrulesreviews",
                        Json::object())["status"]["resourceRules"][0]["verbs"][0] == "*");
    REQUIRE(server.call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
                        Json::object())["status"]["userInfo"]["username"] == "millrace-local");
    REQUIRE(server.status == 201);
    server.call("GET", authorization + "selfsubjectaccessreviews");
    REQUIRE(server.status == 405);
}

TEST_CASE("What pods cannot do here is refused in so many words") {
    Server server;
    const Json pod = {{"metadata", {{"name", "p"}}},
                      {"spec", {{"containers", Json::array({{{"name", "c"}, {"image", "x"}}})}}}};
    server.call("POST", "/api/v1/namespaces/default/pods", pod);
    const std::string path = "/api/v1/namespaces/default/pods/p/";
    for (const char* what : {"exec", "attach", "portforward", "proxy", "eviction"}) {
        const Json refused = server.call("POST", path + what);
        INFO(what);
        REQUIRE(server.status == 405);
        REQUIRE(refused["message"] ==
                fmt::format("pods/{} is not offered by the embedded API server: pods are processes "
                            "of this machine",
                            what));
    }
    REQUIRE(server.call("POST", "/api/v1/namespaces/default/pods/q/exec")["message"] ==
            "pods \"q\" not found");
}

TEST_CASE("Kinds that nothing here could run are empty and cannot be created") {
    Server server;
    const std::string path = "/apis/apps/v1/namespaces/default/deployments";
    REQUIRE(server.call("GET", path)["items"].empty());
    REQUIRE(server.status == 200);
    const Json refused = server.call("POST", path, {{"metadata", {{"name", "d"}}}});
    REQUIRE(server.status == 405);
    REQUIRE(refused["message"].get<std::string>().starts_with("deployments.apps is not offered"));
    const Json kinds = server.call("GET", "/apis/apps/v1");
    REQUIRE(kinds["resources"][1]["name"] == "deployments");
    REQUIRE(kinds["resources"][1]["verbs"] == Json{"get", "list", "watch"});
}

TEST_CASE("A path that does not exist has details, which clients look into") {
    Server server;
    REQUIRE(server.call("GET", "/apis/nothing.example.dev/v1/things")["details"].is_object());
    REQUIRE(server.status == 404);
}

TEST_CASE("A deletion that is only tried leaves the object, wherever the wish stands") {
    Server server;
    server.make_maps(2);
    server.call("DELETE", kMaps + "/m0", {{"dryRun", Json::array({"All"})}});
    REQUIRE(server.status == 200);
    server.call("DELETE", kMaps + "/m0", nullptr, {{"dryRun", "All"}});
    server.call("DELETE", kMaps, {{"dryRun", Json::array({"All"})}});
    REQUIRE(names(server.call("GET", kMaps)) == std::vector<std::string>{"m0", "m1"});
    server.call("DELETE", kMaps + "/m0", {{"dryRun", Json::array({"Some"})}});
    REQUIRE(server.status == 400);
    server.call("DELETE", kMaps + "/m0", Json::array());
    REQUIRE(server.status == 400);
}

TEST_CASE("Orphaning lets dependents go at once, also while finalizers hold the owner") {
    Server server;
    Json owner = {{"metadata", {{"name", "owner"}, {"finalizers", {"example.dev/hold"}}}}};
    owner = server.call("POST", kMaps, owner);
    const Json reference = {{"apiVersion", "v1"},
                            {"kind", "ConfigMap"},
                            {"name", "owner"},
                            {"uid", owner["metadata"]["uid"]}};
    server.call("POST", kMaps,
                {{"metadata", {{"name", "child"}, {"ownerReferences", Json::array({reference})}}}});
    server.call("DELETE", kMaps + "/owner", {{"propagationPolicy", "Orphan"}});
    server.call("PUT", kMaps + "/owner", {{"metadata", {{"name", "owner"}}}});
    server.call("GET", kMaps + "/owner");
    REQUIRE(server.status == 404);
    const Json child = server.call("GET", kMaps + "/child");
    REQUIRE(server.status == 200);
    REQUIRE_FALSE(child["metadata"].contains("ownerReferences"));
}
