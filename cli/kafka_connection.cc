#include "cli/kafka_connection.h"

#include <fmt/format.h>

#include <array>

#include "cli/options.h"
#include "lib/base/properties.h"
#include "lib/runtime/posix/posix_file_system.h"
#include "lib/runtime/version.h"

namespace millrace::cli {
namespace {

constexpr std::string_view kOnlyPlaintext = "these tools speak PLAINTEXT only so far";

const std::vector<ConfigKey>& shared_keys() {
    static const std::vector<ConfigKey> keys{
        {.name = "client.id", .doc = "Name of the client in requests."},
        {.name = "bootstrap.servers",
         .doc = "Addresses.",
         .effect = KeyEffect::no_effect,
         .note = "--bootstrap-server wins"},
        {.name = "request.timeout.ms",
         .type = KeyType::int32,
         .default_value = "30000",
         .doc = "How long one request may take.",
         .min = 1},
        {.name = "default.api.timeout.ms",
         .type = KeyType::int32,
         .default_value = "60000",
         .doc = "How long a call may take with its retries.",
         .min = 1},
        {.name = "socket.connection.setup.timeout.ms",
         .type = KeyType::int32,
         .default_value = "10000",
         .doc = "How long connecting may take.",
         .min = 1},
        {.name = "retry.backoff.ms",
         .type = KeyType::int32,
         .default_value = "100",
         .doc = "Pause before the first retry.",
         .min = 0},
        {.name = "retry.backoff.max.ms",
         .type = KeyType::int32,
         .default_value = "1000",
         .doc = "Longest pause before a retry.",
         .min = 0},
        {.name = "security.protocol",
         .default_value = "PLAINTEXT",
         .doc = "How brokers are spoken to.",
         .effect = KeyEffect::refused,
         .note = kOnlyPlaintext},
    };
    return keys;
}

std::vector<ConfigKey> producer_keys() {
    return {
        {.name = "acks",
         .default_value = "all",
         .doc = "Who must have a message before it counts.",
         .allowed = {"all", "-1", "0", "1"}},
        {.name = "compression.type",
         .default_value = "none",
         .doc = "Codec of batches.",
         .allowed = {"none", "gzip", "snappy", "lz4", "zstd"}},
        {.name = "linger.ms", .type = KeyType::int32, .default_value = "0", .doc = "", .min = 0},
        {.name = "batch.size", .type = KeyType::int32, .doc = "Bytes of a batch.", .min = 0},
        {.name = "max.request.size",
         .type = KeyType::int32,
         .default_value = "1048576",
         .doc = "Bytes of the largest batch.",
         .min = 0},
        {.name = "buffer.memory",
         .type = KeyType::int64,
         .default_value = "33554432",
         .doc = "Bytes that may wait.",
         .min = 65536},
        {.name = "retries",
         .type = KeyType::int32,
         .doc = "How often a batch is sent again; without it until delivery.timeout.ms.",
         .min = 0},
        {.name = "delivery.timeout.ms",
         .type = KeyType::int32,
         .default_value = "120000",
         .doc = "After so long a message counts as lost.",
         .min = 1},
        {.name = "max.block.ms",
         .type = KeyType::int32,
         .default_value = "60000",
         .doc = "How long a topic may stay unknown.",
         .min = 1},
        {.name = "enable.idempotence",
         .type = KeyType::boolean,
         .doc = "Brokers drop repeated batches; default: with acks=all."},
    };
}

std::vector<ConfigKey> consumer_keys() {
    return {
        {.name = "group.id", .doc = "Consumer group."},
        {.name = "auto.offset.reset",
         .doc = "Where to start without a committed offset.",
         .allowed = {"earliest", "latest", "none"}},
        {.name = "isolation.level",
         .default_value = "read_uncommitted",
         .doc = "What of transactions is seen.",
         .allowed = {"read_uncommitted", "read_committed"}},
        {.name = "enable.auto.commit",
         .type = KeyType::boolean,
         .default_value = "true",
         .doc = ""},
        {.name = "auto.commit.interval.ms",
         .type = KeyType::int32,
         .default_value = "5000",
         .doc = "",
         .min = 1},
        {.name = "session.timeout.ms",
         .type = KeyType::int32,
         .default_value = "45000",
         .doc = "",
         .min = 1},
        {.name = "heartbeat.interval.ms",
         .type = KeyType::int32,
         .default_value = "3000",
         .doc = "",
         .min = 1},
        {.name = "max.poll.interval.ms",
         .type = KeyType::int32,
         .default_value = "300000",
         .doc = "",
         .min = 1},
        {.name = "fetch.min.bytes",
         .type = KeyType::int32,
         .default_value = "1",
         .doc = "",
         .min = 0},
        {.name = "fetch.max.bytes",
         .type = KeyType::int32,
         .default_value = "52428800",
         .doc = "",
         .min = 0},
        {.name = "fetch.max.wait.ms",
         .type = KeyType::int32,
         .default_value = "500",
         .doc = "",
         .min = 0},
        {.name = "max.partition.fetch.bytes",
         .type = KeyType::int32,
         .default_value = "1048576",
         .doc = "",
         .min = 0},
        {.name = "metadata.max.age.ms",
         .type = KeyType::int32,
         .default_value = "10000",
         .doc = "How often new partitions are looked for.",
         .min = 100},
        {.name = "allow.auto.create.topics",
         .type = KeyType::boolean,
         .default_value = "true",
         .doc = ""},
        {.name = "max.poll.records",
         .type = KeyType::int32,
         .doc = "",
         .effect = KeyEffect::no_effect,
         .note = "records are printed as they come"},
    };
}

const std::vector<ConfigKey>& keys_of(ClientKind kind) {
    const auto with_shared = [](std::vector<ConfigKey> keys) {
        keys.insert(keys.end(), shared_keys().begin(), shared_keys().end());
        return keys;
    };
    static const std::vector<ConfigKey> producer = with_shared(producer_keys());
    static const std::vector<ConfigKey> consumer = with_shared(consumer_keys());
    switch (kind) {
        case ClientKind::admin:
            return shared_keys();
        case ClientKind::producer:
            return producer;
        case ClientKind::consumer:
            return consumer;
    }
    return shared_keys();
}

// Whether some source names a key that is there only to say that it is not offered.
bool asks_for_refused(const ConfigSchema& schema, std::span<const ConfigSource> layers) {
    return std::ranges::any_of(layers, [&schema](const ConfigSource& layer) {
        return std::ranges::any_of(layer.entries, [&schema](const Property& entry) {
            const auto key = std::ranges::find(schema.keys, entry.key, &ConfigKey::name);
            return key != schema.keys.end() && key->effect == KeyEffect::refused;
        });
    });
}

}  // namespace

Result<std::vector<runtime::Endpoint>> parse_bootstrap(std::string_view text) {
    std::vector<runtime::Endpoint> endpoints;
    const std::string plain = half_width(text);
    text = plain;
    while (!text.empty()) {
        std::string_view part = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), part.size() + 1));
        while (part.starts_with(' ')) {
            part.remove_prefix(1);
        }
        while (part.ends_with(' ')) {
            part.remove_suffix(1);
        }
        if (part.empty()) {
            continue;
        }
        auto endpoint = runtime::Endpoint::parse(part);
        if (!endpoint || endpoint->host.empty() || endpoint->port == 0) {
            return fail(Errc::invalid_argument,
                        fmt::format("Invalid url in bootstrap.servers: {}", part));
        }
        endpoints.push_back(std::move(*endpoint));
    }
    if (endpoints.empty()) {
        return fail(Errc::invalid_argument,
                    "No resolvable bootstrap urls given in bootstrap.servers");
    }
    return endpoints;
}

