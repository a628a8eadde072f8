#include "operator/resources/objects.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/api/kinds.h"

namespace millrace::kube_operator::resources {
namespace {

using nlohmann::json;

json owner_references(const Owner& owner) {
    return json::array({{{"apiVersion", api::kApiVersion},
                         {"kind", owner.kind},
                         {"name", owner.name},
                         {"uid", owner.uid},
                         {"controller", true},
                         {"blockOwnerDeletion", true}}});
}

json metadata(const Node& node, const std::string& name, bool owned) {
    json metadata = {{"name", name}, {"namespace", node.namespace_name}, {"labels", node.labels()}};
    if (owned) {
        metadata["ownerReferences"] = owner_references(node.owner);
    }
    return metadata;
}

std::string config_map_name(const Node& node) {
    return node.name() + "-config";
}

json probe(std::string_view path, std::int64_t port, int period_s, int failures) {
    return {{"httpGet", {{"path", path}, {"port", port}}},
            {"periodSeconds", period_s},
            {"timeoutSeconds", 2},
            {"failureThreshold", failures}};
}

json field_variable(std::string_view name, std::string_view path) {
    return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", path}}}}}};
}

json container(const Node& node) {
    const bool is_broker = node.role == Role::broker;
    const std::int64_t admin_port = is_broker ? kBrokerAdminPort : kCoordinatorAdminPort;
    json ports = json::array({{{"name", "admin"}, {"containerPort", admin_port}}});
    for (const Port& port : node.ports) {
        ports.push_back({{"name", port.name}, {"containerPort", port.number}});
    }
    json result = {
        {"name", name_of(node.role)},
        {"image", node.image},
        {"command", {is_broker ? "millrace-broker" : "millrace-coordinator"}},
        {"args", node.arguments},
        {"env",
         {field_variable("POD_IP", "status.podIP"), field_variable("POD_NAME", "metadata.name")}},
        {"ports", std::move(ports)},
        {"volumeMounts",
         {{{"name", "config"}, {"mountPath", kConfigPath}, {"readOnly", true}},
          {{"name", "data"}, {"mountPath", kDataPath}}}},
        // Recovery of a large data directory may take long: the process lives meanwhile, and is not ready.
        {"startupProbe", probe("/livez", admin_port, 1, 120)},
        {"livenessProbe", probe("/livez", admin_port, 10, 6)},
        {"readinessProbe", probe("/readyz", admin_port, 1, 3)},
        // Statuses and describe then say why a container ended, in its own words.
        {"terminationMessagePolicy", "FallbackToLogsOnError"},
        {"securityContext",
         {{"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"capabilities", {{"drop", {"ALL"}}}}}},
    };
    if (!node.resources.empty()) {
        result["resources"] = json::parse(node.resources, nullptr, false);
    }
    return result;
}

json data_volume(const Node& node) {
    if (node.storage.type == "Ephemeral") {
        return {{"name", "data"}, {"emptyDir", {{"sizeLimit", node.storage.size}}}};
    }
    return {{"name", "data"}, {"persistentVolumeClaim", {{"claimName", node.name() + "-data"}}}};
}

// What the Pod Security Standard "restricted" asks of a pod; the rest of it is asked of each container.
json pod_security() {
    return {{"runAsNonRoot", true},
            {"runAsUser", 10001},
            {"runAsGroup", 10001},
            {"fsGroup", 10001},
            // A large data directory is not walked at every start once its owner is right.
            {"fsGroupChangePolicy", "OnRootMismatch"},
            {"seccompProfile", {{"type", "RuntimeDefault"}}}};
}

// Nodes of one role keep away from each other, from a common zone too, where the cluster has the choice.
json spread(const Node& node) {
    json terms = json::array();
    for (const auto& [topology, weight] :
         {std::pair("kubernetes.io/hostname", 100), std::pair("topology.kubernetes.io/zone", 50)}) {
        terms.push_back(
            {{"weight", weight},
             {"podAffinityTerm",
              {{"topologyKey", topology},
               {"labelSelector",
                {{"matchLabels",
                  {{kLabelCluster, node.cluster}, {kLabelRole, name_of(node.role)}}}}}}}});
    }
    return {{"podAntiAffinity",
             {{"preferredDuringSchedulingIgnoredDuringExecution", std::move(terms)}}}};
}

json service_labels(const ServiceSpec& spec) {
    return {{"app.kubernetes.io/name", "millrace"},
            {"app.kubernetes.io/instance", spec.cluster},
            {"app.kubernetes.io/managed-by", "millrace-operator"},
            {kLabelCluster, spec.cluster},
            {kLabelRole, name_of(spec.role)}};
}

json service_metadata(const ServiceSpec& spec) {
    return {{"name", spec.name},
            {"namespace", spec.namespace_name},
            {"labels", service_labels(spec)},
            {"ownerReferences", owner_references(spec.owner)}};
}

}  // namespace

std::string config_map(const Node& node) {
    return json{{"apiVersion", "v1"},
                {"kind", "ConfigMap"},
                {"metadata", metadata(node, config_map_name(node), true)},
                {"data", node.files}}
        .dump();
}

std::string volume_claim(const Node& node) {
    json spec = {{"accessModes", {"ReadWriteOnce"}},
                 {"resources", {{"requests", {{"storage", node.storage.size}}}}}};
    if (!node.storage.storage_class.empty()) {
        spec["storageClassName"] = node.storage.storage_class;
    }
    return json{{"apiVersion", "v1"},
                {"kind", "PersistentVolumeClaim"},
                {"metadata", metadata(node, node.name() + "-data", node.storage.delete_claim)},
                {"spec", std::move(spec)}}
        .dump();
}

std::string pod(const Node& node) {
    json meta = metadata(node, node.name(), true);
    meta["annotations"] = {{kAnnotationHash, node.settings_hash()}};
    return json{{"apiVersion", "v1"},
                {"kind", "Pod"},
                {"metadata", std::move(meta)},
                {"spec",
                 {{"hostname", node.name()},
                  {"subdomain", nodes_service(node.cluster, node.role)},
                  {"terminationGracePeriodSeconds", 60},
                  {"automountServiceAccountToken", false},
                  {"enableServiceLinks", false},
                  {"securityContext", pod_security()},
                  {"affinity", spread(node)},
                  {"containers", {container(node)}},
                  {"volumes",
                   {{{"name", "config"}, {"configMap", {{"name", config_map_name(node)}}}},
                    data_volume(node)}}}}}
        .dump();
}

std::string cluster_node(const Node& node) {
    json spec = {{"clusterRef", {{"name", node.cluster}}},
                 {"role", name_of(node.role)},
                 {"nodeId", node.id}};
    if (!node.pool.empty()) {
        spec["pool"] = node.pool;
    }
    return json{{"apiVersion", api::kApiVersion},
                {"kind", "ClusterNode"},
                {"metadata", metadata(node, node.name(), true)},
                {"spec", std::move(spec)}}
        .dump();
}

std::string service(const ServiceSpec& spec) {
    json ports = json::array();
    for (const Port& port : spec.ports) {
        ports.push_back({{"name", port.name}, {"port", port.number}, {"targetPort", port.number}});
    }
    json body = {{"selector", {{kLabelCluster, spec.cluster}, {kLabelRole, name_of(spec.role)}}},
                 {"ports", std::move(ports)}};
    if (spec.headless) {
        body["clusterIP"] = "None";
        body["publishNotReadyAddresses"] = true;
    }
    return json{{"apiVersion", "v1"},
                {"kind", "Service"},
                {"metadata", service_metadata(spec)},
                {"spec", std::move(body)}}
        .dump();
}

std::string pod_disruption_budget(const ServiceSpec& spec, std::optional<std::int64_t> nodes) {
    json budget = {
        {"selector",
         {{"matchLabels", {{kLabelCluster, spec.cluster}, {kLabelRole, name_of(spec.role)}}}}}};
    if (nodes) {
        budget["minAvailable"] = *nodes - 1;
    } else {
        budget["maxUnavailable"] = 1;
    }
    return json{{"apiVersion", "policy/v1"},
                {"kind", "PodDisruptionBudget"},
                {"metadata", service_metadata(spec)},
                {"spec", std::move(budget)}}
        .dump();
}

std::string service_host(const ServiceSpec& spec) {
    return fmt::format("{}.{}.svc", spec.name, spec.namespace_name);
}

}  // namespace millrace::kube_operator::resources
