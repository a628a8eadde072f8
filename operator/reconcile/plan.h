// The decisions of the operator as a pure function: what is wanted, what is there and what time it is, in; ordered actions and
// the new status, out. Called again after every change (level-triggered), so it never remembers anything.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "lib/base/time.h"
#include "operator/api/broker_pool.h"
#include "operator/api/cluster_node.h"
#include "operator/api/coordinator_ensemble.h"
#include "operator/api/kafka_cluster.h"
#include "operator/api/kafka_topic.h"
#include "operator/resources/objects.h"

namespace millrace::kube_operator::reconcile {

// How the nodes find each other: by the DNS names of Services, or by pod addresses where there is no DNS (local mode).
enum class Addressing { dns, pod_ip };

struct Environment {
    Addressing addressing = Addressing::dns;
    std::string default_image;
    WallTime now;
};

// A pod as far as decisions need it.
struct PodView {
    std::string name;
    std::string uid;
    resources::Role role = resources::Role::broker;
    std::string cluster;
    std::string pool;
    std::int64_t node_id = 0;
    std::string phase;  // Pending, Running, Succeeded, Failed
    bool ready = false;
    bool deleting = false;
    std::string ip;
    std::string settings_hash;
    std::int64_t restarts = 0;
    std::string waiting_reason;  // CrashLoopBackOff, ImagePullBackOff, …
    std::string message;         // last words of a container that ended badly
};

// What a broker says of itself and of the cluster, asked over its admin port.
struct BrokerReport {
    std::int64_t broker_id = 0;
    std::optional<std::int64_t> controller_id;
    std::string cluster_id;
    std::string version;
    std::int64_t leaders = 0;
    std::int64_t offline_partitions = 0;
    std::int64_t under_replicated = 0;
};

// Objects are applied in the order given, each after the one before it was accepted.
struct ApplyObject {
    std::string json;
};
struct DeletePod {
    std::string name;
    std::string uid;
};
struct Announce {
    bool warning = false;
    std::string reason;   // UpperCamelCase
    std::string message;  // a sentence
    std::string pool{};   // the BrokerPool it is about; empty: the resource of the plan
};
using Action = std::variant<ApplyObject, DeletePod, Announce>;

// What decisions about nodes need to know beside pods.
struct NodeKnowledge {
    // Settings as the nodes' ConfigMaps hold them, by name of the node.
    std::map<std::string, std::string> stored_settings;
    // Why the program itself would refuse the settings that are wanted, by pool ("" for an ensemble). Absent: it takes them.
    std::map<std::string, std::string> refused_settings;
    // Names of ClusterNodes in the namespace that belong to something else.
    std::set<std::string> foreign_nodes;
};

struct EnsembleInput {
    api::CoordinatorEnsemble ensemble;
    std::vector<PodView> pods;
    std::string version;  // as a member reports it; empty when none answered
    std::vector<api::ClusterNode> nodes;
    NodeKnowledge known;
    Environment environment;
};
struct EnsemblePlan {
    std::vector<Action> actions;
    api::CoordinatorEnsembleStatus status;
    std::vector<std::pair<std::string, api::ClusterNodeStatus>> nodes;  // by name
};
EnsemblePlan plan_ensemble(const EnsembleInput& input);
// Text of the zoo.cfg that the members are to have.
std::string settings_text(const api::CoordinatorEnsembleSpec& spec);

struct ClusterInput {
    api::KafkaCluster cluster;
    NodeKnowledge known;
    std::string state_owner;  // an earlier KafkaCluster with the same coordinators and chroot
    std::vector<api::BrokerPool> pools;
    std::vector<api::ClusterNode> nodes;
    std::vector<PodView> pods;
    std::vector<BrokerReport> reports;                 // of the brokers that answered
    std::optional<api::CoordinatorEnsemble> ensemble;  // the one referred to, if it exists
    Environment environment;
};
struct ClusterPlan {
    std::vector<Action> actions;
    api::KafkaClusterStatus status;
    std::vector<std::pair<std::string, api::BrokerPoolStatus>> pools;   // by name
    std::vector<std::pair<std::string, api::ClusterNodeStatus>> nodes;  // by name
};
ClusterPlan plan_cluster(const ClusterInput& input);
// The path under which a cluster keeps its state at the coordinators; "/" for the root.
std::string chroot_of(const api::KafkaCluster& cluster);

// A pool whose cluster does not exist: its brokers are stopped, their data and identities stay for a cluster that comes back.
struct OrphanPlan {
    std::vector<Action> actions;  // about the pool
    api::BrokerPoolStatus status;
    std::vector<std::pair<std::string, api::ClusterNodeStatus>> nodes;  // by name
};
OrphanPlan plan_orphan(const api::BrokerPool& pool, const std::vector<api::ClusterNode>& nodes,
                       const std::vector<PodView>& pods, WallTime now);

// A topic as the brokers describe it.
struct ObservedTopic {
    std::string topic_id;
    std::int64_t partitions = 0;
    std::int64_t replicas = 0;
    std::map<std::string, std::string> config;  // only what was set for this topic
};

struct CreateTopic {
    std::string name;
    std::int64_t partitions = -1;  // -1: the default of the cluster
    std::int64_t replicas = -1;
    std::map<std::string, std::string> config;
};
struct AddPartitions {
    std::string name;
    std::int64_t total = 0;
};
// Sets the keys with a value, removes those without.
struct AlterTopicConfig {
    std::string name;
    std::map<std::string, std::optional<std::string>> changes;
};
struct DeleteTopic {
    std::string name;
};
struct SetFinalizer {
    bool present = false;
};
using TopicAction =
    std::variant<CreateTopic, AddPartitions, AlterTopicConfig, DeleteTopic, SetFinalizer, Announce>;

inline constexpr std::string_view kTopicFinalizer = "millrace.dev/topic";

struct TopicInput {
    api::KafkaTopic topic;
    std::optional<api::KafkaCluster> cluster;  // the one referred to, if it exists
    bool cluster_reachable = false;
    std::optional<ObservedTopic> observed;  // none: the brokers know no such topic
    // Other KafkaTopic of the same cluster and topic name that was there before; empty: none.
    std::string earlier_owner;
    Environment environment;
};
struct TopicPlan {
    std::vector<TopicAction> actions;
    api::KafkaTopicStatus status;
};
TopicPlan plan_topic(const TopicInput& input);

}  // namespace millrace::kube_operator::reconcile
