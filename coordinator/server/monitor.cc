#include "coordinator/server/monitor.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <memory>

#include "coordinator/server/node.h"
#include "lib/runtime/metrics.h"
#include "lib/runtime/version.h"

namespace millrace::coordinator::server {

namespace {

using Kind = Figure::Kind;

// What clients take for the version of the server: the protocol it speaks.
constexpr std::string_view kProtocolVersion = "3.9.5";

class Collector {
 public:
    void gauge(std::string name, std::int64_t value) {
        x_figures.push_back({std::move(name), value, Kind::gauge});
    }
    void gauge(std::string name, double value) {
        x_figures.push_back({std::move(name), value, Kind::gauge});
    }
    void counter(std::string name, std::uint64_t value) {
        x_figures.push_back({std::move(name), static_cast<std::int64_t>(value), Kind::counter});
    }
    void text(std::string name, std::string value) {
        x_figures.push_back({std::move(name), std::move(value), Kind::text});
    }
    void latency(const std::string& name, const Latency& latency) {
        counter("cnt_" + name, latency.count);
        counter("sum_" + name, static_cast<std::uint64_t>(latency.sum_ms));
        gauge("min_" + name, latency.min_ms);
        gauge("max_" + name, latency.max_ms);
        gauge("avg_" + name, latency.average());
    }
    std::vector<Figure> take() { return std::move(x_figures); }

 private:
    std::vector<Figure> x_figures;
};

std::int64_t signed_size(std::size_t size) {
    return static_cast<std::int64_t>(size);
}

double number_of(const Figure& figure) {
    if (const auto* number = std::get_if<std::int64_t>(&figure.value)) {
        return static_cast<double>(*number);
    }
    const auto* real = std::get_if<double>(&figure.value);
    return real == nullptr ? 0 : *real;
}

void add_counters(const Statistics& statistics, Collector& out) {
    out.counter("connection_request_count", statistics.connection_requests);
    out.counter("connection_rejected", statistics.connections_rejected);
    out.counter("connection_drop_count", statistics.connections_dropped);
    out.counter("bytes_received_count", statistics.bytes_received);
    out.counter("response_bytes", statistics.response_bytes);
    out.counter("watch_bytes", statistics.watch_bytes);
    out.counter("commit_count", statistics.commits);
    out.counter("snap_count", statistics.snapshots);
    out.counter("snapshot_error_count", statistics.snapshot_errors);
    out.counter("digest_mismatches_count", statistics.digest_mismatches);
    out.counter("stale_sessions_expired", statistics.sessions_expired);
    out.counter("sessionless_connections_expired", statistics.sessionless_expired);
    out.counter("request_throttle_wait_count", statistics.requests_throttled);
    out.counter("node_created_watch_count", statistics.created_watches);
    out.counter("node_deleted_watch_count", statistics.deleted_watches);
    out.counter("node_changed_watch_count", statistics.changed_watches);
    out.counter("node_children_watch_count", statistics.children_watches);
}

}  // namespace

std::string shown_version() {
    return fmt::format("{}-millrace-{}, built on revision {}", kProtocolVersion, runtime::version(),
                       runtime::revision());
}

std::vector<Figure> figures(Node& node) {
    const Statistics& statistics = node.statistics();
    const tree::NodeTree& nodes = node.nodes();
    Collector out;
    out.text("version", shown_version());
    out.text("server_state", "standalone");
    out.gauge("peer_state", std::int64_t{0});
    // Java counts the root under two names.
    out.gauge("znode_count", signed_size(nodes.node_count()) + 1);
    out.gauge("watch_count", signed_size(node.watches().count()));
    out.gauge("ephemerals_count", signed_size(nodes.ephemeral_count()));
    out.gauge("approximate_data_size", static_cast<std::int64_t>(nodes.data_size()));
    const std::int64_t connections = signed_size(node.connections().size());
    out.gauge("num_alive_connections", connections);
    out.gauge("non_mtls_remote_conn_count", connections);
    out.gauge("outstanding_requests", node.outstanding());
    out.gauge("outstanding_changes_queued", signed_size(node.pipeline().outstanding()));
    out.gauge("global_sessions", signed_size(node.sessions().size()));
    out.gauge("local_sessions", std::int64_t{0});
    out.gauge("uptime", to_millis(node.loop().now() - node.started()));
    out.gauge("packets_received", static_cast<std::int64_t>(statistics.packets_received));
    out.gauge("packets_sent", static_cast<std::int64_t>(statistics.packets_sent));
    out.gauge("min_latency", statistics.latency.min_ms);
    out.gauge("avg_latency", statistics.latency.average());
    out.gauge("max_latency", statistics.latency.max_ms);
    out.gauge("auth_failed_count", static_cast<std::int64_t>(statistics.auth_failed));
    out.gauge("last_client_response_size", statistics.response_size.last);
    out.gauge("min_client_response_size", statistics.response_size.min);
    out.gauge("max_client_response_size", statistics.response_size.max);
    out.gauge("connection_drop_probability", 0.0);
    out.gauge("outstanding_tls_handshake", std::int64_t{0});
    if (const auto descriptors = node.files().list("/proc/self/fd")) {
        out.gauge("open_file_descriptor_count", signed_size(descriptors->size()));
    }
    add_counters(statistics, out);
    out.latency("readlatency", statistics.read);
    out.latency("updatelatency", statistics.update);
    const storage::TxnLogWriter::Figures& log = node.log().figures();
    out.counter("cnt_fsynctime", log.syncs);
    out.counter("sum_fsynctime", static_cast<std::uint64_t>(to_millis(log.sync_total)));
    out.gauge("max_fsynctime", to_millis(log.sync_longest));
    return out.take();
}

std::string figure_text(const Figure& figure) {
    if (const auto* number = std::get_if<std::int64_t>(&figure.value)) {
        return fmt::format("{}", *number);
    }
    if (const auto* real = std::get_if<double>(&figure.value)) {
        // Java rounds averages to four digits and always shows one.
        std::string text = fmt::format("{:.4f}", std::round(*real * 10'000) / 10'000);
        while (text.ends_with('0') && !text.ends_with(".0")) {
            text.pop_back();
        }
        return text;
    }
    return std::get<std::string>(figure.value);
}

void register_metrics(Node& node, runtime::Metrics& metrics) {
    // One scrape reads every number; they are gathered once for all reads of a turn.
    struct Gathered {
        Instant at{Duration(-1)};
        std::map<std::string, double, std::less<>> values;
    };
    const auto gathered = std::make_shared<Gathered>();
    for (const Figure& known : figures(node)) {
        if (known.kind == Kind::text) {
            continue;
        }
        const auto read = [&node, gathered, name = known.name]() -> double {
            if (gathered->at != node.loop().now()) {
                gathered->at = node.loop().now();
                for (const Figure& figure : figures(node)) {
                    gathered->values[figure.name] = number_of(figure);
                }
            }
            return gathered->values[name];
        };
        const std::string help = "ZooKeeper's " + known.name;
        if (known.kind == Kind::counter || known.name.ends_with("_count")) {
            // ZooKeeper's names, which dashboards ask for, are older than the conventions.
            metrics.untyped_callback(known.name, help, {}, read);
        } else {
            metrics.gauge_callback(known.name, help, {}, read);
        }
    }
}

}  // namespace millrace::coordinator::server
