#include "coordinator/server/admin.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "coordinator/server/monitor.h"
#include "coordinator/server/node.h"
#include "coordinator/server/tables.h"

namespace millrace::coordinator::server {

namespace {

using Json = nlohmann::ordered_json;

struct Command {
    std::string_view name;
    std::string_view alias;
    void (*answer)(Node& node, Json& out);
};

Json figure_json(const Figure& figure) {
    return std::visit([](const auto& value) { return Json(value); }, figure.value);
}

void add_rows(const Rows& rows, Json& out) {
    for (const auto& [key, value] : rows) {
        out[key] = value;
    }
}

void answer_configuration(Node& node, Json& out) {
    const ServerOptions& options = node.options();
    out["client_port"] = node.local().port;
    out["data_dir"] = node.directory().snapshots;
    out["data_log_dir"] = node.directory().logs;
    out["tick_time"] = to_millis(options.tick);
    out["max_client_cnxns"] = options.connections_per_ip_max;
    out["min_session_timeout"] = options.session_timeout_min_ms;
    out["max_session_timeout"] = options.session_timeout_max_ms;
    out["client_port_listen_backlog"] = options.backlog;
    out["server_id"] = options.server_id;
}

Json connections_json(Node& node) {
    Json list = Json::array();
    for (const ClientConnection* connection : node.connections()) {
        const ClientConnection::Counters& counters = connection->counters();
        const std::int64_t age = to_millis(node.loop().now() - connection->established());
        Json item;
        item["remote_socket_address"] = connection->peer().to_string();
        item["interest_ops"] = connection->ended() ? 0 : 1;
        item["outstanding_requests"] = connection->outstanding();
        item["packets_received"] = counters.received;
        item["packets_sent"] = counters.sent;
        item["session_id"] = connection->session();
        item["last_operation"] = counters.last_operation;
        item["established"] = node.loop().wall_now().millis - age;
        item["session_timeout"] = connection->timeout_ms();
        item["last_cxid"] = counters.last_cxid;
        item["last_zxid"] = counters.last_zxid;
        item["last_response_time"] = counters.last_response.millis;
        item["last_latency"] = counters.last_latency_ms;
        item["min_latency"] = counters.latency.min;
        item["avg_latency"] = counters.latency.average();
        item["max_latency"] = counters.latency.max;
        list.push_back(std::move(item));
    }
    return list;
}

void answer_connections(Node& node, Json& out) {
    out["connections"] = connections_json(node);
    out["secure_connections"] = Json::array();
}

void answer_connection_stat_reset(Node& node, Json&) {
    for (ClientConnection* connection : node.connections()) {
        connection->reset_counters();
    }
}

void answer_dirs(Node& node, Json& out) {
    out["datadir_size"] = directory_bytes(node, node.directory().snapshots);
    out["logdir_size"] = directory_bytes(node, node.directory().logs);
}

void answer_dump(Node& node, Json& out) {
    Json expiries = Json::object();
    for (const auto& [expiry, sessions] : node.sessions().by_expiry()) {
        const std::int64_t at =
            node.loop().wall_now().millis + to_millis(expiry - node.loop().now());
        expiries[fmt::format("{}", at)] = sessions;
    }
    out["expiry_time_to_session_ids"] = std::move(expiries);
    Json owners = Json::object();
    for (const std::int64_t owner : node.nodes().ephemeral_owners()) {
        owners[fmt::format("{}", owner)] = *node.nodes().ephemerals(owner);
    }
    out["session_id_to_ephemeral_paths"] = std::move(owners);
}

void answer_environment(Node& node, Json& out) {
    add_rows(environment_table(node), out);
}

void answer_hash(Node& node, Json& out) {
    out["digests"] = Json::array({{{"zxid", node.nodes().last_zxid()},
                                   {"digest_version", 2},
                                   {"digest", node.nodes().digest()}}});
}

void answer_initial_configuration(Node& node, Json& out) {
    std::string text;
    for (const auto& [key, value] : node.options().settings) {
        text += fmt::format("{}={}\n", key, value);
    }
    out["initial_configuration"] = text;
}

void answer_is_read_only(Node&, Json& out) {
    out["read_only"] = false;
}

void answer_last_snapshot(Node& node, Json& out) {
    const auto newest = newest_snapshot(node).value_or(storage::SnapshotFile{});
    out["zxid"] = fmt::format("{:x}", static_cast<std::uint64_t>(newest.zxid));
    out["timestamp"] = newest.modified_millis / 1'000;
}

void answer_monitor(Node& node, Json& out) {
    for (const Figure& figure : figures(node)) {
        out[figure.name] = figure_json(figure);
    }
}

void answer_ruok(Node&, Json&) {}

void answer_server_stats(Node& node, Json& out) {
    const Statistics& statistics = node.statistics();
    const Json client_response = {{"last_buffer_size", statistics.response_size.last},
                                  {"min_buffer_size", statistics.response_size.min},
                                  {"max_buffer_size", statistics.response_size.max}};
    out["version"] = shown_version();
    out["read_only"] = false;
    out["server_stats"] = {
        {"packets_sent", statistics.packets_sent},
        {"packets_received", statistics.packets_received},
        {"max_latency", statistics.latency.max},
        {"min_latency", statistics.latency.min},
        {"avg_latency", statistics.latency.average()},
        {"num_alive_client_connections", node.connections().size()},
        {"outstanding_requests", node.outstanding()},
        {"auth_failed_count", statistics.auth_failed},
        {"fsync_threshold_exceed_count", node.log().figures().slow_syncs},
        {"client_response_stats", client_response},
        {"provider_null", false},
        {"data_dir_size", directory_bytes(node, node.directory().snapshots)},
        {"log_dir_size", directory_bytes(node, node.directory().logs)},
        {"non_mtlsremote_conn_count", node.connections().size()},
        {"non_mtlslocal_conn_count", 0},
        {"server_state", "standalone"},
        {"uptime", to_millis(node.loop().now() - node.started())},
        {"last_processed_zxid", node.nodes().last_zxid()},
    };
    out["client_response"] = client_response;
    out["node_count"] = node.nodes().node_count() + 1;
}

void answer_stats(Node& node, Json& out) {
    answer_server_stats(node, out);
    answer_connections(node, out);
}

void answer_stat_reset(Node& node, Json&) {
    node.statistics().reset();
}

void answer_watches(Node& node, Json& out) {
    Json sessions = Json::object();
    for (const auto& [session, paths] : watched_by_session(node)) {
        sessions[fmt::format("{}", session)] = paths;
    }
    out["session_id_to_watched_paths"] = std::move(sessions);
}

void answer_watches_by_path(Node& node, Json& out) {
    out["path_to_session_ids"] = watched_by_path(node);
}

void answer_watch_summary(Node& node, Json& out) {
    out["num_connections"] = node.watches().watcher_count();
    out["num_paths"] = node.watches().path_count();
    out["num_total_watches"] = node.watches().count();
}

// What is about an ensemble, as a standalone server answers it.
void answer_leader(Node&, Json& out) {
    out["error"] = "server is not initialized";
}

void answer_observers(Node&, Json& out) {
    out["synced_observers"] = 0;
    out["observers"] = Json::array();
}

void answer_voting_view(Node&, Json& out) {
    out["current_config"] = Json::object();
}

void answer_zab_state(Node&, Json& out) {
    out["voting"] = false;
    out["zabstate"] = "";
}

void answer_trace_mask(Node&, Json& out) {
    out["tracemask"] = kTraceMask;
}

constexpr std::array<Command, 25> kCommands{{
    {"configuration", "conf", answer_configuration},
    {"config", "", answer_configuration},
    {"connections", "cons", answer_connections},
    {"connection_stat_reset", "crst", answer_connection_stat_reset},
    {"dirs", "", answer_dirs},
    {"dump", "", answer_dump},
    {"environment", "envi", answer_environment},
    {"get_trace_mask", "gtmk", answer_trace_mask},
    {"hash", "", answer_hash},
    {"initial_configuration", "icfg", answer_initial_configuration},
    {"is_read_only", "isro", answer_is_read_only},
    {"last_snapshot", "lsnp", answer_last_snapshot},
    {"leader", "lead", answer_leader},
    {"monitor", "mntr", answer_monitor},
    {"observers", "obsr", answer_observers},
    {"ruok", "", answer_ruok},
    {"server_stats", "srvr", answer_server_stats},
    {"stats", "stat", answer_stats},
    {"stat_reset", "srst", answer_stat_reset},
    {"system_properties", "sysp", answer_environment},
    {"voting_view", "", answer_voting_view},
    {"watches", "wchc", answer_watches},
    {"watches_by_path", "wchp", answer_watches_by_path},
    {"watch_summary", "wchs", answer_watch_summary},
    {"zabstate", "", answer_zab_state},
}};

runtime::AdminResponse json_response(int status, const Json& body) {
    return {.status = status, .body = body.dump(2) + "\n", .content_type = "application/json"};
}

runtime::AdminResponse answer(Node& node, std::string_view name) {
    const auto found = std::ranges::find_if(kCommands, [name](const Command& command) {
        return command.name == name || (!command.alias.empty() && command.alias == name);
    });
    Json body;
    if (name.find('/') != std::string_view::npos) {
        return {.status = 404, .body = "no such page\n", .content_type = "text/plain"};
    }
    if (found == kCommands.end()) {
        body["command"] = name;
        body["error"] = fmt::format("Unknown command: {}", name);
        return json_response(200, body);  // as in ZooKeeper: the command failed, not the page
    }
    body["command"] = found->name;
    if (!node.serving() && found->name != "ruok") {
        body["error"] = "This ZooKeeper instance is not currently serving requests";
        return json_response(503, body);
    }
    body["error"] = nullptr;
    found->answer(node, body);
    return json_response(200, body);
}

runtime::AdminResponse list_commands(const std::string& prefix) {
    std::string body;
    for (const Command& command : kCommands) {
        body += fmt::format("<a href=\"{0}/{1}\">{1}</a>\n<br/>\n", prefix, command.name);
    }
    return {.status = 200, .body = std::move(body), .content_type = "text/html; charset=utf-8"};
}

}  // namespace

void add_admin_routes(Node& node, runtime::AdminHttp& http) {
    const std::string prefix = node.options().admin_prefix;
    http.route("GET", prefix,
               [prefix](const runtime::AdminRequest&) { return list_commands(prefix); });
    http.route("GET", prefix + "/*", [&node, prefix](const runtime::AdminRequest& request) {
        return answer(node, std::string_view(request.path).substr(prefix.size() + 1));
    });
}

}  // namespace millrace::coordinator::server
