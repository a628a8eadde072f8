#include "operator/reconcile/broker_nodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace millrace::kube_operator::reconcile {
namespace {

using resources::Node;
using resources::Role;

std::string upper_case(std::string text) {
    for (char& c : text) {
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    }
    return text;
}

// "A://HOST:9092,B://…"
std::string listener_list(const std::vector<api::ListenerSpec>& listeners, std::string_view host) {
    std::vector<std::string> parts;
    for (const api::ListenerSpec& listener : listeners) {
        parts.push_back(fmt::format("{}://{}:{}", listener.name, host, listener.port));
    }
    return fmt::format("{}", fmt::join(parts, ","));
}

std::map<std::string, std::string> settings(const ClusterInput& input, const api::BrokerPool& pool,
                                            std::int64_t id, const std::string& connect) {
    // With one replica for each partition the internal topics cannot have Kafka's default of three.
    std::map<std::string, std::string> entries{{"offsets.topic.replication.factor", "1"},
                                               {"transaction.state.log.replication.factor", "1"},
                                               {"transaction.state.log.min.isr", "1"}};
    for (const auto& [key, value] : input.cluster.spec.config) {
        entries[key] = value;
    }
    for (const auto& [key, value] : pool.spec.config) {
        entries[key] = value;
    }
    const std::vector<api::ListenerSpec> listeners = listeners_of(input.cluster.spec);
    std::vector<std::string> protocols;
    for (const api::ListenerSpec& listener : listeners) {
        protocols.push_back(listener.name + ":PLAINTEXT");
    }
    entries["broker.id"] = std::to_string(id);
    // Ids come from the operator, also those above reserved.broker.max.id.
    entries["broker.id.generation.enable"] = "false";
    entries["log.dirs"] = fmt::format("{}/kafka", resources::kDataPath);
    entries["zookeeper.connect"] = connect;
    entries["listener.security.protocol.map"] = fmt::format("{}", fmt::join(protocols, ","));
    entries["inter.broker.listener.name"] = listeners.front().name;
    return entries;
}

Node wanted_node(const ClusterInput& input, const api::BrokerPool& pool, std::int64_t id,
                 const std::string& connect) {
    const api::KafkaCluster& cluster = input.cluster;
    const std::vector<api::ListenerSpec> listeners = listeners_of(cluster.spec);
    Node node;
    node.role = Role::broker;
    node.id = id;
    node.namespace_name = cluster.metadata.namespace_name;
    node.cluster = cluster.metadata.name;
    node.pool = pool.metadata.name;
    node.owner = {"BrokerPool", pool.metadata.name, pool.metadata.uid};
    node.image = cluster.spec.image.empty() ? input.environment.default_image : cluster.spec.image;
    node.storage = pool.spec.storage;
    node.resources = pool.spec.resources;
    node.files = {
        {"server.properties", resources::properties_text(settings(input, pool, id, connect))}};
    node.arguments = {fmt::format("{}/server.properties", resources::kConfigPath),
                      "--override",
                      "listeners=" + listener_list(listeners, resources::kAnyAddress),
                      "--override",
                      "advertised.listeners=" + listener_list(listeners, "$(POD_IP)"),
                      "--override",
                      fmt::format("millrace.admin.listener={}:{}", resources::kAnyAddress,
                                  resources::kBrokerAdminPort)};
    for (const api::ListenerSpec& listener : listeners) {
        std::string name = listener.name;
        std::ranges::transform(name, name.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        });
        node.ports.push_back({std::move(name), listener.port});
    }
    return node;
}

// Ids that belong to something now, over the whole cluster.
std::set<std::int64_t> ids_in_use(const ClusterInput& input) {
    std::set<std::int64_t> ids;
    for (const api::ClusterNode& node : input.nodes) {
        ids.insert(node.spec.node_id);
    }
    for (const PodView& pod : input.pods) {
        ids.insert(pod.node_id);
    }
    return ids;
}

std::optional<std::int64_t> free_id(const api::BrokerPool& pool,
                                    const std::set<std::int64_t>& taken,
                                    const std::vector<std::int64_t>& ever_used) {
    std::optional<std::int64_t> second_choice;
    for (std::int64_t id = pool.spec.first_id; id <= pool.spec.last_id; ++id) {
        if (taken.contains(id)) {
            continue;
        }
        if (std::ranges::find(ever_used, id) == ever_used.end()) {
            return id;
        }
        if (!second_choice) {
            second_choice = id;
        }
    }
    return second_choice;
}

