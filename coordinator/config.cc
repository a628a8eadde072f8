#include "coordinator/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace millrace::coordinator {

namespace {

constexpr std::string_view kPropertyPrefix = "zookeeper.";

// Variables of the Docker image and the keys they stand for.
struct Variable {
    std::string_view name;
    std::string_view key;
};
constexpr std::array<Variable, 11> kVariables{{
    {"ZOO_DATA_DIR", "dataDir"},
    {"ZOO_DATA_LOG_DIR", "dataLogDir"},
    {"ZOO_TICK_TIME", "tickTime"},
    {"ZOO_INIT_LIMIT", "initLimit"},
    {"ZOO_SYNC_LIMIT", "syncLimit"},
    {"ZOO_AUTOPURGE_PURGEINTERVAL", "autopurge.purgeInterval"},
    {"ZOO_AUTOPURGE_SNAPRETAINCOUNT", "autopurge.snapRetainCount"},
    {"ZOO_MAX_CLIENT_CNXNS", "maxClientCnxns"},
    {"ZOO_STANDALONE_ENABLED", "standaloneEnabled"},
    {"ZOO_ADMINSERVER_ENABLED", "admin.enableServer"},
    {"ZOO_4LW_COMMANDS_WHITELIST", "4lw.commands.whitelist"},
}};

// Java trims the values of zoo.cfg, which java.util.Properties does not.
std::string trimmed(std::string_view text) {
    const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
    while (!text.empty() && blank(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && blank(text.back())) {
        text.remove_suffix(1);
    }
    return std::string(text);
}

Result<Property> parse_pair(std::string_view text, std::string_view origin) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) {
        return fail(Errc::invalid_argument,
                    fmt::format("{}: '{}' has no '='; allowed: key=value", origin, text));
    }
    std::string_view key = text.substr(0, equals);
    if (key.starts_with(kPropertyPrefix)) {
        key.remove_prefix(kPropertyPrefix.size());
    }
    return Property{.key = std::string(key), .value = trimmed(text.substr(equals + 1)), .line = 0};
}

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    while (!text.empty()) {
        const std::size_t end = text.find_first_of(" \t\n");
        if (end != 0) {
            words.push_back(text.substr(0, end));
        }
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
    return words;
}

// ZOO_SERVERS and ZOO_CFG_EXTRA hold lines separated by blanks.
Status add_lines(std::string_view name, std::string_view lines,
                 std::vector<ConfigSource>& sources) {
    const std::string origin = fmt::format("environment {}", name);
    ConfigSource source{.name = {}, .entries = {}, .origin = origin};
    for (const std::string_view line : words_of(lines)) {
        source.entries.push_back(TRY(parse_pair(line, origin)));
    }
    sources.push_back(std::move(source));
    return {};
}

// The options of a Java server's JVM: -Dzookeeper.… and the few properties without that prefix are ours too; all others are
// for a JVM and there is none.
Status add_jvm_flags(std::string_view name, std::string_view flags,
                     std::vector<ConfigSource>& sources) {
    const std::string origin = fmt::format("environment {}", name);
    ConfigSource source{.name = {}, .entries = {}, .origin = origin};
    for (const std::string_view word : words_of(flags)) {
        if (!word.starts_with("-D")) {
            continue;
        }
        const std::string_view property = word.substr(2);
        if (property.starts_with(kPropertyPrefix) || property.starts_with("jute.maxbuffer=") ||
            property.starts_with("znode.container.")) {
            source.entries.push_back(TRY(parse_pair(property, origin)));
        }
    }
    sources.push_back(std::move(source));
    return {};
}

Status add_environment(const ConfigInput& input, std::vector<ConfigSource>& sources) {
    for (const auto& [name, value] : input.environment) {
        if (name == "JVMFLAGS" || name == "SERVER_JVMFLAGS") {
            TRY(add_jvm_flags(name, value, sources));
        }
        const auto known = std::ranges::find(kVariables, name, &Variable::name);
        if (known != kVariables.end() && !value.empty()) {
            Property entry{.key = std::string(known->key), .value = trimmed(value), .line = 0};
            sources.push_back({.name = {},
                               .entries = {std::move(entry)},
                               .origin = fmt::format("environment {}", name)});
        }
        if ((name == "ZOO_SERVERS" || name == "ZOO_CFG_EXTRA") && !value.empty()) {
            TRY(add_lines(name, value, sources));
        }
    }
    return {};
}

std::unexpected<Error> bad(const Config& config, std::string_view key, std::string_view what) {
    const auto value = config.values().find(key);
    const std::string origin =
        value == config.values().end() ? "configuration" : value->second.origin;
    return fail(Errc::invalid_argument, fmt::format("{}: {}: {}", origin, key, what));
}

