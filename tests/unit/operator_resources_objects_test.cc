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

TEST_CASE("a pod holds to the Pod Security Standard 'restricted'") {
    const json spec = json::parse(pod(broker()))["spec"];
    REQUIRE(spec["securityContext"]["runAsNonRoot"] == true);
    REQUIRE(spec["securityContext"]["runAsUser"] != 0);
    REQUIRE(spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault");
    const json& container = spec["containers"][0]["securityContext"];
    REQUIRE(container["allowPrivilegeEscalation"] == false);
    REQUIRE(container["capabilities"]["drop"] == json::array({"ALL"}));
}

TEST_CASE("nodes of one role keep away from each other, by machine before zone") {
    const json terms =
        json::parse(pod(broker()))["spec"]["affinity"]["podAntiAffinity"]
                                  ["preferredDuringSchedulingIgnoredDuringExecution"];
    REQUIRE(terms.size() == 2);
    REQUIRE(terms[0]["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname");
    REQUIRE(terms[0]["weight"] > terms[1]["weight"]);
    const json& labels = terms[0]["podAffinityTerm"]["labelSelector"]["matchLabels"];
    REQUIRE(labels == json{{"millrace.dev/cluster", "demo"}, {"millrace.dev/role", "broker"}});
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

TEST_CASE("a budget allows one eviction, and counts nodes itself where Kubernetes cannot") {
    const json asked = json::parse(pod_disruption_budget({.name = "demo"}))["spec"];
    REQUIRE(asked["maxUnavailable"] == 1);
    REQUIRE_FALSE(asked.contains("minAvailable"));
    const json counted = json::parse(pod_disruption_budget({.name = "zoo"}, 3))["spec"];
    REQUIRE(counted["minAvailable"] == 2);
    REQUIRE_FALSE(counted.contains("maxUnavailable"));
}

TEST_CASE("a headless service publishes nodes that are not ready yet") {
    const json object = json::parse(service({.name = "demo-nodes", .headless = true}));
    REQUIRE(object["spec"]["clusterIP"] == "None");
    REQUIRE(object["spec"]["publishNotReadyAddresses"] == true);
}

}  // namespace millrace::kube_operator::resources
