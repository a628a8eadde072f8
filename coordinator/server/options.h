// Everything a server is told, checked and in its own units. coordinator/config reads it from zoo.cfg and the environment.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/storage/file_names.h"
#include "lib/base/time.h"
#include "lib/runtime/network.h"

namespace millrace::coordinator::server {

// Which four-letter words are answered (4lw.commands.whitelist).
struct Whitelist {
    bool all = false;
    std::set<std::string, std::less<>> words{"srvr"};

    bool allows(std::string_view word) const { return all || words.contains(word); }
};

struct ServerOptions {
    // Folders
    std::string data_dir;
    std::string data_log_dir;

    // Clients
    runtime::Endpoint client;
    int backlog = -1;                          // waiting connections; -1: 50, and shown as -1
    std::int32_t connections_per_ip_max = 60;  // 0 or less: no limit
    std::int32_t connections_max = 0;          // 0 or less: no limit
    // A connection must open a session within this time (nio.sessionlessCnxnTimeout), and is closed before twice of it.
    Duration sessionless_max = 10s;
    Duration tick = 3s;
    std::int32_t session_timeout_min_ms = 6'000;
    std::int32_t session_timeout_max_ms = 60'000;
    std::size_t frame_bytes_max = 0xfffff;  // jute.maxbuffer
    std::int64_t outstanding_max = 1'000;   // globalOutstandingLimit

    // Log and snapshots
    std::int64_t snap_count = 100'000;
    std::uint64_t snap_log_bytes = std::uint64_t{4} << 30;  // snapSizeLimitInKb; 0: no limit
    std::uint64_t log_file_bytes_max = 0;                   // txnLogSizeLimitInKb; 0: no limit
    bool force_sync = true;
    Duration slow_sync = 1s;
    std::size_t snapshots_kept = 3;
    Duration purge_interval{};  // 0: never
    storage::SnapshotCompression snapshot_compression = storage::SnapshotCompression::none;
    bool digest_in_snapshots = true;
    bool zxid_in_snapshots = true;
    bool trust_empty_snapshot = false;
    bool create_empty = true;

    // Nodes and access
    bool extended_types = false;
    bool skip_acl = false;
    bool reconfig_enabled = false;  // there is none; it decides how a request for it is refused
    bool enforce_quota = false;
    std::string super_digest;
    std::string digest_algorithm = "SHA1";
    Duration container_check = 60s;  // 0: never
    std::int32_t containers_per_minute = 10'000;

    // Operations
    Whitelist four_letter;
    std::optional<runtime::Endpoint> admin;
    std::string admin_prefix = "/commands";
    std::optional<runtime::Endpoint> metrics;

    std::uint8_t server_id = 0;
    // Every setting as it stands, for envi and system_properties; secrets left out.
    std::vector<std::pair<std::string, std::string>> settings;
};

}  // namespace millrace::coordinator::server
