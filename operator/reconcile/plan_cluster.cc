#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "operator/reconcile/broker_nodes.h"
#include "operator/reconcile/conditions.h"
#include "operator/reconcile/nodes.h"

namespace millrace::kube_operator::reconcile {
namespace {

using resources::Node;
using resources::Role;

// What the cluster needs before a broker can be built; one of the two is set.
struct Coordinators {
    std::string connect;
    api::Condition missing;
};

Coordinators find_coordinators(const ClusterInput& input) {
    const api::KafkaCluster& cluster = input.cluster;
    // The root of the tree needs no path behind the addresses.
    const std::string chroot = chroot_of(cluster) == "/" ? "" : chroot_of(cluster);
    if (!input.state_owner.empty()) {
        return {"", condition("Ready", false, "ChrootTaken",
                              fmt::format("KafkaCluster {} keeps its state under {} of the same "
                                          "coordinators; choose another chroot",
                                          input.state_owner, chroot_of(cluster)))};
    }
    if (!cluster.spec.connect.empty()) {
        return {cluster.spec.connect + chroot, {}};
    }
    if (!input.ensemble) {
        return {"", condition("Ready", false, "EnsembleMissing",
                              fmt::format("there is no CoordinatorEnsemble {} in namespace {}",
                                          cluster.spec.ensemble, cluster.metadata.namespace_name))};
    }
    const api::Condition* ready = api::find_condition(input.ensemble->status.conditions, "Ready");
    const bool is_ready = ready != nullptr && ready->status == "True";
    const std::string& endpoint = input.ensemble->status.client_endpoint;
    // Brokers that run already are kept as they are while the ensemble is away.
    if (endpoint.empty() || (!is_ready && input.nodes.empty())) {
        return {"", condition(
                        "Ready", false, "WaitingForEnsemble",
                        fmt::format("CoordinatorEnsemble {} is not ready", cluster.spec.ensemble))};
    }
    return {endpoint + chroot, {}};
}

resources::ServiceSpec bootstrap_service(const api::KafkaCluster& cluster) {
    std::vector<resources::Port> ports;
    for (const api::ListenerSpec& listener : listeners_of(cluster.spec)) {
        std::string name = listener.name;
        std::ranges::transform(name, name.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        });
        ports.push_back({std::move(name), listener.port});
    }
    return {.name = cluster.metadata.name + "-bootstrap",
            .namespace_name = cluster.metadata.namespace_name,
            .cluster = cluster.metadata.name,
            .role = Role::broker,
            .owner = {"KafkaCluster", cluster.metadata.name, cluster.metadata.uid},
            .ports = std::move(ports)};
}

const BrokerReport* report_of(const ClusterInput& input, std::int64_t id) {
    const auto found = std::ranges::find(input.reports, id, &BrokerReport::broker_id);
    return found == input.reports.end() ? nullptr : &*found;
}

// The view of the cluster: the controller's where it answered, otherwise anybody's.
const BrokerReport* cluster_view(const ClusterInput& input) {
    for (const BrokerReport& report : input.reports) {
        if (report.controller_id == report.broker_id) {
            return &report;
        }
    }
    return input.reports.empty() ? nullptr : &input.reports.front();
}

// Why no broker may be restarted now. Every broker is heard: one that was just restarted may know already what the controller is
// about to learn.
std::string roll_blocker(const ClusterInput& input) {
    for (const PodView& pod : input.pods) {
        if (serves(pod) && report_of(input, pod.node_id) == nullptr) {
            return fmt::format("{} to answer on its admin port", pod.name);
        }
    }
    std::int64_t offline = 0;
    std::int64_t under_replicated = 0;
    for (const BrokerReport& report : input.reports) {
        offline = std::max(offline, report.offline_partitions);
        under_replicated = std::max(under_replicated, report.under_replicated);
    }
    if (offline > 0) {
        return fmt::format("{} partitions have no leader", offline);
    }
    if (under_replicated > 0) {
        return fmt::format("{} partitions are under-replicated", under_replicated);
    }
    return cluster_view(input) == nullptr ? "no broker answers on its admin port" : "";
}

void fill_view(const ClusterInput& input, api::KafkaClusterStatus& status) {
    const BrokerReport* view = cluster_view(input);
    if (view == nullptr) {
        return;
    }
    status.controller_id = view->controller_id;
    status.cluster_id = view->cluster_id;
    status.version = view->version;
    status.offline_partitions = view->offline_partitions;
    status.under_replicated = view->under_replicated;
}

void fill_listeners(const ClusterInput& input, const std::vector<PoolNodes>& pools,
                    api::KafkaClusterStatus& status) {
    status.listeners.clear();
    const resources::ServiceSpec service = bootstrap_service(input.cluster);
    for (const api::ListenerSpec& listener : listeners_of(input.cluster.spec)) {
        std::vector<std::string> addresses;
        for (const PoolNodes& pool : pools) {
            for (const Node& node : pool.nodes) {
                const PodView* pod = find_pod(input.pods, node.name());
                if (pod != nullptr && serves(*pod)) {
                    addresses.push_back(fmt::format("{}:{}", pod->ip, listener.port));
                }
            }
        }
        status.listeners.push_back(
            {listener.name,
             input.environment.addressing == Addressing::dns
                 ? fmt::format("{}:{}", resources::service_host(service), listener.port)
                 : fmt::format("{}", fmt::join(addresses, ","))});
    }
}

api::BrokerPoolStatus pool_status(const ClusterInput& input, const PoolNodes& wanted) {
    const api::BrokerPool& pool = *wanted.pool;
    api::BrokerPoolStatus status = pool.status;
    status.observed_generation = pool.metadata.generation;
    status.selector =
        resources::node_selector(input.cluster.metadata.name, Role::broker, pool.metadata.name);
    status.node_ids.clear();
    status.ready_replicas = 0;
    std::string waiting;
    for (const Node& node : wanted.nodes) {
        status.node_ids.push_back(node.id);
        const PodView* pod = find_pod(input.pods, node.name());
        status.ready_replicas += pod != nullptr && serves(*pod);
        if (waiting.empty() && (pod == nullptr || !serves(*pod))) {
            waiting = pod == nullptr ? node.name() + " is being created" : trouble(*pod);
        }
    }
    status.replicas = static_cast<std::int64_t>(wanted.nodes.size());
    status.node_ids_text = fmt::format("{}", fmt::join(status.node_ids, ","));
    const bool ready = wanted.problem.empty() && waiting.empty();
    stamp(status.conditions,
          ready ? condition("Ready", true, "Serving",
                            fmt::format("{} of {} brokers serve", status.replicas, status.replicas))
          : wanted.problem.empty()
              ? condition("Ready", false, "Starting", waiting)
              : condition("Ready", false, wanted.problem_reason, wanted.problem),
          pool.metadata.generation, input.environment.now);
    if (wanted.warning.empty()) {
        withdraw(status.conditions, "Warning");
    } else {
        stamp(status.conditions, condition("Warning", true, "ScaleDownRefused", wanted.warning),
              pool.metadata.generation, input.environment.now);
    }
    return status;
}

// A pool that nothing is done about yet.
api::BrokerPoolStatus waiting_pool(const api::BrokerPool& pool, const api::Condition& why,
                                   WallTime now) {
    api::BrokerPoolStatus status = pool.status;
    status.observed_generation = pool.metadata.generation;
    stamp(status.conditions, why, pool.metadata.generation, now);
    return status;
}

api::Condition readiness(const ClusterInput& input, const ClusterPlan& plan) {
    if (input.pools.empty()) {
        return condition(
            "Ready", false, "NoBrokerPool",
            fmt::format("no BrokerPool names the cluster {}", input.cluster.metadata.name));
    }
    for (const auto& [name, pool] : plan.pools) {
        const api::Condition* ready = api::find_condition(pool.conditions, "Ready");
        if (ready->status != "True") {
            return condition("Ready", false, ready->reason,
                             fmt::format("pool {}: {}", name, ready->message));
        }
    }
    if (input.reports.empty() || !plan.status.controller_id) {
        return condition("Ready", false, "NoController",
                         "the brokers have not agreed on a controller");
    }
    if (plan.status.offline_partitions > 0) {
        return condition(
            "Ready", false, "PartitionsOffline",
            fmt::format("{} partitions have no leader", plan.status.offline_partitions));
    }
    return condition("Ready", true, "Serving",
                     fmt::format("{} brokers serve", plan.status.brokers_summary));
}

const api::ClusterNode* record_of(const ClusterInput& input, const std::string& name) {
    const auto found = std::ranges::find_if(
        input.nodes, [&](const api::ClusterNode& node) { return node.metadata.name == name; });
    return found == input.nodes.end() ? nullptr : &*found;
}

void build_broker(const ClusterInput& input, const Node& node, ClusterPlan& plan) {
    const PodView* pod = find_pod(input.pods, node.name());
    const api::ClusterNode* record = record_of(input, node.name());
    build_node(node, pod, record == nullptr, plan.actions);
    api::ClusterNodeStatus status =
        node_status(record, pod, node.settings_hash(), input.environment.now);
    if (const BrokerReport* report = report_of(input, node.id)) {
        status.version = report->version;
        status.leaders = report->leaders;
    }
    plan.nodes.emplace_back(node.name(), std::move(status));
}

void roll_brokers(const ClusterInput& input, std::vector<Node> all, bool frozen,
                  ClusterPlan& plan) {
    const api::RolloutStatus& before = input.cluster.status.rollout;
    if (frozen) {
        plan.status.rollout = before;
        plan.status.rollout.waiting_for = before.phase == "Idle" ? "" : "settings that are valid";
        return;
    }
    const BrokerReport* view = cluster_view(input);
    RollDecision roll =
        decide_roll({.nodes = std::move(all),
                     .pods = &input.pods,
                     .last_id = view == nullptr ? std::nullopt : view->controller_id,
                     .blocked_by = roll_blocker(input),
                     .rollout = &input.cluster.spec.rollout,
                     .before = &before,
                     .now = input.environment.now});
    std::ranges::move(roll.actions, std::back_inserter(plan.actions));
    plan.status.rollout = roll.status;
    mark_stalled(roll.status, plan.status.conditions, input.cluster.metadata.generation,
                 input.environment.now);
}

void build_brokers(const ClusterInput& input, const std::vector<PoolNodes>& pools,
                   ClusterPlan& plan) {
    std::vector<Node> all;
    std::set<std::int64_t> used(plan.status.used_ids.begin(), plan.status.used_ids.end());
    std::int64_t serving = 0;
    bool frozen = false;
    for (const PoolNodes& pool : pools) {
        frozen = frozen || pool.frozen;
        for (const Node& node : pool.nodes) {
            build_broker(input, node, plan);
            const PodView* pod = find_pod(input.pods, node.name());
            serving += pod != nullptr && serves(*pod);
            used.insert(node.id);
            all.push_back(node);
        }
        plan.pools.emplace_back(pool.pool->metadata.name, pool_status(input, pool));
    }
    plan.status.used_ids.assign(used.begin(), used.end());
    plan.status.brokers_summary = fmt::format("{}/{}", serving, all.size());
    roll_brokers(input, std::move(all), frozen, plan);
}

// Events about everything that changed in the conditions of the cluster and its pools.
void tell_news(const ClusterInput& input, ClusterPlan& plan) {
    const auto add = [&plan](std::vector<Announce> told) {
        std::ranges::move(told, std::back_inserter(plan.actions));
    };
    for (const auto& [name, status] : plan.pools) {
        const auto pool = std::ranges::find_if(
            input.pools, [&](const api::BrokerPool& one) { return one.metadata.name == name; });
        add(news(pool->status.conditions, status.conditions, name));
    }
    add(news(input.cluster.status.conditions, plan.status.conditions, ""));
}

// Nothing is done about the brokers: they go on as they are.
void hold(const ClusterInput& input, const api::Condition& why, ClusterPlan& plan) {
    for (const api::BrokerPool& pool : input.pools) {
        plan.pools.emplace_back(pool.metadata.name, waiting_pool(pool, why, input.environment.now));
    }
    stamp(plan.status.conditions, why, input.cluster.metadata.generation, input.environment.now);
}

void plan_services(const api::KafkaCluster& cluster, ClusterPlan& plan) {
    const resources::ServiceSpec service = bootstrap_service(cluster);
    resources::ServiceSpec nodes = service;
    nodes.name = resources::nodes_service(cluster.metadata.name, Role::broker);
    nodes.headless = true;
    plan.actions.emplace_back(ApplyObject{resources::service(service)});
    plan.actions.emplace_back(ApplyObject{resources::service(nodes)});
    plan.actions.emplace_back(ApplyObject{resources::pod_disruption_budget(service)});
}

}  // namespace

