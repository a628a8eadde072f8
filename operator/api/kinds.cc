#include "operator/api/kinds.h"

#include <nlohmann/json.hpp>

#include "operator/api/broker_pool.h"
#include "operator/api/cluster_node.h"
#include "operator/api/coordinator_ensemble.h"
#include "operator/api/kafka_cluster.h"
#include "operator/api/kafka_topic.h"
#include "operator/api/schema_writer.h"

namespace millrace::kube_operator::api {
namespace {

using nlohmann::json;

constexpr std::string_view kReady = ".status.conditions[?(@.type==\"Ready\")].status";
constexpr std::string_view kReadyMessage = ".status.conditions[?(@.type==\"Ready\")].message";
constexpr PrinterColumn kAge{"Age", "date", ".metadata.creationTimestamp"};

// Services and hosts are named after these resources, with a few letters behind (RFC 1035, RFC 1123).
constexpr Rule kServiceName{
    "size(self.metadata.name) <= 40 && "
    "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    "metadata.name must be at most 40 of a-z, 0-9 and '-', and begin with "
    "a letter: Services are named after it"};
constexpr Rule kPoolName{
    "size(self.metadata.name) <= 40 && "
    "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
    "metadata.name must be at most 40 of a-z, 0-9 and '-': pods are named "
    "after it"};
constexpr Rule kConfigHasKeys{"!has(self.config) || !('' in self.config)",
                              "config holds an empty key"};

// Keys of the configuration that the operator itself sets.
constexpr std::string_view kNoReservedZooKeys =
    "!has(self.config) || !self.config.exists(k, k.startsWith('server.') || k in ['dataDir', "
    "'dataLogDir', 'clientPort', 'clientPortAddress', 'dynamicConfigFile', 'admin.serverPort', "
    "'admin.serverAddress', 'admin.enableServer'])";
constexpr std::string_view kNoReservedBrokerKeys =
    "!has(self.config) || !self.config.exists(k, k.startsWith('listener') || "
    "k.startsWith('advertised.') || k.startsWith('millrace.admin.') || k in ['broker.id', "
    "'broker.id.generation.enable', 'log.dir', 'log.dirs', 'zookeeper.connect', "
    "'inter.broker.listener.name', 'control.plane.listener.name'])";
constexpr std::string_view kSameEnsemble =
    "has(self.ensembleRef) == has(oldSelf.ensembleRef) && (!has(self.ensembleRef) || "
    "self.ensembleRef.name == oldSelf.ensembleRef.name)";
constexpr std::string_view kSameFirstListener =
    "(has(self.listeners) && size(self.listeners) > 0 ? self.listeners[0].name : 'plaintext') == "
    "(has(oldSelf.listeners) && size(oldSelf.listeners) > 0 ? oldSelf.listeners[0].name : "
    "'plaintext')";

template <class T>
void describe_fresh(FieldVisitor& visitor) {
    T fresh;
    describe(visitor, fresh);
}

Kind ensemble_kind() {
    return {.kind = "CoordinatorEnsemble",
            .plural = "coordinatorensembles",
            .singular = "coordinatorensemble",
            .short_name = "cens",
            .doc = "Coordinators: a drop-in for ZooKeeper.",
            .columns = {{"Ready", "string", kReady},
                        {"Status", "string", kReadyMessage},
                        {"Members", "string", ".status.membersSummary"},
                        {"Leader", "string", ".status.leader"},
                        {"Version", "string", ".status.version"},
                        {"Rollout", "string", ".status.rollout.summary"},
                        kAge},
            .scale = std::nullopt,
            .rules = {kServiceName},
            .spec_rules = {kConfigHasKeys,
                           {"!has(self.members) || self.members == 1",
                            "members must be 1: ensembles of several members come with a later "
                            "release"},
                           {kNoReservedZooKeys, "config holds a key that the operator sets"}},
            .describe_spec = describe_fresh<CoordinatorEnsembleSpec>,
            .describe_status = describe_fresh<CoordinatorEnsembleStatus>};
}

Kind cluster_kind() {
    return {
        .kind = "KafkaCluster",
        .plural = "kafkaclusters",
        .singular = "kafkacluster",
        .short_name = "kcl",
        .doc = "A Kafka cluster; its brokers come from BrokerPools.",
        .columns = {{"Ready", "string", kReady},
                    {"Status", "string", kReadyMessage},
                    {"Brokers", "string", ".status.brokersSummary"},
                    {"Version", "string", ".status.version"},
                    {"Controller", "integer", ".status.controllerId", 1},
                    {"URP", "integer", ".status.underReplicated"},
                    {"Rollout", "string", ".status.rollout.summary"},
                    kAge},
        .scale = std::nullopt,
        .rules = {kServiceName},
        .spec_rules = {kConfigHasKeys,
                       {"has(self.ensembleRef) != has(self.coordinator)",
                        "name exactly one of ensembleRef and coordinator"},
                       {kSameEnsemble, "ensembleRef cannot change: the cluster's state lies there"},
                       {kSameFirstListener,
                        "the first listener cannot change its name (absent: plaintext): "
                        "brokers speak to each other over it"},
                       {"!has(self.chroot) || !(self.chroot == '/zookeeper' || "
                        "self.chroot.startsWith('/zookeeper/'))",
                        "chroot must not be /zookeeper: it belongs to the coordinators"},
                       {"has(self.chroot) == has(oldSelf.chroot) && (!has(self.chroot) || "
                        "self.chroot == oldSelf.chroot)",
                        "chroot cannot change: the cluster would lose its state"},
                       {kNoReservedBrokerKeys, "config holds a key that the operator sets"}},
        .describe_spec = describe_fresh<KafkaClusterSpec>,
        .describe_status = describe_fresh<KafkaClusterStatus>};
}

Kind pool_kind() {
    return {.kind = "BrokerPool",
            .plural = "brokerpools",
            .singular = "brokerpool",
            .short_name = "bpl",
            .doc = "Equal brokers of one KafkaCluster.",
            .columns = {{"Cluster", "string", ".spec.clusterRef.name"},
                        {"Desired", "integer", ".spec.replicas"},
                        {"Ready", "integer", ".status.readyReplicas"},
                        {"Node IDs", "string", ".status.nodeIdsText"},
                        {"Storage", "string", ".spec.storage.size"},
                        kAge},
            .scale = ScalePaths{".spec.replicas", ".status.replicas", ".status.selector"},
            .rules = {kPoolName},
            .spec_rules = {kConfigHasKeys,
                           {"self.clusterRef.name == oldSelf.clusterRef.name",
                            "clusterRef cannot change: the brokers hold the data of their cluster"},
                           {kNoReservedBrokerKeys, "config holds a key that the operator sets"}},
            .describe_spec = describe_fresh<BrokerPoolSpec>,
            .describe_status = describe_fresh<BrokerPoolStatus>};
}

Kind node_kind() {
    return {.kind = "ClusterNode",
            .plural = "clusternodes",
            .singular = "clusternode",
            .short_name = "cnode",
            .doc = "One broker or coordinator and its identity; owned by the operator.",
            .columns = {{"Cluster", "string", ".spec.clusterRef.name"},
                        {"Role", "string", ".spec.role"},
                        {"ID", "integer", ".spec.nodeId"},
                        {"Phase", "string", ".status.phase"},
                        {"Leaders", "integer", ".status.leaders"},
                        {"Version", "string", ".status.version"},
                        {"Restarts", "string", ".status.lastRestartReason"},
                        kAge},
            .scale = std::nullopt,
            .rules = {},
            .spec_rules = {{"self.nodeId == oldSelf.nodeId && self.role == oldSelf.role && "
                            "self.clusterRef.name == oldSelf.clusterRef.name",
                            "the identity of a node cannot change"}},
            .describe_spec = describe_fresh<ClusterNodeSpec>,
            .describe_status = describe_fresh<ClusterNodeStatus>};
}

Kind topic_kind() {
    return {
        .kind = "KafkaTopic",
        .plural = "kafkatopics",
        .singular = "kafkatopic",
        .short_name = "ktp",
        .doc = "A topic of a KafkaCluster.",
        .columns = {{"Cluster", "string", ".spec.clusterRef.name"},
                    {"Partitions", "integer", ".spec.partitions"},
                    {"RF", "integer", ".spec.replicas"},
                    {"Ready", "string", kReady},
                    {"Drift", "string", ".status.driftSummary"},
                    kAge},
        .scale = std::nullopt,
        .rules = {{"has(self.spec.topicName) || size(self.metadata.name) <= 249",
                   "metadata.name must be at most 249 characters when it names the topic"}},
        .spec_rules = {kConfigHasKeys,
                       {"self.clusterRef.name == oldSelf.clusterRef.name",
                        "clusterRef cannot change"},
                       {"has(self.topicName) == has(oldSelf.topicName) && (!has(self.topicName) || "
                        "self.topicName == oldSelf.topicName)",
                        "topicName cannot change"},
                       {"!has(self.topicName) || !(self.topicName in ['.', '..'])",
                        "topicName must not be '.' or '..'"},
                       {"!has(oldSelf.partitions) || (has(self.partitions) && self.partitions >= "
                        "oldSelf.partitions)",
                        "partitions cannot be taken away: Kafka can only add them"}},
        .describe_spec = describe_fresh<KafkaTopicSpec>,
        .describe_status = describe_fresh<KafkaTopicStatus>};
}

json columns_json(const Kind& kind) {
    json columns = json::array();
    for (const PrinterColumn& column : kind.columns) {
        json entry = {{"name", column.name}, {"type", column.type}, {"jsonPath", column.json_path}};
        if (column.priority > 0) {
            entry["priority"] = column.priority;
        }
        columns.push_back(std::move(entry));
    }
    return columns;
}

json schema_of(void (*describe)(FieldVisitor&), std::string_view doc, std::span<const Rule> rules) {
    SchemaWriter writer;
    describe(writer);
    return json::parse(writer.schema(doc, rules), nullptr, false);
}

json version_json(const Kind& kind) {
    json subresources = {{"status", json::object()}};
    if (kind.scale) {
        subresources["scale"] = {{"specReplicasPath", kind.scale->spec_replicas},
                                 {"statusReplicasPath", kind.scale->status_replicas},
                                 {"labelSelectorPath", kind.scale->selector}};
    }
    json schema = {{"type", "object"},
                   {"description", kind.doc},
                   {"required", {"spec"}},
                   {"properties",
                    {{"apiVersion", {{"type", "string"}}},
                     {"kind", {{"type", "string"}}},
                     {"metadata", {{"type", "object"}}},
                     {"spec", schema_of(kind.describe_spec, "What is wanted.", kind.spec_rules)},
                     {"status", schema_of(kind.describe_status, "What is so.", {})}}}};
    for (const Rule& rule : kind.rules) {
        schema["x-kubernetes-validations"].push_back(
            {{"rule", rule.cel}, {"message", rule.message}});
    }
    return {{"name", kVersion},
            {"served", true},
            {"storage", true},
            {"schema", {{"openAPIV3Schema", std::move(schema)}}},
            {"subresources", std::move(subresources)},
            {"additionalPrinterColumns", columns_json(kind)}};
}

}  // namespace

std::span<const Kind> all_kinds() {
    static const std::vector<Kind> kinds{ensemble_kind(), cluster_kind(), pool_kind(), node_kind(),
                                         topic_kind()};
    return kinds;
}

std::string crd_json(const Kind& kind) {
    const std::string name = std::string(kind.plural) + "." + std::string(kGroup);
    return json{{"apiVersion", "apiextensions.k8s.io/v1"},
                {"kind", "CustomResourceDefinition"},
                {"metadata", {{"name", name}}},
                {"spec",
                 {{"group", kGroup},
                  {"scope", "Namespaced"},
                  {"names",
                   {{"kind", kind.kind},
                    {"listKind", std::string(kind.kind) + "List"},
                    {"plural", kind.plural},
                    {"singular", kind.singular},
                    {"shortNames", {kind.short_name}},
                    {"categories", {kCategory}}}},
                  {"versions", {version_json(kind)}}}}}
        .dump();
}

}  // namespace millrace::kube_operator::api
