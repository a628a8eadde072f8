#include <fmt/format.h>

#include "operator/reconcile/conditions.h"
#include "operator/reconcile/nodes.h"

namespace millrace::kube_operator::reconcile {
namespace {

using resources::Node;
using resources::Role;

constexpr std::int64_t kOnlyId = 1;  // myid of the one member

resources::ServiceSpec client_service(const api::CoordinatorEnsemble& ensemble) {
    return {.name = ensemble.metadata.name + "-client",
            .namespace_name = ensemble.metadata.namespace_name,
            .cluster = ensemble.metadata.name,
            .role = Role::coordinator,
            .owner = {"CoordinatorEnsemble", ensemble.metadata.name, ensemble.metadata.uid},
            .ports = {{"client", resources::kClientPort}}};
}

std::map<std::string, std::string> settings(const api::CoordinatorEnsembleSpec& spec) {
    // The 4-letter words are answered to all: monitoring tools live on them, and the pod network is private.
    std::map<std::string, std::string> entries{{"tickTime", "2000"},
                                               {"4lw.commands.whitelist", "*"},
                                               {"maxClientCnxns", "0"},
                                               {"autopurge.purgeInterval", "1"}};
    for (const auto& [key, value] : spec.config) {
        entries[key] = value;
    }
    entries["dataDir"] = resources::kDataPath;
    entries["clientPort"] = std::to_string(resources::kClientPort);
    entries["admin.serverPort"] = std::to_string(resources::kCoordinatorAdminPort);
    return entries;
}

Node wanted_node(const EnsembleInput& input) {
    const api::CoordinatorEnsemble& ensemble = input.ensemble;
    Node node;
    node.role = Role::coordinator;
    node.id = kOnlyId;
    node.namespace_name = ensemble.metadata.namespace_name;
    node.cluster = ensemble.metadata.name;
    node.owner = client_service(ensemble).owner;
    node.image =
        ensemble.spec.image.empty() ? input.environment.default_image : ensemble.spec.image;
    node.storage = ensemble.spec.storage;
    node.resources = ensemble.spec.resources;
    node.files = {{"zoo.cfg", resources::properties_text(settings(ensemble.spec))}};
    node.arguments = {fmt::format("{}/zoo.cfg", resources::kConfigPath), "-D",
                      fmt::format("clientPortAddress={}", resources::kAnyAddress), "-D",
                      fmt::format("admin.serverAddress={}", resources::kAnyAddress)};
    node.ports = {{"client", resources::kClientPort}};
    return node;
}

// The settings of the one member; those it has when the program would refuse the wanted ones. Nothing when there are none.
std::optional<Node> member(const EnsembleInput& input) {
    Node node = wanted_node(input);
    if (input.known.refused_settings.empty()) {
        return node;
    }
    const auto stored = input.known.stored_settings.find(node.name());
    if (stored == input.known.stored_settings.end()) {
        return std::nullopt;
    }
    node.files["zoo.cfg"] = stored->second;
    return node;
}

// Addresses belong to names of pods: they outlive a pod that is being replaced.
std::string endpoint(const EnsembleInput& input, const PodView* pod) {
    if (input.environment.addressing == Addressing::dns) {
        return fmt::format("{}:{}", resources::service_host(client_service(input.ensemble)),
                           resources::kClientPort);
    }
    return pod == nullptr || pod->ip.empty()
               ? input.ensemble.status.client_endpoint
               : fmt::format("{}:{}", pod->ip, resources::kClientPort);
}

api::Condition readiness(const EnsembleInput& input, const PodView* pod) {
    if (input.ensemble.spec.members != 1) {
        return condition(
            "Ready", false, "MembersUnsupported",
            "members must be 1: ensembles of several members come with a later release");
    }
    const std::string name = wanted_node(input).name();
    if (input.known.foreign_nodes.contains(name)) {
        return condition("Ready", false, "NameTaken",
                         fmt::format("there is a ClusterNode {} already that belongs to something "
                                     "else; choose another name",
                                     name));
    }
    if (!input.known.refused_settings.empty()) {
        return condition("Ready", false, "ConfigRefused",
                         input.known.refused_settings.begin()->second);
    }
    if (pod == nullptr) {
        return condition("Ready", false, "Creating", "the member is being created");
    }
    if (!serves(*pod)) {
        return condition("Ready", false,
                         pod->waiting_reason.empty() ? "Starting" : pod->waiting_reason,
                         trouble(*pod));
    }
    return condition("Ready", true, "Serving", "1 of 1 members serves");
}

void build_member(const EnsembleInput& input, const Node& node, EnsemblePlan& plan) {
    const api::CoordinatorEnsemble& ensemble = input.ensemble;
    const PodView* pod = find_pod(input.pods, node.name());
    const bool is_new = ensemble.status.used_ids.empty();
    build_node(node, pod, is_new, plan.actions);
    if (input.known.refused_settings.empty()) {
        RollDecision roll = decide_roll({.nodes = {node},
                                         .pods = &input.pods,
                                         .last_id = std::nullopt,
                                         .blocked_by = "",
                                         .rollout = &ensemble.spec.rollout,
                                         .before = &ensemble.status.rollout,
                                         .now = input.environment.now});
        std::ranges::move(roll.actions, std::back_inserter(plan.actions));
        plan.status.rollout = roll.status;
        mark_stalled(roll.status, plan.status.conditions, ensemble.metadata.generation,
                     input.environment.now);
    }
    plan.status.client_endpoint = endpoint(input, pod);
    plan.status.leader = pod != nullptr && serves(*pod) ? pod->name : "";
    plan.status.version = input.version.empty() ? plan.status.version : input.version;
    plan.status.used_ids = {kOnlyId};
    const auto record = std::ranges::find_if(
        input.nodes, [&](const api::ClusterNode& one) { return one.metadata.name == node.name(); });
    plan.nodes.emplace_back(node.name(),
                            node_status(record == input.nodes.end() ? nullptr : &*record, pod,
                                        node.settings_hash(), input.environment.now));
    plan.nodes.back().second.version = plan.status.version;
}

void plan_services(const api::CoordinatorEnsemble& ensemble, EnsemblePlan& plan) {
    const resources::ServiceSpec service = client_service(ensemble);
    resources::ServiceSpec nodes = service;
    nodes.name = resources::nodes_service(ensemble.metadata.name, Role::coordinator);
    nodes.headless = true;
    plan.actions.emplace_back(ApplyObject{resources::service(service)});
    plan.actions.emplace_back(ApplyObject{resources::service(nodes)});
    plan.actions.emplace_back(
        ApplyObject{resources::pod_disruption_budget(service, ensemble.spec.members)});
}

}  // namespace

std::string settings_text(const api::CoordinatorEnsembleSpec& spec) {
    return resources::properties_text(settings(spec));
}

EnsemblePlan plan_ensemble(const EnsembleInput& input) {
    const api::CoordinatorEnsemble& ensemble = input.ensemble;
    EnsemblePlan plan;
    plan.status = ensemble.status;
    if (ensemble.metadata.deleting()) {
        return plan;
    }
    plan.status.observed_generation = ensemble.metadata.generation;
    mark_paused(plan.status.conditions, ensemble.spec.paused, ensemble.metadata.generation,
                input.environment.now);
    const std::string name = wanted_node(input).name();
    const PodView* pod = find_pod(input.pods, name);
    const api::Condition ready = readiness(input, pod);
    stamp(plan.status.conditions, ready, ensemble.metadata.generation, input.environment.now);
    plan.status.members_summary = fmt::format("{}/1", pod != nullptr && serves(*pod) ? 1 : 0);
    const bool held = ensemble.spec.paused || ensemble.spec.members != 1 ||
                      input.known.foreign_nodes.contains(name);
    const std::optional<Node> node = held ? std::nullopt : member(input);
    if (node) {
        plan_services(ensemble, plan);
        build_member(input, *node, plan);
    }
    std::ranges::move(news(ensemble.status.conditions, plan.status.conditions, ""),
                      std::back_inserter(plan.actions));
    return plan;
}

}  // namespace millrace::kube_operator::reconcile
