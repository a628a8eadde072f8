#include "coordinator/server/tables.h"

#include <fmt/format.h>

#include "coordinator/server/monitor.h"
#include "coordinator/server/node.h"
#include "lib/runtime/version.h"

namespace millrace::coordinator::server {

namespace {

std::int64_t session_of(const std::map<tree::WatcherId, std::int64_t>& sessions,
                        tree::WatcherId watcher) {
    const auto found = sessions.find(watcher);
    return found == sessions.end() ? 0 : found->second;
}

std::map<tree::WatcherId, std::int64_t> sessions_of(Node& node) {
    std::map<tree::WatcherId, std::int64_t> sessions;
    for (const ClientConnection* connection : node.connections()) {
        sessions[connection->id()] = connection->session();
    }
    return sessions;
}

}  // namespace

Rows configuration_table(Node& node) {
    const ServerOptions& options = node.options();
    const storage::DataDirectory& directory = node.directory();
    const auto number = [](auto value) { return fmt::format("{}", value); };
    return {
        {"clientPort", number(node.local().port)},
        {"secureClientPort", "-1"},
        {"dataDir", directory.snapshots},
        {"dataDirSize", number(directory_bytes(node, directory.snapshots))},
        {"dataLogDir", directory.logs},
        {"dataLogSize", number(directory_bytes(node, directory.logs))},
        {"tickTime", number(to_millis(options.tick))},
        {"maxClientCnxns", number(options.connections_per_ip_max)},
        {"minSessionTimeout", number(options.session_timeout_min_ms)},
        {"maxSessionTimeout", number(options.session_timeout_max_ms)},
        {"clientPortListenBacklog", number(options.backlog)},
        {"serverId", number(options.server_id)},
    };
}

Rows environment_table(Node& node) {
    Rows rows{{"zookeeper.version", shown_version()},
              {"millrace.version", std::string(runtime::version())},
              {"millrace.revision", std::string(runtime::revision())}};
    // Java's lines; it shows a property that it does not have like this too.
    for (const std::string_view name :
         {"java.version", "java.vendor", "java.home", "java.class.path", "java.library.path",
          "java.io.tmpdir", "java.compiler"}) {
        rows.emplace_back(name, "<NA>");
    }
    rows.emplace_back("os.name", "Linux");
    const auto& settings = node.options().settings;
    rows.insert(rows.end(), settings.begin(), settings.end());
    return rows;
}

std::uint64_t directory_bytes(Node& node, const std::string& directory) {
    const auto entries = node.files().list(directory);
    std::uint64_t bytes = 0;
    if (entries) {
        for (const runtime::DirectoryEntry& entry : *entries) {
            bytes += entry.size;
        }
    }
    return bytes;
}

std::optional<storage::SnapshotFile> newest_snapshot(Node& node) {
    const auto snapshots = storage::list_snapshots(node.files(), node.directory().snapshots);
    return snapshots && !snapshots->empty() ? std::optional(snapshots->back()) : std::nullopt;
}

std::map<std::int64_t, std::set<std::string>> watched_by_session(Node& node) {
    const auto sessions = sessions_of(node);
    std::map<std::int64_t, std::set<std::string>> result;
    for (const auto& [watcher, paths] : node.watches().by_watcher()) {
        result[session_of(sessions, watcher)].insert(paths.begin(), paths.end());
    }
    return result;
}

std::map<std::string, std::set<std::int64_t>> watched_by_path(Node& node) {
    const auto sessions = sessions_of(node);
    std::map<std::string, std::set<std::int64_t>> result;
    for (const auto& [path, watchers] : node.watches().by_path()) {
        for (const tree::WatcherId watcher : watchers) {
            result[path].insert(session_of(sessions, watcher));
        }
    }
    return result;
}

}  // namespace millrace::coordinator::server