std::string chroot_of(const api::KafkaCluster& cluster) {
    return cluster.spec.chroot.empty()
               ? fmt::format("/{}-{}", cluster.metadata.namespace_name, cluster.metadata.name)
               : cluster.spec.chroot;
}

OrphanPlan plan_orphan(const api::BrokerPool& pool, const std::vector<api::ClusterNode>& nodes,
                       const std::vector<PodView>& pods, WallTime now) {
    OrphanPlan plan;
    plan.status =
        waiting_pool(pool,
                     condition("Ready", false, "ClusterMissing",
                               fmt::format("there is no KafkaCluster {} in namespace {}",
                                           pool.spec.cluster, pool.metadata.namespace_name)),
                     now);
    plan.status.ready_replicas = 0;
    for (const PodView& pod : pods) {
        if (pod.pool == pool.metadata.name && !pod.deleting) {
            plan.actions.emplace_back(
                Announce{false, "BrokerStopped",
                         fmt::format("{} is stopped: its KafkaCluster {} is gone. Its data stays.",
                                     pod.name, pool.spec.cluster)});
            plan.actions.emplace_back(DeletePod{pod.name, pod.uid});
        }
    }
    for (const api::ClusterNode& node : nodes) {
        if (node.spec.pool == pool.metadata.name) {
            api::ClusterNodeStatus status = node_status(&node, nullptr, "", now);
            status.phase = "Stopped";
            plan.nodes.emplace_back(node.metadata.name, std::move(status));
        }
    }
    std::ranges::move(news(pool.status.conditions, plan.status.conditions, ""),
                      std::back_inserter(plan.actions));
    return plan;
}

ClusterPlan plan_cluster(const ClusterInput& input) {
    const api::KafkaCluster& cluster = input.cluster;
    ClusterPlan plan;
    plan.status = cluster.status;
    if (cluster.metadata.deleting()) {
        return plan;
    }
    plan.status.observed_generation = cluster.metadata.generation;
    mark_paused(plan.status.conditions, cluster.spec.paused, cluster.metadata.generation,
                input.environment.now);
    if (!cluster.spec.paused) {
        const Coordinators coordinators = find_coordinators(input);
        if (coordinators.connect.empty()) {
            hold(input, coordinators.missing, plan);
        } else {
            plan_services(cluster, plan);
            fill_view(input, plan.status);
            const std::vector<PoolNodes> pools = wanted_brokers(input, coordinators.connect);
            build_brokers(input, pools, plan);
            fill_listeners(input, pools, plan.status);
            stamp(plan.status.conditions, readiness(input, plan), cluster.metadata.generation,
                  input.environment.now);
        }
    }
    tell_news(input, plan);
    return plan;
}

}  // namespace millrace::kube_operator::reconcile