std::pair<std::string, std::string> split_pair(std::string_view text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) {
        return {std::string(text), ""};
    }
    return {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

Result<std::string> read_text_file(const std::string& path) {
    const auto files = runtime::make_posix_file_system();
    return to_text(TRY(files->read_file(path, kPropertiesBytesMax)));
}

Result<Config> client_properties(ClientKind kind, const PropertySources& sources) {
    std::vector<ConfigSource> layers;
    if (!sources.file.empty()) {
        const std::string text = TRY(read_text_file(sources.file));
        auto entries = parse_properties(text);
        if (!entries) {
            return fail(entries.error().code,
                        fmt::format("{}: {}", sources.file, entries.error().message));
        }
        layers.push_back({.name = sources.file, .entries = std::move(*entries), .origin = ""});
    }
    ConfigSource pairs{.name = "", .entries = {}, .origin = sources.pairs_option};
    for (const std::string& pair : sources.pairs) {
        auto [key, value] = split_pair(pair);
        if (key.empty() || key.size() == pair.size()) {
            return fail(Errc::invalid_argument, fmt::format("{}: '{}' is not of the form key=value",
                                                            sources.pairs_option, pair));
        }
        pairs.entries.push_back({std::move(key), std::move(value), 0});
    }
    layers.push_back(std::move(pairs));
    const ConfigSchema schema{.keys = keys_of(kind), .families = {}, .keep_unknown = false};
    auto config = Config::build(schema, layers);
    if (!config) {
        return fail(asks_for_refused(schema, layers) ? Errc::unsupported : config.error().code,
                    config.error().message);
    }
    // A tool must not ignore silently what its user asked for.
    if (!config->warnings().empty()) {
        return fail(Errc::unsupported, config->warnings().front());
    }
    return std::move(*config);
}

kafka::ClusterClientOptions cluster_options(const Config& properties) {
    const auto millis = [&properties](std::string_view key) {
        return std::chrono::milliseconds(properties.int32(key));
    };
    kafka::ClusterClientOptions options;
    if (properties.has("client.id")) {
        options.connection.client_id = properties.text("client.id");
    }
    options.connection.software_version = runtime::version();
    options.connection.connect_timeout = millis("socket.connection.setup.timeout.ms");
    options.connection.request_timeout = millis("request.timeout.ms");
    options.call_timeout = millis("default.api.timeout.ms");
    options.retry_delay_least = millis("retry.backoff.ms");
    options.retry_delay_most = millis("retry.backoff.max.ms");
    return options;
}

Result<kafka::MetadataResponse> fetch_metadata(EventRunner& runner, kafka::ClusterClient& cluster,
                                               const std::vector<std::string>& names) {
    kafka::MetadataRequest request;
    request.allow_auto_topic_creation = false;
    request.topics.reset();
    if (!names.empty()) {
        request.topics.emplace();
        for (const std::string& name : names) {
            request.topics->emplace_back().name = name;
        }
    }
    kafka::ClusterClient::Plan<kafka::MetadataRequest> plan;
    plan.versions.least = 4;
    return runner.await<Result<kafka::MetadataResponse>>([&](auto then) {
        cluster.call<kafka::MetadataRequest>(kafka::AnyBroker{}, std::move(request),
                                             std::move(then), std::move(plan));
    });
}

std::string error_text(std::int16_t code, const std::optional<std::string>& message) {
    if (message && !message->empty()) {
        return *message;
    }
    return std::string(kafka::message_of(kafka::error_from_wire(code)));
}

}  // namespace millrace::cli