// The client address at the end of "server.N=host:port:port[:role][;[address:]port]".
Result<std::optional<runtime::Endpoint>> client_of_server_line(const Config& config) {
    const auto servers = config.family("server.");
    if (servers.size() > 1) {
        const auto& [id, second] = *std::next(servers.begin());
        return fail(Errc::invalid_argument,
                    fmt::format("{}: server.{}: ensembles are not offered by this version; "
                                "allowed: one server line, or none",
                                second.origin, id));
    }
    if (servers.empty()) {
        return std::nullopt;
    }
    const auto& [id, line] = *servers.begin();
    const std::size_t semicolon = line.text.find(';');
    if (semicolon == std::string::npos) {
        return std::nullopt;
    }
    const std::string client = line.text.substr(semicolon + 1);
    const std::string text = client.find(':') == std::string::npos ? ":" + client : client;
    const auto endpoint = runtime::Endpoint::parse(text);
    if (!endpoint) {
        return fail(Errc::invalid_argument,
                    fmt::format("{}: server.{}: '{}' is no client address; allowed: [address:]port",
                                line.origin, id, client));
    }
    return *endpoint;
}

std::uint64_t kib(std::int64_t count) {
    return count <= 0 ? 0 : static_cast<std::uint64_t>(count) << 10;
}

// The host to listen on. Java's sockets take 0.0.0.0 and :: both as all addresses of IPv4 and of IPv6.
std::string listening_host(const std::string& host) {
    return host == "0.0.0.0" || host == "::" ? "" : host;
}

Status read_clients(const Config& config, server::ServerOptions& options) {
    const auto from_server_line = TRY(client_of_server_line(config));
    if (config.has("clientPort")) {
        options.client.port = static_cast<std::uint16_t>(config.int64("clientPort"));
    } else if (from_server_line) {
        options.client = *from_server_line;
    } else {
        return bad(config, "clientPort", "it is missing; allowed: a port, usually 2181");
    }
    if (config.has("clientPortAddress")) {
        options.client.host = config.text("clientPortAddress");
    }
    options.client.host = listening_host(options.client.host);
    options.backlog = static_cast<int>(config.int64("clientPortListenBacklog"));
    options.connections_per_ip_max = static_cast<std::int32_t>(config.int64("maxClientCnxns"));
    options.connections_max = static_cast<std::int32_t>(config.int64("maxCnxns"));
    options.sessionless_max = std::chrono::milliseconds(config.int64("nio.sessionlessCnxnTimeout"));
    const std::int64_t tick_ms = config.int64("tickTime");
    options.tick = std::chrono::milliseconds(tick_ms);
    const auto timeout = [&config](std::string_view key, std::int64_t otherwise) {
        const std::int64_t given = config.int64(key);
        return static_cast<std::int32_t>(given < 0 ? otherwise : given);
    };
    options.session_timeout_min_ms = timeout("minSessionTimeout", 2 * tick_ms);
    options.session_timeout_max_ms = timeout("maxSessionTimeout", 20 * tick_ms);
    if (options.session_timeout_min_ms > options.session_timeout_max_ms) {
        return bad(config, "minSessionTimeout",
                   fmt::format("{} is above maxSessionTimeout; allowed: at most {}",
                               options.session_timeout_min_ms, options.session_timeout_max_ms));
    }
    options.frame_bytes_max = static_cast<std::size_t>(config.int64("jute.maxbuffer"));
    options.outstanding_max = config.int64("globalOutstandingLimit");
    return {};
}

Status read_storage(const Config& config, server::ServerOptions& options) {
    if (!config.has("dataDir") || config.text("dataDir").empty()) {
        return bad(config, "dataDir", "it is missing; allowed: the folder that holds the data");
    }
    options.data_dir = config.text("dataDir");
    options.data_log_dir = config.has("dataLogDir") ? config.text("dataLogDir") : options.data_dir;
    options.snap_count = config.int64("snapCount");
    options.snap_log_bytes = kib(config.int64("snapSizeLimitInKb"));
    options.log_file_bytes_max = kib(config.int64("txnLogSizeLimitInKb"));
    options.force_sync = config.text("forceSync") == "yes";
    options.slow_sync = std::chrono::milliseconds(config.int64("fsync.warningthresholdms"));
    options.snapshots_kept = static_cast<std::size_t>(
        std::max<std::int64_t>(config.int64("autopurge.snapRetainCount"), 3));
    options.purge_interval = std::chrono::hours(config.int64("autopurge.purgeInterval"));
    options.digest_in_snapshots = config.boolean("digest.enabled");
    const std::string& compression = config.text("snapshot.compression.method");
    options.snapshot_compression = compression == "gz"       ? storage::SnapshotCompression::gzip
                                   : compression == "snappy" ? storage::SnapshotCompression::snappy
                                                             : storage::SnapshotCompression::none;
    options.zxid_in_snapshots = config.boolean("serializeLastProcessedZxid.enabled");
    options.trust_empty_snapshot = config.boolean("snapshot.trust.empty");
    options.create_empty = config.boolean("db.autocreate");
    return {};
}

