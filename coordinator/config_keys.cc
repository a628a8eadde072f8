// The keys of zoo.cfg as ZooKeeper 3.9.5 has them, with its defaults.
#include "coordinator/config.h"

namespace millrace::coordinator {

namespace {

constexpr double kAny = std::numeric_limits<double>::infinity();
constexpr double kPort = 65535;

ConfigKey text(std::string_view name, std::optional<std::string_view> value, std::string_view doc,
               std::vector<std::string_view> allowed = {}) {
    return {.name = name,
            .type = KeyType::text,
            .default_value = value,
            .doc = doc,
            .allowed = std::move(allowed)};
}

ConfigKey flag(std::string_view name, std::string_view value, std::string_view doc) {
    return {.name = name, .type = KeyType::boolean, .default_value = value, .doc = doc};
}

struct Range {
    double min = -kAny;
    double max = kAny;
};

ConfigKey number(std::string_view name, std::optional<std::string_view> value, std::string_view doc,
                 Range range) {
    return {.name = name,
            .type = KeyType::int64,
            .default_value = value,
            .doc = doc,
            .min = range.min,
            .max = range.max};
}

ConfigKey ignored(std::string_view name, std::string_view why) {
    return {.name = name,
            .default_value = std::nullopt,
            .doc = "accepted, without effect",
            .effect = KeyEffect::no_effect,
            .note = why};
}

ConfigKey refused(std::string_view name, std::optional<std::string_view> value,
                  std::string_view why) {
    return {.name = name,
            .default_value = value,
            .doc = "not offered",
            .effect = KeyEffect::refused,
            .note = why};
}

constexpr std::string_view kTls = "TLS is not offered by this version; leave the key out";
constexpr std::string_view kSasl = "SASL is not offered by this version; leave the key out";
constexpr std::string_view kEnsemble =
    "it is about an ensemble, and this version runs standalone servers";
constexpr std::string_view kThreads = "one loop serves all clients";
constexpr std::string_view kThrottle =
    "requests are bounded by globalOutstandingLimit and connections by maxClientCnxns and maxCnxns";
constexpr std::string_view kCache = "answers are written straight from the tree";

void add_basic(std::vector<ConfigKey>& keys) {
    keys.push_back(text("dataDir", {}, "folder of snapshots, and of logs without dataLogDir"));
    keys.push_back(text("dataLogDir", {}, "folder of the transaction logs"));
    keys.push_back(number("clientPort", {}, "port for clients; 0 takes a free one", {0, kPort}));
    keys.push_back(text("clientPortAddress", {}, "address for clients; all without it"));
    keys.push_back(number("tickTime", "3000", "milliseconds of a tick", {1, 3'600'000}));
    keys.push_back(
        number("clientPortListenBacklog", "-1", "waiting connections; -1 means 50", {-1, 65535}));
    keys.push_back(number("maxClientCnxns", "60",
                          "connections of one address; 0 or less for no limit", {-1, 1e9}));
    keys.push_back(
        number("maxCnxns", "0", "connections altogether; 0 or less for no limit", {-1, 1e9}));
    keys.push_back(number("nio.sessionlessCnxnTimeout", "10000",
                          "milliseconds in which a connection must open a session", {1, 1e9}));
    keys.push_back(
        number("minSessionTimeout", "-1", "milliseconds; -1 means twice the tick", {-1, 1e9}));
    keys.push_back(number("maxSessionTimeout", "-1", "milliseconds; -1 means twenty times the tick",
                          {-1, 1e9}));
    keys.push_back(number("jute.maxbuffer", "1048575", "bytes of a request", {1024, 1 << 30}));
    keys.push_back(number("globalOutstandingLimit", "1000", "requests under way", {1, 1e9}));
}

void add_storage(std::vector<ConfigKey>& keys) {
    keys.push_back(number("snapCount", "100000", "transactions between snapshots", {2, 1e12}));
    keys.push_back(number("snapSizeLimitInKb", "4194304",
                          "log KiB between snapshots; 0 or less for no limit", {-1, 1e12}));
    keys.push_back(
        number("txnLogSizeLimitInKb", "-1", "KiB of one log file; -1 for no limit", {-1, 1e12}));
    keys.push_back(
        text("forceSync", "yes", "no: writes may be lost in a power cut", {"yes", "no"}));
    keys.push_back(number("fsync.warningthresholdms", "1000", "a slower sync is logged", {0, 1e9}));
    keys.push_back(number("autopurge.snapRetainCount", "3", "snapshots kept", {1, 1e6}));
    keys.push_back(number("autopurge.purgeInterval", "0", "hours; 0 for never", {0, 1e5}));
    keys.push_back(flag("digest.enabled", "true", "write the digest into snapshots"));
    keys.push_back(
        flag("serializeLastProcessedZxid.enabled", "true", "write the zxid into snapshots"));
    keys.push_back(flag("snapshot.trust.empty", "false", "replay logs without a snapshot"));
    keys.push_back(flag("db.autocreate", "true", "serve an empty folder"));
    keys.push_back(ignored("preAllocSize", "log files are filled with zeros ahead of the writes"));
    keys.push_back(ignored("commitLogCount", kEnsemble));
    keys.push_back(ignored("snapshotSizeFactor", kEnsemble));
    for (const std::string_view name : {"flushDelay", "maxWriteQueuePollTime", "maxBatchSize"}) {
        keys.push_back(ignored(name, "one sync covers all that came while the last one ran"));
    }
    keys.push_back(text("snapshot.compression.method", "", "of the snapshots written; all are read",
                        {"", "gz", "snappy"}));
}

void add_access(std::vector<ConfigKey>& keys) {
    keys.push_back(flag("extendedTypesEnabled", "false", "TTL nodes"));
    keys.push_back(flag("reconfigEnabled", "false",
                        "true: reconfig is answered as unimplemented, not as disabled"));
    keys.push_back(text("skipACL", "no", "yes: every client may do everything", {"yes", "no"}));
    keys.push_back(
        text("DigestAuthenticationProvider.superDigest", "", "user:hash of the super user"));
    keys.push_back(text("DigestAuthenticationProvider.digestAlg", "SHA1", "hash of passwords",
                        {"SHA1", "SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512"}));
    keys.push_back(refused("DigestAuthenticationProvider.enabled", "true",
                           "the digest scheme cannot be switched off"));
    keys.push_back(flag("enforceQuota", "false", "refuse what goes over a hard limit of a quota"));
    keys.push_back(refused("enforce.auth.enabled", "false", kSasl));
    keys.push_back(refused("sessionRequireClientSASLAuth", "false", kSasl));
    keys.push_back(ignored("emulate353TTLNodes", "TTL nodes written by 3.5.3 are not recognised"));
    keys.push_back(refused("audit.enable", "false", "audit logs are not offered by this version"));
    keys.push_back(ignored("localSessionsEnabled", kEnsemble));
    keys.push_back(ignored("localSessionsUpgradingEnabled", kEnsemble));
    keys.push_back(ignored("enforce.auth.schemes", "enforce.auth.enabled is false"));
    keys.push_back(ignored("enableEagerACLCheck", kEnsemble));
    keys.push_back(number("znode.container.checkIntervalMs", "60000",
                          "between two searches for empty containers; 0 for never", {0, 1e9}));
    keys.push_back(number("znode.container.maxPerMinute", "10000",
                          "containers removed by one search", {1, 1e6}));
}

void add_operations(std::vector<ConfigKey>& keys) {
    keys.push_back({.name = "4lw.commands.whitelist",
                    .type = KeyType::list,
                    .default_value = "srvr",
                    .doc = "four-letter words answered; * for all"});
    keys.push_back(flag("readonlymode.enabled", "false",
                        "true: isro is answered too; servers without a quorum are in ensembles"));
    keys.push_back(flag("admin.enableServer", "true", "the HTTP admin server"));
    keys.push_back(text("admin.serverAddress", "0.0.0.0", "its address"));
    keys.push_back(number("admin.serverPort", "8080", "its port", {0, kPort}));
    keys.push_back(text("admin.commandURL", "/commands", "path of its commands"));
    keys.push_back(ignored("admin.idleTimeout", "idle connections are closed after ten seconds"));
    keys.push_back(refused("admin.portUnification", "false", kTls));
    keys.push_back(refused("admin.forceHttps", "false", kTls));
    keys.push_back(refused("admin.needClientAuth", "false", kTls));
    for (const std::string_view name :
         {"admin.snapshot.enabled", "admin.restore.enabled", "admin.rateLimiterIntervalInMS"}) {
        keys.push_back(ignored(name, "the commands snapshot and restore are not offered"));
    }
    keys.push_back(text("metricsProvider.className", {},
                        "a name that ends in PrometheusMetricsProvider opens a port for /metrics"));
    keys.push_back(text("metricsProvider.httpHost", "0.0.0.0", "address for /metrics"));
    keys.push_back(number("metricsProvider.httpPort", "7000", "port for /metrics", {0, kPort}));
    keys.push_back(ignored("metricsProvider.exportJvmInfo", "there is no JVM"));
}

void add_tuning(std::vector<ConfigKey>& keys) {
    for (const std::string_view name : {"request_throttle_max_requests",
                                        "request_throttle_stall_time",
                                        "request_throttle_drop_stale",
                                        "request_stale_latency_check",
                                        "request_stale_connection_check",
                                        "throttled_op_wait_time",
                                        "connection_throttle_tokens",
                                        "connection_throttle_fill_time",
                                        "connection_throttle_fill_count",
                                        "connection_throttle_freeze_time",
                                        "connection_throttle_drop_increase",
                                        "connection_throttle_drop_decrease",
                                        "connection_throttle_decrease_ratio",
                                        "connection_throttle_weight_enabled",
                                        "connection_throttle_global_session_weight",
                                        "connection_throttle_local_session_weight",
                                        "connection_throttle_renew_session_weight",
                                        "largeRequestMaxBytes",
                                        "largeRequestThreshold",
                                        "jute.maxbuffer.extrasize"}) {
        keys.push_back(ignored(name, kThrottle));
    }
    for (const std::string_view name :
         {"nio.numSelectorThreads", "nio.numWorkerThreads", "nio.shutdownTimeout",
          "nio.directBufferBytes", "commitProcessor.numWorkerThreads",
          "commitProcessor.shutdownTimeout", "maxReadBatchSize", "maxCommitBatchSize",
          "serverCnxnFactory", "watchManagerName"}) {
        keys.push_back(ignored(name, kThreads));
    }
    for (const std::string_view name :
         {"log.dir", "log.file", "log.threshold", "root.logger", "console.threshold"}) {
        keys.push_back(ignored(name, "the log goes to standard error"));
    }
    keys.push_back(ignored("maxResponseCacheSize", kCache));
    keys.push_back(ignored("maxGetChildrenResponseCacheSize", kCache));
    keys.push_back(ignored("tcpKeepAlive", kEnsemble));
}

void add_ensemble(std::vector<ConfigKey>& keys) {
    for (const std::string_view name : {"initLimit",
                                        "syncLimit",
                                        "electionAlg",
                                        "connectToLearnerMasterLimit",
                                        "quorumListenOnAllIPs",
                                        "leaderServes",
                                        "syncEnabled",
                                        "electionPortBindRetry",
                                        "cnxTimeout",
                                        "quorumCnxnTimeoutMs",
                                        "fastleader.minNotificationInterval",
                                        "fastleader.maxNotificationInterval",
                                        "leader.maxTimeToWaitForEpoch",
                                        "observer.reconnectDelayMs",
                                        "observer.election.DelayMs",
                                        "learner.asyncSending",
                                        "learner.closeSocketAsync",
                                        "leader.closeSocketAsync",
                                        "leader.maxConcurrentSnapSyncs",
                                        "leader.maxConcurrentDiffSyncs",
                                        "multiAddress.enabled",
                                        "standaloneEnabled",
                                        "multiAddress.reachabilityCheckEnabled",
                                        "multiAddress.reachabilityCheckTimeoutMs",
                                        "leader.snapPingIntervalInSeconds"}) {
        keys.push_back(ignored(name, kEnsemble));
    }
    keys.push_back(refused("peerType", "participant", kEnsemble));
    keys.push_back(refused("dynamicConfigFile", "", kEnsemble));
    keys.push_back(refused("observerMasterPort", "", kEnsemble));
    keys.push_back(refused("oraclePath", "", kEnsemble));
    keys.push_back(refused("secureClientPort", "", kTls));
    keys.push_back(refused("secureClientPortAddress", "", kTls));
    keys.push_back(refused("sslQuorum", "false", kTls));
    keys.push_back(refused("portUnification", "false", kTls));
    keys.push_back(refused("sslQuorumReloadCertFiles", "false", kTls));
    keys.push_back(refused("client.portUnification", "false", kTls));
    keys.push_back(refused("client.certReload", "false", kTls));
}

std::vector<ConfigKey> all_keys() {
    std::vector<ConfigKey> keys;
    add_basic(keys);
    add_storage(keys);
    add_access(keys);
    add_operations(keys);
    add_tuning(keys);
    add_ensemble(keys);
    return keys;
}

}  // namespace

const ConfigSchema& config_schema() {
    static const std::vector<ConfigKey> keys = all_keys();
    static const std::vector<ConfigFamily> families{
        {.prefix = "server.", .doc = "a server of an ensemble; one line may stand"},
        {.prefix = "group.", .doc = "", .effect = KeyEffect::refused, .note = kEnsemble},
        {.prefix = "weight.", .doc = "", .effect = KeyEffect::refused, .note = kEnsemble},
        {.prefix = "ssl.", .doc = "", .effect = KeyEffect::refused, .note = kTls},
        {.prefix = "quorum.", .doc = "", .effect = KeyEffect::refused, .note = kSasl},
        {.prefix = "authProvider.", .doc = "a class of Java; only the SASL provider is known"},
    };
    static const ConfigSchema schema{.keys = keys, .families = families, .keep_unknown = true};
    return schema;
}

}  // namespace millrace::coordinator
