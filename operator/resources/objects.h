// From a node (or a cluster) to the Kubernetes objects it needs, as JSON text ready for server-side apply. Pure: equal input
// gives equal bytes.
#pragma once

#include <optional>
#include <string>

#include "operator/resources/node.h"

namespace millrace::kube_operator::resources {

std::string config_map(const Node& node);
// Only for storage of type PersistentClaim. Owned by the resource only when storage.delete_claim says so.
std::string volume_claim(const Node& node);
std::string pod(const Node& node);
// The ClusterNode that records the identity.
std::string cluster_node(const Node& node);

struct ServiceSpec {
    std::string name;
    std::string namespace_name;
    std::string cluster;
    Role role = Role::broker;
    Owner owner;
    std::vector<Port> ports;
    bool headless = false;
};
std::string service(const ServiceSpec& spec);

// At most one node of the role may be evicted at a time. nodes: how many there are, where the owner has no scale subresource;
// Kubernetes asks the owner otherwise, and refuses every eviction when it cannot.
std::string pod_disruption_budget(const ServiceSpec& spec,
                                  std::optional<std::int64_t> nodes = std::nullopt);

// The address clients inside the cluster use: "<service>.<namespace>.svc".
std::string service_host(const ServiceSpec& spec);

}  // namespace millrace::kube_operator::resources
