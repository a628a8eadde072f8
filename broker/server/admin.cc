#include "broker/server/admin.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/runtime/version.h"

namespace millrace::broker::server {
namespace {

using nlohmann::json;

struct Health {
    std::int64_t offline = 0;
    std::int64_t under_replicated = 0;
    std::int64_t partitions = 0;
};

Health health_of(const controller::MetadataCache& metadata) {
    Health health;
    for (const auto& [name, topic] : metadata.topics()) {
        for (const auto& [id, partition] : topic.partitions) {
            ++health.partitions;
            health.offline += partition.leader < 0 || !metadata.is_alive(partition.leader);
            health.under_replicated += partition.isr.size() < partition.replicas.size();
        }
    }
    return health;
}

double led_partitions(Node& node) {
    return node.replicas() == nullptr ? 0 : static_cast<double>(node.replicas()->count_led());
}

bool is_active_controller(const Node& node) {
    return node.controller() != nullptr && node.controller()->core().is_active();
}

// Figures that only the controller reports; elsewhere they are 0, as in Kafka.
double controller_figure(Node& node, double value) {
    return is_active_controller(node) ? value : 0;
}

void register_controller_metrics(Node& node, runtime::Metrics& metrics) {
    const auto figure = [&](const char* name, const char* help, double (*read)(Node&)) {
        metrics.gauge_callback(name, help, {}, [&node, read] { return read(node); });
    };
    figure("kafka_controller_kafkacontroller_activecontrollercount", "1 on the controller.",
           [](Node& n) { return is_active_controller(n) ? 1.0 : 0.0; });
    figure("kafka_controller_kafkacontroller_offlinepartitionscount",
           "Partitions without a leader.", [](Node& n) {
               return controller_figure(n, static_cast<double>(health_of(n.metadata()).offline));
           });
    figure("kafka_controller_kafkacontroller_globalpartitioncount", "Partitions of the cluster.",
           [](Node& n) {
               return controller_figure(n, static_cast<double>(health_of(n.metadata()).partitions));
           });
    figure("kafka_controller_kafkacontroller_globaltopiccount", "Topics of the cluster.",
           [](Node& n) {
               return controller_figure(n, static_cast<double>(n.metadata().topics().size()));
           });
    figure("kafka_controller_kafkacontroller_activebrokercount", "Brokers that are registered.",
           [](Node& n) {
               return controller_figure(n, static_cast<double>(n.metadata().all_brokers().size()));
           });
}

void register_replica_metrics(Node& node, runtime::Metrics& metrics) {
    metrics.gauge_callback(
        "kafka_server_replicamanager_partitioncount", "Partitions that this broker holds.", {},
        [&node] {
            return node.replicas() == nullptr ? 0 : static_cast<double>(node.replicas()->size());
        });
    metrics.gauge_callback("kafka_server_replicamanager_leadercount",
                           "Partitions that this broker leads.", {},
                           [&node] { return led_partitions(node); });
    metrics.gauge_callback("kafka_server_replicamanager_underreplicatedpartitions",
                           "Partitions led here with replicas out of sync.", {},
                           [] { return 0.0; });
    metrics.family_callback(
        runtime::MetricKind::gauge, "kafka_log_log_size", "Bytes of a log.", [&node] {
            std::vector<runtime::MetricSample> samples;
            for (replica::Partition* partition : node.replicas() == nullptr
                                                     ? std::vector<replica::Partition*>{}
                                                     : node.replicas()->all()) {
                samples.push_back({{{"topic", partition->id().topic},
                                    {"partition", std::to_string(partition->id().partition)}},
                                   static_cast<double>(partition->log().size_bytes())});
            }
            return samples;
        });
    metrics.gauge_callback(
        "kafka_log_logmanager_offlinelogdirectorycount", "Log directories that failed.", {},
        [&node] {
            const auto directories = node.directories();
            return static_cast<double>(std::ranges::count_if(
                directories, [](const auto* directory) { return !directory->online(); }));
        });
}

}  // namespace

void add_status_route(Node& node, runtime::AdminHttp& http) {
    http.route("GET", "/v1/status", [&node](const runtime::AdminRequest&) {
        const Health health = health_of(node.metadata());
        json status = {{"brokerId", node.broker_id()},
                       {"brokerState", static_cast<int>(node.state())},
                       {"controllerId", node.metadata().controller_id()},
                       {"clusterId", node.cluster_id()},
                       {"version", runtime::version()},
                       {"partitions", node.replicas() == nullptr ? 0 : node.replicas()->size()},
                       {"leaders", static_cast<std::int64_t>(led_partitions(node))},
                       {"offlinePartitions", health.offline},
                       {"underReplicated", health.under_replicated}};
        return runtime::AdminResponse{
            .status = 200, .body = status.dump() + "\n", .content_type = "application/json"};
    });
}

void register_metrics(Node& node, runtime::Metrics& metrics) {
    metrics.gauge_callback("kafka_server_kafkaserver_brokerstate",
                           "3 is running (Kafka's numbers).", {},
                           [&node] { return static_cast<double>(node.state()); });
    register_controller_metrics(node, metrics);
    register_replica_metrics(node, metrics);
    metrics.counter_callback(
        "kafka_server_brokertopicmetrics_bytesin_total", "Bytes of requests.", {},
        [&node] { return static_cast<double>(node.acceptor().counters().bytes_in); });
    metrics.counter_callback(
        "kafka_server_brokertopicmetrics_bytesout_total", "Bytes of responses.", {},
        [&node] { return static_cast<double>(node.acceptor().counters().bytes_out); });
    metrics.counter_callback(
        "kafka_network_requestmetrics_requests_total", "Requests taken in.", {},
        [&node] { return static_cast<double>(node.acceptor().counters().requests); });
    metrics.counter_callback("kafka_server_brokertopicmetrics_messagesin_total",
                             "Records of producers.", {},
                             [&node] { return static_cast<double>(node.records_in()); });
    metrics.untyped_callback(
        "kafka_server_socket_server_metrics_connection_count", "Open connections.", {},
        [&node] { return static_cast<double>(node.acceptor().connection_count()); });
    metrics.gauge_callback(
        "kafka_coordinator_group_groupmetadatamanager_numgroups", "Groups served here.", {},
        [&node] {
            return node.groups() == nullptr
                       ? 0
                       : static_cast<double>(node.groups()->core().group_count());
        });
}

}  // namespace millrace::broker::server
