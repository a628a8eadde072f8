#include "coordinator/server/monitor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>

#include "coordinator/server/node.h"
#include "lib/runtime/metrics.h"
#include "lib/runtime/process_figures.h"
#include "lib/runtime/version.h"

namespace millrace::coordinator::server {

namespace {

using Kind = Figure::Kind;

// What clients take for the version of the server: the protocol it speaks.
constexpr std::string_view kProtocolVersion = "3.9.5";
// And its date, in the form of the servers up to 3.7, which clients of that time parse and later ones do not care for.
constexpr std::string_view kProtocolBuilt = "02/11/2026 20:18 GMT";

struct Share {
    std::string_view title;
    double share;
};
constexpr std::array<Share, 4> kShares{
    {{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}, {"p999", 0.999}}};

// What counts events of an ensemble, of TLS or of switches that are off, and so stays 0 on a standalone server.
constexpr std::array<std::string_view, 26> kNeverCounted{
    "diff_count",
    "ensemble_auth_fail",
    "ensemble_auth_skip",
    "ensemble_auth_success",
    "large_requests_rejected",
    "learner_commit_received_count",
    "learner_proposal_received_count",
    "looking_count",
    "proposal_count",
    "quit_leading_due_to_disloyal_voter",
    "requests_not_forwarded_to_commit_processor",
    "response_packet_cache_hits",
    "response_packet_cache_misses",
    "response_packet_get_children_cache_hits",
    "response_packet_get_children_cache_misses",
    "restore_error_count",
    "restore_rate_limited_count",
    "revalidate_count",
    "connection_revalidate_count",
    "snapshot_rate_limited_count",
    "stale_replies",
    "stale_requests",
    "stale_requests_dropped",
    "throttled_ops",
    "tls_handshake_exceeded",
    "unsuccessful_handshake"};

// Summaries of events of an ensemble or of switches that are off: they see none here.
constexpr std::array<std::string_view, 11> kNeverSeen{
    "commit_propagation_latency", "connection_token_deficit", "election_time",
    "follower_sync_time",         "inflight_diff_count",      "inflight_snap_count",
    "leader_unavailable_time",    "observer_sync_time",       "proposal_latency",
    "quorum_ack_latency",         "unavailable_time"};

Tally sync_times(Node& node) {
    const storage::TxnLogWriter::Figures& log = node.log().figures();
    return {.min = to_millis(log.sync_shortest),
            .max = to_millis(log.sync_longest),
            .sum = to_millis(log.sync_total),
            .count = log.syncs};
}

// The summaries without quantiles, by name.
struct NamedTally {
    std::string_view name;
    Tally (*of)(Node& node);
};
constexpr std::array<NamedTally, 8> kTallies{{
    {"dbinittime", [](Node& node) -> Tally { return node.statistics().start_time; }},
    {"fsynctime", sync_times},
    {"node_changed_watch_count",
     [](Node& node) -> Tally { return node.statistics().changed_watches; }},
    {"node_children_watch_count",
     [](Node& node) -> Tally { return node.statistics().children_watches; }},
    {"node_created_watch_count",
     [](Node& node) -> Tally { return node.statistics().created_watches; }},
    {"node_deleted_watch_count",
     [](Node& node) -> Tally { return node.statistics().deleted_watches; }},
    {"snapshottime", [](Node& node) -> Tally { return node.statistics().snapshot_time; }},
    {"startup_txns_loaded", [](Node& node) -> Tally { return node.statistics().txns_replayed; }},
}};

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
    // mntr spreads a summary over several names.
    void tally(const std::string& name, const Tally& tally) {
        gauge("avg_" + name, tally.average());
        gauge("min_" + name, tally.min);
        gauge("max_" + name, tally.max);
        counter("cnt_" + name, tally.count);
        counter("sum_" + name, static_cast<std::uint64_t>(tally.sum));
    }
    void spread(const std::string& name, const Spread& spread) {
        tally(name, spread.latency);
        for (const auto& [title, share] : kShares) {
            gauge(fmt::format("{}_{}", title, name), spread.distribution.quantile(share));
        }
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
    for (const auto& [name, refusals] : statistics.quota_refusals) {
        out.counter(name + "_quota_exceeded_error_per_namespace", refusals);
    }
}

}  // namespace

std::string shown_version() {
    return fmt::format("{}-millrace-{}-{}, built on {}", kProtocolVersion, runtime::version(),
                       runtime::revision(), kProtocolBuilt);
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
    out.gauge("non_mtls_local_conn_count", std::int64_t{0});
    out.gauge("non_mtls_remote_conn_count", connections);
    out.gauge("outstanding_requests", node.outstanding());
    out.gauge("outstanding_changes_queued", signed_size(node.pipeline().outstanding()));
    out.gauge("global_sessions", signed_size(node.sessions().size()));
    out.gauge("local_sessions", std::int64_t{0});
    out.gauge("uptime", to_millis(node.loop().now() - node.started()));
    out.gauge("packets_received", static_cast<std::int64_t>(statistics.packets_received));
    out.gauge("packets_sent", static_cast<std::int64_t>(statistics.packets_sent));
    out.gauge("min_latency", statistics.latency.min);
    out.gauge("avg_latency", statistics.latency.average());
    out.gauge("max_latency", statistics.latency.max);
    out.gauge("auth_failed_count", static_cast<std::int64_t>(statistics.auth_failed));
    out.gauge("last_client_response_size", statistics.response_size.last);
    out.gauge("min_client_response_size", statistics.response_size.min);
    out.gauge("max_client_response_size", statistics.response_size.max);
    out.gauge("connection_drop_probability", 0.0);
    out.gauge("outstanding_tls_handshake", std::int64_t{0});
    const runtime::ProcessFigures process = runtime::read_process_figures();
    out.gauge("open_file_descriptor_count", signed_size(process.open_descriptors));
    out.gauge("max_file_descriptor_count", signed_size(process.descriptors_max));
    add_counters(statistics, out);
    for (const std::string_view name : kNeverCounted) {
        out.counter(std::string(name), 0);
    }
    // A server that meets an error it cannot recover from has ended.
    out.counter("unrecoverable_error_count", 0);
    out.spread("readlatency", statistics.read);
    out.spread("updatelatency", statistics.update);
    for (const NamedTally& tally : kTallies) {
        out.tally(std::string(tally.name), tally.of(node));
    }
    for (const std::string_view name : kNeverSeen) {
        out.tally(std::string(name), {});
    }
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

namespace {

// Prometheus has one name for a summary, with quantiles, a sum and a count.
bool is_part_of_summary(std::string_view name) {
    const auto ends = [name](std::string_view summary) {
        return name.size() > summary.size() && name.ends_with(summary) &&
               name[name.size() - summary.size() - 1] == '_';
    };
    return ends("readlatency") || ends("updatelatency") ||
           std::ranges::any_of(kTallies, ends, &NamedTally::name) ||
           std::ranges::any_of(kNeverSeen, ends);
}

runtime::SummaryValue summary_of(const Spread& spread) {
    runtime::SummaryValue value{.count = spread.latency.count,
                                .sum = static_cast<double>(spread.latency.sum),
                                .quantiles = {}};
    for (const double share : {0.5, 0.9, 0.99}) {
        value.quantiles.emplace_back(share,
                                     static_cast<double>(spread.distribution.quantile(share)));
    }
    return value;
}

void register_summaries(Node& node, runtime::Metrics& metrics) {
    metrics.summary_callback("readlatency", "ZooKeeper's readlatency in milliseconds",
                             [&node] { return summary_of(node.statistics().read); });
    metrics.summary_callback("updatelatency", "ZooKeeper's updatelatency in milliseconds",
                             [&node] { return summary_of(node.statistics().update); });
    const auto without_quantiles = [&metrics](std::string_view name, std::function<Tally()> read) {
        metrics.summary_callback(std::string(name), fmt::format("ZooKeeper's {}", name),
                                 [read = std::move(read)]() -> runtime::SummaryValue {
                                     const Tally tally = read();
                                     return {.count = tally.count,
                                             .sum = static_cast<double>(tally.sum),
                                             .quantiles = {}};
                                 });
    };
    for (const NamedTally& tally : kTallies) {
        without_quantiles(tally.name, [&node, of = tally.of] { return of(node); });
    }
    for (const std::string_view name : kNeverSeen) {
        without_quantiles(name, [] { return Tally{}; });
    }
}

// A count under ZooKeeper's name, which a counter may not have: promtool asks for _total.
void register_quota_refusals(Node& node, runtime::Metrics& metrics) {
    metrics.family_callback(
        runtime::MetricKind::gauge, "quota_exceeded_error_per_namespace",
        "Requests refused for a hard limit of a quota, by the first name of its path.", [&node] {
            std::vector<runtime::MetricSample> samples;
            for (const auto& [name, refusals] : node.statistics().quota_refusals) {
                samples.push_back(
                    {.labels = {{"key", name}}, .value = static_cast<double>(refusals)});
            }
            return samples;
        });
}

}  // namespace

void register_metrics(Node& node, runtime::Metrics& metrics) {
    register_summaries(node, metrics);
    register_quota_refusals(node, metrics);
    // One scrape reads every number; they are gathered once for all reads of a turn.
    struct Gathered {
        Instant at{Duration(-1)};
        std::map<std::string, double, std::less<>> values;
    };
    const auto gathered = std::make_shared<Gathered>();
    for (const Figure& known : figures(node)) {
        if (known.kind == Kind::text || is_part_of_summary(known.name)) {
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