std::set<std::int64_t> ids_of_pool(const ClusterInput& input, const std::string& pool) {
    std::set<std::int64_t> ids;
    for (const api::ClusterNode& node : input.nodes) {
        if (node.spec.pool == pool) {
            ids.insert(node.spec.node_id);
        }
    }
    for (const PodView& pod : input.pods) {
        if (pod.pool == pool) {
            ids.insert(pod.node_id);
        }
    }
    return ids;
}

}  // namespace

std::vector<api::ListenerSpec> listeners_of(const api::KafkaClusterSpec& spec) {
    if (spec.listeners.empty()) {
        return {{.name = "PLAINTEXT", .port = 9092, .type = "internal"}};
    }
    std::vector<api::ListenerSpec> listeners = spec.listeners;
    for (api::ListenerSpec& listener : listeners) {
        listener.name = upper_case(listener.name);
    }
    return listeners;
}

std::string settings_text(const ClusterInput& input, const api::BrokerPool& pool) {
    return resources::properties_text(settings(input, pool, pool.spec.first_id, "localhost:2181"));
}

namespace {

void report(PoolNodes& pool, std::string reason, std::string message) {
    if (pool.problem.empty()) {
        pool.problem_reason = std::move(reason);
        pool.problem = std::move(message);
    }
}

// Adds ids until there are as many as wanted.
void choose_ids(const ClusterInput& input, std::set<std::int64_t>& taken,
                std::set<std::int64_t>& ids, PoolNodes& wanted) {
    const api::BrokerPoolSpec& spec = wanted.pool->spec;
    const auto replicas = static_cast<std::size_t>(spec.replicas);
    if (ids.size() > replicas) {
        wanted.warning = fmt::format(
            "replicas {} is below the {} brokers that exist: taking brokers away comes with a "
            "later release; all of them go on",
            replicas, ids.size());
    }
    while (ids.size() < replicas) {
        const auto id = free_id(*wanted.pool, taken, input.cluster.status.used_ids);
        if (!id) {
            report(wanted, "NoFreeId",
                   fmt::format("nodeIdRange {}-{} has no free id for {} brokers", spec.first_id,
                               spec.last_id, replicas));
            break;
        }
        taken.insert(*id);
        ids.insert(*id);
    }
}

// A node whose settings the broker would refuse keeps those it has; one that has none is not built.
bool settle(const ClusterInput& input, Node& node, PoolNodes& wanted) {
    constexpr std::size_t kHostNameMax = 63;
    const std::string name = node.name();
    if (name.size() > kHostNameMax) {
        report(wanted, "NameTooLong",
               fmt::format("{} has {} characters; names of pods have at most {}", name, name.size(),
                           kHostNameMax));
        return false;
    }
    if (input.known.foreign_nodes.contains(name)) {
        report(wanted, "NameTaken",
               fmt::format("there is a ClusterNode {} already that belongs to something else; "
                           "choose another name for the cluster or the pool",
                           name));
        return false;
    }
    if (!wanted.frozen) {
        return true;
    }
    const auto stored = input.known.stored_settings.find(name);
    if (stored == input.known.stored_settings.end()) {
        return false;
    }
    node.files["server.properties"] = stored->second;
    return true;
}

}  // namespace

std::vector<PoolNodes> wanted_brokers(const ClusterInput& input, const std::string& connect) {
    std::vector<PoolNodes> pools;
    std::set<std::int64_t> taken = ids_in_use(input);
    for (const api::BrokerPool& pool : input.pools) {
        PoolNodes wanted;
        wanted.pool = &pool;
        const auto refused = input.known.refused_settings.find(pool.metadata.name);
        if (refused != input.known.refused_settings.end()) {
            wanted.frozen = true;
            report(wanted, "ConfigRefused", refused->second);
        }
        std::set<std::int64_t> ids = ids_of_pool(input, pool.metadata.name);
        choose_ids(input, taken, ids, wanted);
        for (const std::int64_t id : ids) {
            Node node = wanted_node(input, pool, id, connect);
            if (settle(input, node, wanted)) {
                wanted.nodes.push_back(std::move(node));
            }
        }
        pools.push_back(std::move(wanted));
    }
    return pools;
}

}  // namespace millrace::kube_operator::reconcile
