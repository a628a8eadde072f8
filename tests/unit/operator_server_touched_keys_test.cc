#include "operator/server/touched_keys.h"
#include "tests/unit/operator_server_fake_api.h"

namespace millrace::kube_operator::server {
namespace {

json resource(const std::string& kind, const std::string& name, json spec) {
    return {{"apiVersion", "millrace.dev/v1alpha1"},
            {"kind", kind},
            {"metadata", {{"name", name}, {"namespace", "n"}, {"generation", 1}}},
            {"spec", std::move(spec)}};
}

json topic(const std::string& name, const std::string& topic_name) {
    return resource("KafkaTopic", name,
                    {{"clusterRef", {{"name", "demo"}}}, {"topicName", topic_name}});
}

struct Fixture {
    testing::ManualLoop loop;
    FakeApi api{loop};
    Caches caches{loop, api, ""};

    explicit Fixture(const std::vector<json>& objects) {
        for (const json& object : objects) {
            api.put(object);
        }
        caches.start([](const auto&, const auto&) {}, [] {});
        loop.run_until_idle();
    }
    std::vector<std::string> keys(const kube::JsonPtr& before, const kube::JsonPtr& after) {
        std::vector<std::string> texts;
        for (const WorkKey& key : touched_keys(caches, before, after)) {
            texts.push_back(key.to_string());
        }
        return texts;
    }
};

using Keys = std::vector<std::string>;

}  // namespace

TEST_CASE("a key survives its text form") {
    const WorkKey key{Subject::topic, {"n", "a"}};
    REQUIRE(key.to_string() == "topic/n/a");
    REQUIRE(WorkKey::parse("topic/n/a") == key);
    REQUIRE_FALSE(WorkKey::parse("pod/n/a"));
    REQUIRE_FALSE(WorkKey::parse("topic"));
}

TEST_CASE("an ensemble concerns the clusters that name it") {
    Fixture f({resource("KafkaCluster", "one", {{"ensembleRef", {{"name", "zoo"}}}}),
               resource("KafkaCluster", "two", {{"ensembleRef", {{"name", "other"}}}})});
    REQUIRE(f.keys(nullptr, shared(resource("CoordinatorEnsemble", "zoo", {}))) ==
            Keys{"ensemble/n/zoo", "cluster/n/one"});
}

TEST_CASE("figures of a cluster concern no topic, its readiness does") {
    Fixture f({topic("t", "t")});
    json before = resource("KafkaCluster", "demo", json::object());
    json after = before;
    after["status"]["underReplicated"] = 3;
    REQUIRE(f.keys(shared(before), shared(after)) == Keys{"cluster/n/demo"});
    after["status"]["conditions"] = {{{"type", "Ready"}, {"status", "True"}}};
    REQUIRE(f.keys(shared(before), shared(after)) == Keys{"cluster/n/demo", "topic/n/t"});
}

TEST_CASE("pools, nodes and pods concern their cluster or ensemble") {
    Fixture f({});
    const json reference = {{"clusterRef", {{"name", "demo"}}}};
    REQUIRE(f.keys(nullptr, shared(resource("BrokerPool", "p", reference))) ==
            Keys{"cluster/n/demo"});
    json node = resource("ClusterNode", "c-1", reference);
    node["spec"]["role"] = "coordinator";
    REQUIRE(f.keys(shared(node), nullptr) == Keys{"ensemble/n/demo"});
    json pod = resource("Pod", "x", {});
    pod["metadata"]["labels"] = {{resources::kLabelCluster, "demo"},
                                 {resources::kLabelRole, "broker"}};
    REQUIRE(f.keys(nullptr, shared(pod)) == Keys{"cluster/n/demo"});
    REQUIRE(f.keys(nullptr, shared(resource("Pod", "stranger", {}))).empty());
}

TEST_CASE("the end of a topic's resource concerns others for the same topic") {
    Fixture f({topic("second", "orders"), topic("unrelated", "payments")});
    REQUIRE(f.keys(shared(topic("first", "orders")), nullptr) ==
            Keys{"topic/n/first", "topic/n/second"});
}

}  // namespace millrace::kube_operator::server
