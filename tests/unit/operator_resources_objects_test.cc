#include "operator/resources/objects.h"

#include <nlohmann/json.hpp>

namespace millrace::kube_operator::resources {
namespace {

using nlohmann::json;

Node broker() {
    Node node;
    node.id = 4;
    node.namespace_name = "ns";
    node.cluster = "demo";
    node.pool = "brokers";
    node.owner = {"BrokerPool", "brokers", "uid-1"};
    node.image = "millrace:1";
    node.storage = {"PersistentClaim", "2Gi", "", false};
    node.files = {{"server.properties", "broker.id=4\n"}};
    node.arguments = {"/etc/millrace/server.properties"};
    node.ports = {{"plaintext", 9092}};
    return node;
}

}  // namespace

TEST_CASE("a pod mounts its settings and its claim, is probed and cannot gain rights") {
    const json object = json::parse(pod(broker()));
    REQUIRE(object["metadata"]["name"] == "demo-brokers-4");
    REQUIRE(object["metadata"]["ownerReferences"][0]["uid"] == "uid-1");
    const json& container = object["spec"]["containers"][0];
    REQUIRE(container["readinessProbe"]["httpGet"]["path"] == "/readyz");
    REQUIRE(container["securityContext"]["readOnlyRootFilesystem"] == true);
    REQUIRE(object["spec"]["securityContext"]["runAsNonRoot"] == true);
    REQUIRE(object["spec"]["volumes"][1]["persistentVolumeClaim"]["claimName"] ==
            "demo-brokers-4-data");
}

TEST_CASE("a claim outlives its resource unless deleteClaim says otherwise") {
    Node node = broker();
    REQUIRE_FALSE(json::parse(volume_claim(node))["metadata"].contains("ownerReferences"));
    node.storage.delete_claim = true;
    REQUIRE(json::parse(volume_claim(node))["metadata"].contains("ownerReferences"));
}

TEST_CASE("the settings hash follows settings and image, not labels or owner") {
    const std::string before = broker().settings_hash();
    Node node = broker();
    node.owner.uid = "another";
    REQUIRE(node.settings_hash() == before);
    node.files["server.properties"] = "broker.id=5\n";
    REQUIRE(node.settings_hash() != before);
    node = broker();
    node.image = "millrace:2";
    REQUIRE(node.settings_hash() != before);
}

TEST_CASE("properties escape what would end a key or a line") {
    REQUIRE(properties_text({{"a b", "c\\d\ne"}}) == "a\\ b=c\\\\d\\ne\n");
    // A comment is no key, and blanks before a value would be dropped.
    REQUIRE(properties_text({{"#k", "  v\t"}}) == "\\#k=\\  v\\t\n");
}

TEST_CASE("a headless service publishes nodes that are not ready yet") {
    const json object = json::parse(service({.name = "demo-nodes", .headless = true}));
    REQUIRE(object["spec"]["clusterIP"] == "None");
    REQUIRE(object["spec"]["publishNotReadyAddresses"] == true);
}

}  // namespace millrace::kube_operator::resources