Status read_access(const Config& config, server::ServerOptions& options) {
    for (const auto& [number, provider] : config.family("authProvider.")) {
        // Without a JAAS login on the server Java starts as well, and no client gets in by it.
        if (provider.text != "org.apache.zookeeper.server.auth.SASLAuthenticationProvider") {
            return bad(
                config, "authProvider." + number,
                "providers in Java are not offered; allowed: the SASLAuthenticationProvider, "
                "which lets nobody log in");
        }
    }
    options.reconfig_enabled = config.boolean("reconfigEnabled");
    options.extended_types = config.boolean("extendedTypesEnabled");
    options.skip_acl = config.text("skipACL") == "yes";
    options.enforce_quota = config.boolean("enforceQuota");
    options.super_digest = config.text("DigestAuthenticationProvider.superDigest");
    options.digest_algorithm = config.text("DigestAuthenticationProvider.digestAlg");
    options.container_check =
        std::chrono::milliseconds(config.int64("znode.container.checkIntervalMs"));
    options.containers_per_minute =
        static_cast<std::int32_t>(config.int64("znode.container.maxPerMinute"));
    return {};
}

Status read_operations(const Config& config, server::ServerOptions& options) {
    // zkServer.sh asks for srvr, so it is answered whatever the list says.
    options.four_letter.words = {"srvr"};
    for (const std::string& word : config.list("4lw.commands.whitelist")) {
        options.four_letter.all = options.four_letter.all || word == "*";
        options.four_letter.words.insert(word);
    }
    if (config.boolean("readonlymode.enabled")) {
        options.four_letter.words.insert("isro");
    }
    options.admin_prefix = config.text("admin.commandURL");
    if (!options.admin_prefix.starts_with('/') || options.admin_prefix.size() < 2) {
        return bad(config, "admin.commandURL", "allowed: a path that starts with '/'");
    }
    const auto endpoint = [&config](std::string_view host, std::string_view port) {
        return runtime::Endpoint{.host = listening_host(config.text(host)),
                                 .port = static_cast<std::uint16_t>(config.int64(port))};
    };
    if (config.boolean("admin.enableServer")) {
        options.admin = endpoint("admin.serverAddress", "admin.serverPort");
    }
    if (config.has("metricsProvider.className") &&
        config.text("metricsProvider.className").ends_with("PrometheusMetricsProvider")) {
        options.metrics = endpoint("metricsProvider.httpHost", "metricsProvider.httpPort");
    }
    return {};
}

bool is_secret(std::string_view key) {
    return key.ends_with("assword") || key.ends_with("superDigest");
}

}  // namespace

Result<Config> read_config(const ConfigInput& input) {
    std::vector<ConfigSource> sources;
    TRY(add_environment(input, sources));
    if (!input.file_name.empty()) {
        auto entries = parse_properties(input.file_text);
        if (!entries) {
            return fail(Errc::invalid_argument,
                        fmt::format("{}: {}", input.file_name, entries.error().message));
        }
        for (Property& entry : *entries) {
            entry.value = trimmed(entry.value);
        }
        sources.push_back({.name = input.file_name, .entries = std::move(*entries), .origin = {}});
    }
    for (const std::string& property : input.properties) {
        Property entry = TRY(parse_pair(property, "-D"));
        const std::string origin = fmt::format("-D {}", entry.key);
        sources.push_back({.name = {}, .entries = {std::move(entry)}, .origin = origin});
    }
    return Config::build(config_schema(), sources);
}

Result<server::ServerOptions> server_options(const Config& config, std::uint8_t server_id) {
    server::ServerOptions options;
    TRY(read_clients(config, options));
    TRY(read_storage(config, options));
    TRY(read_access(config, options));
    TRY(read_operations(config, options));
    options.server_id = server_id;
    for (const auto& [key, value] : config.values()) {
        if (value.origin != "default") {
            options.settings.emplace_back(key, is_secret(key) ? "*****" : value.text);
        }
    }
    return options;
}

}  // namespace millrace::coordinator
