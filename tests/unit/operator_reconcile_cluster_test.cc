#include "operator/reconcile/broker_nodes.h"
#include "operator/reconcile/nodes.h"

namespace millrace::kube_operator::reconcile {
namespace {

api::BrokerPool pool_of(std::int64_t replicas) {
    api::BrokerPool pool;
    pool.metadata.name = "brokers";
    pool.metadata.uid = "u1";
    pool.spec.cluster = "demo";
    pool.spec.replicas = replicas;
    pool.spec.storage.type = "PersistentClaim";
    pool.spec.storage.size = "1Gi";
    return pool;
}

ClusterInput fresh(std::int64_t replicas) {
    ClusterInput input;
    input.cluster.metadata.name = "demo";
    input.cluster.metadata.namespace_name = "default";
    input.cluster.spec.connect = "zoo:2181";
    input.cluster.spec.rollout.strategy = "Auto";
    input.cluster.spec.rollout.stall_timeout_s = 600;
    input.pools = {pool_of(replicas)};
    input.environment.default_image = "millrace:test";
    return input;
}

std::size_t count_applies(const ClusterPlan& plan, std::string_view kind) {
    const std::string needle = "\"kind\":\"" + std::string(kind) + "\"";
    return static_cast<std::size_t>(std::ranges::count_if(plan.actions, [&](const Action& action) {
        const auto* apply = std::get_if<ApplyObject>(&action);
        return apply != nullptr && apply->json.starts_with("{\"api") &&
               apply->json.find(needle) != std::string::npos &&
               apply->json.find("\"ownerReferences\"") != std::string::npos;
    }));
}

std::vector<std::string> deleted_pods(const ClusterPlan& plan) {
    std::vector<std::string> names;
    for (const Action& action : plan.actions) {
        if (const auto* remove = std::get_if<DeletePod>(&action)) {
            names.push_back(remove->name);
        }
    }
    return names;
}

// Makes the world as a plan wants it: every node exists, runs its settings and serves.
ClusterInput settled(ClusterInput input, std::optional<std::int64_t> controller) {
    input.nodes.clear();
    input.pods.clear();
    input.reports.clear();
    for (const PoolNodes& pool : wanted_brokers(input, "zoo:2181/default-demo")) {
        for (const resources::Node& node : pool.nodes) {
            api::ClusterNode record;
            record.metadata.name = node.name();
            record.spec = {
                .cluster = "demo", .pool = "brokers", .role = "broker", .node_id = node.id};
            input.nodes.push_back(record);
            PodView pod;
            pod.name = node.name();
            pod.uid = "pod-" + node.name();
            pod.pool = "brokers";
            pod.node_id = node.id;
            pod.phase = "Running";
            pod.ready = true;
            pod.ip = "127.0.0." + std::to_string(node.id + 1);
            pod.settings_hash = node.settings_hash();
            input.pods.push_back(pod);
            input.reports.push_back({.broker_id = node.id, .controller_id = controller});
        }
    }
    return input;
}

std::vector<std::string> reasons(const ClusterPlan& plan) {
    std::vector<std::string> out;
    for (const Action& action : plan.actions) {
        if (const auto* news = std::get_if<Announce>(&action)) {
            out.push_back(news->reason);
        }
    }
    return out;
}

std::string ready_reason(const ClusterPlan& plan) {
    return api::find_condition(plan.status.conditions, "Ready")->reason;
}

}  // namespace

TEST_CASE("a new cluster gets a node, a claim, a config map and a pod for each broker") {
    const ClusterPlan plan = plan_cluster(fresh(3));
    REQUIRE(count_applies(plan, "ClusterNode") == 3);
    REQUIRE(count_applies(plan, "ConfigMap") == 3);
    REQUIRE(count_applies(plan, "Pod") == 3);
    REQUIRE(plan.status.used_ids == std::vector<std::int64_t>{0, 1, 2});
    REQUIRE(plan.status.brokers_summary == "0/3");
    REQUIRE(ready_reason(plan) == "Starting");
}

TEST_CASE("a settled cluster is ready and nothing is taken down or built") {
    const ClusterPlan plan = plan_cluster(settled(fresh(3), 1));
    REQUIRE(count_applies(plan, "Pod") == 0);
    REQUIRE(deleted_pods(plan).empty());
    REQUIRE(ready_reason(plan) == "Serving");
    REQUIRE(plan.status.controller_id == 1);
    REQUIRE(plan.status.rollout.phase == "Idle");
}

TEST_CASE("a missing ensemble keeps the cluster waiting and builds nothing") {
    ClusterInput input = fresh(1);
    input.cluster.spec.connect.clear();
    input.cluster.spec.ensemble = "zoo";
    const ClusterPlan plan = plan_cluster(input);
    REQUIRE(reasons(plan) == std::vector<std::string>{"EnsembleMissing", "EnsembleMissing"});
    REQUIRE(plan.actions.size() == 2);
    REQUIRE(ready_reason(plan) == "EnsembleMissing");
    // Said once.
    input.cluster.status = plan.status;
    input.pools[0].status = plan.pools[0].second;
    REQUIRE(plan_cluster(input).actions.empty());
}

TEST_CASE("a changed setting restarts one broker at a time, the controller last") {
    ClusterInput input = settled(fresh(3), 0);
    input.cluster.spec.config["log.retention.hours"] = "1";
    ClusterPlan plan = plan_cluster(input);
    REQUIRE(deleted_pods(plan) == std::vector<std::string>{"demo-brokers-1"});
    REQUIRE(plan.status.rollout.summary == "0/3");

    // The pod is gone: its successor is built, and nobody else is touched meanwhile.
    input.cluster.status = plan.status;
    const std::string wanted =
        wanted_brokers(input, "zoo:2181/default-demo")[0].nodes[1].settings_hash();
    const PodView gone = input.pods[1];
    input.pods.erase(input.pods.begin() + 1);
    plan = plan_cluster(input);
    REQUIRE(deleted_pods(plan).empty());
    REQUIRE(count_applies(plan, "Pod") == 1);

    // It serves again with the new settings: the next one follows, still not the controller.
    PodView back = gone;
    back.settings_hash = wanted;
    input.pods.push_back(back);
    input.cluster.status = plan.status;
    plan = plan_cluster(input);
    REQUIRE(deleted_pods(plan) == std::vector<std::string>{"demo-brokers-2"});
    REQUIRE(plan.status.rollout.summary == "1/3");
}

TEST_CASE("a roll waits while a partition has no leader") {
    ClusterInput input = settled(fresh(3), 0);
    input.cluster.spec.config["log.retention.hours"] = "1";
    for (BrokerReport& report : input.reports) {
        report.offline_partitions = 2;
    }
    const ClusterPlan plan = plan_cluster(input);
    REQUIRE(deleted_pods(plan).empty());
    REQUIRE(plan.status.rollout.phase == "Waiting");
    REQUIRE(plan.status.rollout.waiting_for == "2 partitions have no leader");
}

TEST_CASE("a broker that does not serve is restarted first, whatever the others lack") {
    ClusterInput input = settled(fresh(3), 0);
    input.cluster.spec.config["log.retention.hours"] = "1";
    input.pods[2].ready = false;
    input.pods[2].waiting_reason = "CrashLoopBackOff";
    const ClusterPlan plan = plan_cluster(input);
    REQUIRE(deleted_pods(plan) == std::vector<std::string>{"demo-brokers-2"});
}

TEST_CASE("strategy OnDelete restarts nothing and says whom it waits for") {
    ClusterInput input = settled(fresh(2), 0);
    input.cluster.spec.rollout.strategy = "OnDelete";
    input.cluster.spec.config["log.retention.hours"] = "1";
    const ClusterPlan plan = plan_cluster(input);
    REQUIRE(deleted_pods(plan).empty());
    REQUIRE(plan.status.rollout.phase == "Waiting");
}

TEST_CASE("a pod that ended is replaced") {
    ClusterInput input = settled(fresh(1), 0);
    input.pods[0].phase = "Failed";
    input.pods[0].ready = false;
    REQUIRE(deleted_pods(plan_cluster(input)) == std::vector<std::string>{"demo-brokers-0"});
}

TEST_CASE("scaling up takes ids that were never used while there are any") {
    ClusterInput input = settled(fresh(2), 0);
    input.cluster.status.used_ids = {0, 1, 2};
    input.pools[0].spec.replicas = 3;
    const ClusterPlan plan = plan_cluster(input);
    REQUIRE(plan.pools[0].second.node_ids == std::vector<std::int64_t>{0, 1, 3});
}

TEST_CASE("an id range that is used up is a refused spec") {
    ClusterInput input = fresh(3);
    input.pools[0].spec.last_id = 1;
    const ClusterPlan plan = plan_cluster(input);
    REQUIRE(ready_reason(plan) == "NoFreeId");
    REQUIRE(count_applies(plan, "Pod") == 2);
}

TEST_CASE("scaling down is refused with a warning, takes nothing away and leaves the rest ready") {
    ClusterInput input = settled(fresh(3), 0);
    input.pools[0].spec.replicas = 1;
    const ClusterPlan plan = plan_cluster(input);
    REQUIRE(deleted_pods(plan).empty());
    REQUIRE(ready_reason(plan) == "Serving");
    REQUIRE(plan.pools[0].second.replicas == 3);
    REQUIRE(api::find_condition(plan.pools[0].second.conditions, "Warning")->reason ==
            "ScaleDownRefused");
    REQUIRE(std::ranges::count(reasons(plan), "ScaleDownRefused") == 1);

    input.pools[0].status = plan.pools[0].second;
    input.pools[0].spec.replicas = 3;
    const ClusterPlan after = plan_cluster(input);
    REQUIRE(api::find_condition(after.pools[0].second.conditions, "Warning") == nullptr);
}

TEST_CASE("a paused cluster is left alone and says so") {
    ClusterInput input = settled(fresh(3), 0);
    input.cluster.spec.config["log.retention.hours"] = "1";
    input.cluster.spec.paused = true;
    ClusterPlan plan = plan_cluster(input);
    REQUIRE(reasons(plan) == std::vector<std::string>{"Paused"});
    REQUIRE(plan.actions.size() == 1);
    input.cluster.status = plan.status;
    REQUIRE(plan_cluster(input).actions.empty());
    input.cluster.spec.paused = false;
    plan = plan_cluster(input);
    REQUIRE(std::ranges::count(reasons(plan), "Resumed") == 1);
    REQUIRE(api::find_condition(plan.status.conditions, "Paused") == nullptr);
}

TEST_CASE("settings that the broker refuses reach nobody; what dies comes back as it was") {
    ClusterInput input = settled(fresh(3), 0);
    for (const api::ClusterNode& node : input.nodes) {
        input.known.stored_settings[node.metadata.name] = "broker.id=7\n";
    }
    input.cluster.spec.config["num.io.threads"] = "many";
    input.known.refused_settings["brokers"] = "line 3: num.io.threads: not a number";
    input.pods.pop_back();
    const ClusterPlan plan = plan_cluster(input);
    REQUIRE(deleted_pods(plan).empty());
    REQUIRE(count_applies(plan, "Pod") == 1);
    REQUIRE(ready_reason(plan) == "ConfigRefused");
    for (const Action& action : plan.actions) {
        if (const auto* apply = std::get_if<ApplyObject>(&action)) {
            REQUIRE(apply->json.find("many") == std::string::npos);
        }
    }
}

TEST_CASE("a new cluster whose settings are refused is not built") {
    ClusterInput input = fresh(3);
    input.known.refused_settings["brokers"] = "line 3: num.io.threads: not a number";
    const ClusterPlan plan = plan_cluster(input);
    REQUIRE(count_applies(plan, "Pod") == 0);
    REQUIRE(count_applies(plan, "ClusterNode") == 0);
    REQUIRE(plan.pools[0].second.replicas == 0);
}

TEST_CASE("brokers that all serve nothing are all restarted with mended settings") {
    ClusterInput input = settled(fresh(3), std::nullopt);
    input.reports.clear();
    for (PodView& pod : input.pods) {
        pod.ready = false;
    }
    input.cluster.spec.connect = "right:2181";
    REQUIRE(deleted_pods(plan_cluster(input)).size() == 3);
}

TEST_CASE("the next restart waits until every serving broker has been heard") {
    ClusterInput input = settled(fresh(3), 0);
    input.cluster.spec.config["log.retention.hours"] = "1";
    input.reports.pop_back();
    ClusterPlan plan = plan_cluster(input);
    REQUIRE(deleted_pods(plan).empty());
    REQUIRE(plan.status.rollout.waiting_for == "demo-brokers-2 to answer on its admin port");
    // A broker that was just restarted knows of partitions without leader before the controller does.
    input.reports.push_back({.broker_id = 2, .controller_id = 0, .offline_partitions = 1});
    plan = plan_cluster(input);
    REQUIRE(deleted_pods(plan).empty());
    REQUIRE(plan.status.rollout.waiting_for == "1 partitions have no leader");
    REQUIRE(std::ranges::count(reasons(plan), "RollBlocked") == 1);
}

TEST_CASE("a roll without progress is stalled after its time, and goes on when it can") {
    ClusterInput input = settled(fresh(3), 0);
    input.environment.now = WallTime{1'000'000'000};
    input.cluster.spec.config["log.retention.hours"] = "1";
    input.reports[0].offline_partitions = 1;
    ClusterPlan plan = plan_cluster(input);
    REQUIRE(plan.status.rollout.phase == "Waiting");
    input.cluster.status = plan.status;
    input.environment.now.millis += 599'000;
    plan = plan_cluster(input);
    REQUIRE(plan.status.rollout.phase == "Waiting");
    input.environment.now.millis += 2'000;
    plan = plan_cluster(input);
    REQUIRE(plan.status.rollout.phase == "Stalled");
    REQUIRE(std::ranges::count(reasons(plan), "RollStalled") == 1);
    REQUIRE(api::find_condition(plan.status.conditions, "Stalled")->reason == "NoProgress");
    input.cluster.status = plan.status;
    REQUIRE(std::ranges::count(reasons(plan_cluster(input)), "RollStalled") == 0);
    input.reports[0].offline_partitions = 0;
    plan = plan_cluster(input);
    REQUIRE(deleted_pods(plan).size() == 1);
    REQUIRE(plan.status.rollout.phase == "Rolling");
    REQUIRE(api::find_condition(plan.status.conditions, "Stalled") == nullptr);
}

TEST_CASE("names that are taken or too long are refused, and the rest of the cluster is built") {
    ClusterInput input = fresh(2);
    input.known.foreign_nodes = {"demo-brokers-1"};
    ClusterPlan plan = plan_cluster(input);
    REQUIRE(ready_reason(plan) == "NameTaken");
    REQUIRE(count_applies(plan, "Pod") == 1);
    input = fresh(1);
    input.pools[0].metadata.name = std::string(60, 'p');
    plan = plan_cluster(input);
    REQUIRE(ready_reason(plan) == "NameTooLong");
    REQUIRE(count_applies(plan, "Pod") == 0);
}

TEST_CASE("a cluster that would share another's state is held, and its brokers stay as they are") {
    ClusterInput input = settled(fresh(1), 0);
    input.state_owner = "default/first";
    const ClusterPlan plan = plan_cluster(input);
    REQUIRE(ready_reason(plan) == "ChrootTaken");
    REQUIRE(deleted_pods(plan).empty());
    REQUIRE(count_applies(plan, "ConfigMap") == 0);
}

TEST_CASE("the root as chroot adds nothing to the connect string") {
    ClusterInput input = fresh(1);
    input.cluster.spec.chroot = "/";
    const ClusterPlan plan = plan_cluster(input);
    bool seen = false;
    for (const Action& action : plan.actions) {
        const auto* apply = std::get_if<ApplyObject>(&action);
        seen = seen || (apply != nullptr &&
                        apply->json.find("zookeeper.connect=zoo:2181\\n") != std::string::npos);
    }
    REQUIRE(seen);
}

TEST_CASE("without its cluster a pool's brokers are stopped and their identities kept") {
    const ClusterInput input = settled(fresh(2), 0);
    OrphanPlan plan = plan_orphan(input.pools[0], input.nodes, input.pods, {});
    std::size_t deleted = 0;
    for (const Action& action : plan.actions) {
        REQUIRE_FALSE(std::holds_alternative<ApplyObject>(action));
        deleted += std::holds_alternative<DeletePod>(action) ? 1 : 0;
    }
    REQUIRE(deleted == 2);
    REQUIRE(api::find_condition(plan.status.conditions, "Ready")->reason == "ClusterMissing");
    REQUIRE(plan.nodes.size() == 2);
    REQUIRE(plan.nodes[0].second.phase == "Stopped");
    api::BrokerPool settled_pool = input.pools[0];
    settled_pool.status = plan.status;
    REQUIRE(plan_orphan(settled_pool, input.nodes, {}, {}).actions.empty());
}

TEST_CASE("a node says whether it is ready, and since which generation") {
    ClusterInput input = settled(fresh(1), 0);
    input.nodes[0].metadata.generation = 4;
    const ClusterPlan plan = plan_cluster(input);
    const api::ClusterNodeStatus& status = plan.nodes[0].second;
    REQUIRE(status.observed_generation == 4);
    REQUIRE(api::find_condition(status.conditions, "Ready")->status == "True");
}

}  // namespace millrace::kube_operator::reconcile
