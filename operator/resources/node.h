// One broker or coordinator as it is to be built: everything that its Kubernetes objects are made from. Pure values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/shared_fields.h"

namespace millrace::kube_operator::resources {

struct Port {
    std::string name;
    std::int64_t number = 0;
};

enum class Role { coordinator, broker };
std::string_view name_of(Role role);

// The resource that owns an object; deleting it deletes the object.
struct Owner {
    std::string kind;
    std::string name;
    std::string uid;
};

inline constexpr std::string_view kLabelCluster = "millrace.dev/cluster";
inline constexpr std::string_view kLabelPool = "millrace.dev/pool";
inline constexpr std::string_view kLabelRole = "millrace.dev/role";
inline constexpr std::string_view kLabelNodeId = "millrace.dev/node-id";
inline constexpr std::string_view kAnnotationHash = "millrace.dev/settings-hash";

// Where servers listen: kubectl port-forward comes in over loopback. The local mode reads it as the pod's own address.
inline constexpr std::string_view kAnyAddress = "0.0.0.0";
inline constexpr std::int64_t kClientPort = 2181;
inline constexpr std::int64_t kCoordinatorAdminPort = 8080;
inline constexpr std::int64_t kBrokerAdminPort = 9404;

struct Node {
    Role role = Role::broker;
    std::int64_t id = 0;
    std::string namespace_name;
    std::string cluster;  // KafkaCluster or CoordinatorEnsemble
    std::string pool;     // empty for coordinators
    Owner owner;
    std::string image;
    api::Storage storage;
    std::string resources;                     // JSON of container resources, may be empty
    std::map<std::string, std::string> files;  // file name → content, mounted at kConfigPath
    std::vector<std::string> arguments;        // of the binary
    std::vector<Port> ports;

    // "<cluster>-<pool>-<id>" or "<cluster>-coordinator-<id>": name of the pod, the claim and the ClusterNode.
    std::string name() const;
    std::map<std::string, std::string> labels() const;
    // Hash of everything whose change asks for a restart, 16 hexadecimal digits.
    std::string settings_hash() const;
};

inline constexpr std::string_view kConfigPath = "/etc/millrace";
inline constexpr std::string_view kDataPath = "/var/lib/millrace";

// Labels that select all nodes of a role in a cluster, as "a=b,c=d".
std::string node_selector(std::string_view cluster, Role role, std::string_view pool);

// Name of the headless Service that gives the nodes of a role their DNS names. A cluster and an ensemble may share a name.
std::string nodes_service(std::string_view cluster, Role role);

// Text of a java.util.Properties file; keys in order, values escaped.
std::string properties_text(const std::map<std::string, std::string>& entries);

}  // namespace millrace::kube_operator::resources
