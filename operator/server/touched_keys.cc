#include "operator/server/touched_keys.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

namespace millrace::kube_operator::server {
namespace {

using kube::JsonPtr;
using kube::text_at;
using kube::value_at;
using nlohmann::json;

constexpr std::string_view kCoordinator = "coordinator";

std::string cluster_of(const json& object) {
    return text_at(object, {"spec", "clusterRef", "name"});
}

std::string topic_name(const json& topic) {
    const std::string name = text_at(topic, {"spec", "topicName"});
    return name.empty() ? text_at(topic, {"metadata", "name"}) : name;
}

std::string readiness(const json& object) {
    for (const json& condition : value_at(object, {"status", "conditions"})) {
        if (text_at(condition, {"type"}) == "Ready") {
            return text_at(condition, {"status"});
        }
    }
    return "";
}

// What topics see of their cluster. Its figures change all the time and concern no topic.
bool concerns_topics(const JsonPtr& before, const JsonPtr& after) {
    return !before || !after || readiness(*before) != readiness(*after) ||
           value_at(*before, {"metadata", "generation"}) !=
               value_at(*after, {"metadata", "generation"}) ||
           text_at(*before, {"metadata", "deletionTimestamp"}) !=
               text_at(*after, {"metadata", "deletionTimestamp"});
}

void add_clusters_of_ensemble(const Caches& caches, const kube::ObjectName& ensemble,
                              std::vector<WorkKey>& keys) {
    for (const JsonPtr& cluster : caches.all("KafkaCluster", ensemble.name_space)) {
        if (text_at(*cluster, {"spec", "ensembleRef", "name"}) == ensemble.name) {
            keys.push_back({Subject::cluster, kube::name_of(*cluster)});
        }
    }
}

// An empty topic name stands for every topic.
void add_topics(const Caches& caches, const kube::ObjectName& cluster, const std::string& topic,
                std::vector<WorkKey>& keys) {
    for (const JsonPtr& object : caches.all("KafkaTopic", cluster.name_space)) {
        if (cluster_of(*object) == cluster.name &&
            (topic.empty() || topic_name(*object) == topic)) {
            keys.push_back({Subject::topic, kube::name_of(*object)});
        }
    }
}

}  // namespace

std::vector<WorkKey> touched_keys(const Caches& caches, const JsonPtr& before,
                                  const JsonPtr& after) {
    const json& object = after ? *after : *before;
    const std::string kind = text_at(object, {"kind"});
    const kube::ObjectName name = kube::name_of(object);
    std::vector<WorkKey> keys;
    if (kind == "CoordinatorEnsemble") {
        keys.push_back({Subject::ensemble, name});
        add_clusters_of_ensemble(caches, name, keys);
    } else if (kind == "KafkaCluster") {
        keys.push_back({Subject::cluster, name});
        if (concerns_topics(before, after)) {
            add_topics(caches, name, "", keys);
        }
    } else if (kind == "KafkaTopic") {
        keys.push_back({Subject::topic, name});
        if (!after) {
            // Another resource for the same topic may take over.
            add_topics(caches, {name.name_space, cluster_of(object)}, topic_name(object), keys);
        }
    } else if (kind == "BrokerPool" || kind == "ClusterNode") {
        const bool is_coordinator = text_at(object, {"spec", "role"}) == kCoordinator;
        keys.push_back({is_coordinator ? Subject::ensemble : Subject::cluster,
                        {name.name_space, cluster_of(object)}});
    } else {
        const std::string role = text_at(object, {"metadata", "labels", resources::kLabelRole});
        const std::string cluster =
            text_at(object, {"metadata", "labels", resources::kLabelCluster});
        if (!role.empty() && !cluster.empty()) {
            keys.push_back({role == kCoordinator ? Subject::ensemble : Subject::cluster,
                            {name.name_space, cluster}});
        }
    }
    return keys;
}

}  // namespace millrace::kube_operator::server
