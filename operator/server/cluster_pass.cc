#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/server/pass.h"

namespace millrace::kube_operator::server {
namespace {

using kube::ObjectName;
using reconcile::BrokerReport;
using reconcile::ClusterInput;
using reconcile::ClusterPlan;

std::int64_t integer_at(const nlohmann::json& object, std::string_view name) {
    const nlohmann::json& value = kube::value_at(object, {name});
    return value.is_number_integer() ? value.get<std::int64_t>() : -1;
}

BrokerReport report_of(const nlohmann::json& answer) {
    BrokerReport report;
    report.broker_id = integer_at(answer, "brokerId");
    const std::int64_t controller = integer_at(answer, "controllerId");
    report.controller_id = controller < 0 ? std::nullopt : std::optional(controller);
    report.cluster_id = kube::text_at(answer, {"clusterId"});
    report.version = kube::text_at(answer, {"version"});
    report.leaders = std::max<std::int64_t>(integer_at(answer, "leaders"), 0);
    report.offline_partitions = std::max<std::int64_t>(integer_at(answer, "offlinePartitions"), 0);
    report.under_replicated = std::max<std::int64_t>(integer_at(answer, "underReplicated"), 0);
    return report;
}

std::vector<api::BrokerPool> pools_of(const Caches& caches, const ObjectName& cluster) {
    std::vector<api::BrokerPool> pools;
    for (const kube::JsonPtr& object : caches.all("BrokerPool", cluster.name_space)) {
        Result<api::BrokerPool> pool = read_resource<api::BrokerPool>(object);
        if (pool && pool->spec.cluster == cluster.name && !pool->metadata.deleting()) {
            pools.push_back(std::move(*pool));
        }
    }
    return pools;
}

std::vector<api::ClusterNode> nodes_of(const Caches& caches, const ObjectName& cluster) {
    std::vector<api::ClusterNode> nodes;
    for (const kube::JsonPtr& object : caches.all("ClusterNode", cluster.name_space)) {
        Result<api::ClusterNode> node = read_resource<api::ClusterNode>(object);
        if (node && node->spec.cluster == cluster.name && node->spec.role == "broker") {
            nodes.push_back(std::move(*node));
        }
    }
    return nodes;
}

Duration pause_after(const ClusterPlan& plan) {
    const api::Condition* ready = api::find_condition(plan.status.conditions, "Ready");
    const bool settled = ready != nullptr && ready->status == "True" &&
                         plan.status.rollout.phase != "Rolling" &&
                         plan.status.rollout.phase != "Waiting";
    return settled ? kWhileSettled : kWhileUnsettled;
}

void act(World& world, const kube::JsonPtr& object, const ClusterInput& input, PassDone done) {
    ClusterPlan plan = reconcile::plan_cluster(input);
    const ObjectName name = kube::name_of(*object);
    std::vector<Applier::StatusWrite> writes;
    add_status_write<api::KafkaCluster>(world.caches, "KafkaCluster", name, plan.status, writes);
    for (const auto& [pool, status] : plan.pools) {
        add_status_write<api::BrokerPool>(world.caches, "BrokerPool", {name.name_space, pool},
                                          status, writes);
    }
    for (const auto& [node, status] : plan.nodes) {
        add_status_write<api::ClusterNode>(world.caches, "ClusterNode", {name.name_space, node},
                                           status, writes);
    }
    finish_pass(world, object, std::move(plan.actions), std::move(writes),
                [again = pause_after(plan), done = std::move(done)](Status status) mutable {
                    done({std::move(status), again});
                });
}

// The pools of a cluster that does not exist say so; their brokers are left as they are.
void tell_pools(World& world, const ObjectName& cluster, PassDone done) {
    world.links.forget(cluster);
    std::vector<Applier::StatusWrite> writes;
    for (const api::BrokerPool& pool : pools_of(world.caches, cluster)) {
        const api::BrokerPoolStatus status =
            reconcile::pool_without_cluster(pool, world.environment().now);
        add_status_write<api::BrokerPool>(world.caches, "BrokerPool",
                                          {cluster.name_space, pool.metadata.name}, status, writes);
    }
    world.applier.write_statuses(
        std::move(writes),
        [done = std::move(done)](Status status) mutable { done({std::move(status), {}}); });
}

}  // namespace

void run_cluster_pass(World& world, const ObjectName& name, PassDone done) {
    const kube::JsonPtr object = world.caches.find("KafkaCluster", name);
    if (!object) {
        tell_pools(world, name, std::move(done));
        return;
    }
    Result<api::KafkaCluster> cluster = read_resource<api::KafkaCluster>(object);
    if (!cluster) {
        done({fail(cluster.error()), {}});
        return;
    }
    auto input = std::make_shared<ClusterInput>();
    input->cluster = std::move(*cluster);
    input->pools = pools_of(world.caches, name);
    input->nodes = nodes_of(world.caches, name);
    input->pods = world.caches.pods(name, resources::Role::broker);
    input->environment = world.environment();
    const ObjectName ensemble{name.name_space, input->cluster.spec.ensemble};
    if (const kube::JsonPtr found = world.caches.find("CoordinatorEnsemble", ensemble)) {
        Result<api::CoordinatorEnsemble> read = read_resource<api::CoordinatorEnsemble>(found);
        if (read) {
            input->ensemble = std::move(*read);
        }
    }
    std::vector<NodeProbe::Question> questions;
    for (const reconcile::PodView& pod : input->pods) {
        if (pod.phase == "Running" && !pod.ip.empty() && !pod.deleting) {
            questions.push_back({pod.ip, resources::kBrokerAdminPort, "/v1/status"});
        }
    }
    world.probe.ask(questions, [&world, object, input,
                                done = std::move(done)](const NodeProbe::Answers& answers) mutable {
        for (const auto& [host, answer] : answers) {
            input->reports.push_back(report_of(*answer));
        }
        act(world, object, *input, std::move(done));
    });
}

}  // namespace millrace::kube_operator::server
