#include "broker/controller/zk_records.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

namespace millrace::broker::controller {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::pair<SecurityProtocol, std::string_view>, 4> kProtocols{{
    {SecurityProtocol::plaintext, "PLAINTEXT"},
    {SecurityProtocol::ssl, "SSL"},
    {SecurityProtocol::sasl_plaintext, "SASL_PLAINTEXT"},
    {SecurityProtocol::sasl_ssl, "SASL_SSL"},
}};

Bytes dump(const Json& json) {
    // Text from peers may hold bytes that are not UTF-8; they are replaced rather than refused.
    return to_bytes(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<Json> parse(BytesView bytes, std::string_view what) {
    const std::string_view text = as_text(bytes);
    Json json = Json::parse(text.begin(), text.end(), nullptr, false);
    if (json.is_discarded() || !json.is_object()) {
        return fail(Errc::malformed, fmt::format("{} is not a JSON object", what));
    }
    return json;
}

Error lacks(std::string_view what, std::string_view field) {
    return Error{Errc::malformed, fmt::format("{} lacks a usable \"{}\"", what, field)};
}

// Numbers stand as numbers, or as digits in a string where Kafka writes them so.
std::optional<std::int64_t> number(const Json& json) {
    if (json.is_number_integer()) {
        return json.get<std::int64_t>();
    }
    if (!json.is_string()) {
        return std::nullopt;
    }
    const std::string& text = json.get_ref<const std::string&>();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(value)
                                                                    : std::nullopt;
}

std::optional<std::int64_t> number(const Json& json, const char* field) {
    const auto at = json.find(field);
    return at == json.end() ? std::nullopt : number(*at);
}

std::optional<std::int32_t> int32(const Json& json, const char* field) {
    const std::optional<std::int64_t> value = number(json, field);
    if (!value || *value < INT32_MIN || *value > INT32_MAX) {
        return std::nullopt;
    }
    return static_cast<std::int32_t>(*value);
}

std::optional<std::string> text(const Json& json, const char* field) {
    const auto at = json.find(field);
    return at == json.end() || !at->is_string() ? std::nullopt
                                                : std::optional(at->get<std::string>());
}

std::optional<std::vector<std::int32_t>> broker_list(const Json& json) {
    if (!json.is_array()) {
        return std::nullopt;
    }
    std::vector<std::int32_t> ids;
    for (const Json& each : json) {
        const std::optional<std::int64_t> id = number(each);
        if (!id) {
            return std::nullopt;
        }
        ids.push_back(static_cast<std::int32_t>(*id));
    }
    return ids;
}

std::optional<std::int32_t> digits(std::string_view value) {
    std::int32_t result = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    return error == std::errc() && end == value.data() + value.size() ? std::optional(result)
                                                                      : std::nullopt;
}

// "NAME://host:port", an IPv6 host in brackets.
std::optional<Endpoint> endpoint_of(std::string_view value) {
    const std::size_t scheme = value.find("://");
    const std::size_t colon = value.rfind(':');
    if (scheme == std::string_view::npos || colon < scheme + 3) {
        return std::nullopt;
    }
    const std::optional<std::int32_t> port = digits(value.substr(colon + 1));
    std::string_view host = value.substr(scheme + 3, colon - scheme - 3);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    if (!port) {
        return std::nullopt;
    }
    return Endpoint{
        std::string(value.substr(0, scheme)), std::string(host), *port,
        security_protocol_of(value.substr(0, scheme)).value_or(SecurityProtocol::plaintext)};
}

std::string text_of(const Endpoint& endpoint) {
    const bool colons = endpoint.host.find(':') != std::string::npos;
    return fmt::format(fmt::runtime(colons ? "{}://[{}]:{}" : "{}://{}:{}"), endpoint.listener,
                       endpoint.host, endpoint.port);
}

using ReplicaLists = std::map<std::int32_t, std::vector<std::int32_t>>;

std::optional<ReplicaLists> replica_lists(const Json& json, const char* field) {
    ReplicaLists lists;
    const auto at = json.find(field);
    if (at == json.end() || !at->is_object()) {
        return at == json.end() ? std::optional(lists) : std::nullopt;
    }
    for (const auto& [key, value] : at->items()) {
        const std::optional<std::int32_t> partition = digits(key);
        std::optional<std::vector<std::int32_t>> replicas = broker_list(value);
        if (!partition || !replicas) {
            return std::nullopt;
        }
        lists.emplace(*partition, *std::move(replicas));
    }
    return lists;
}

}  // namespace

std::string_view name_of(SecurityProtocol protocol) {
    return kProtocols[static_cast<std::size_t>(protocol)].second;
}

std::optional<SecurityProtocol> security_protocol_of(std::string_view name) {
    for (const auto& [protocol, text] : kProtocols) {
        if (text == name) {
            return protocol;
        }
    }
    return std::nullopt;
}

Bytes encode(const BrokerRegistration& record) {
    Json protocols = Json::object();
    Json endpoints = Json::array();
    for (const Endpoint& each : record.endpoints) {
        protocols[each.listener] = name_of(each.protocol);
        endpoints.push_back(text_of(each));
    }
    // Clients of before 0.9 look for one plain host and port on top.
    const auto plain =
        std::ranges::find(record.endpoints, SecurityProtocol::plaintext, &Endpoint::protocol);
    const bool has_plain = plain != record.endpoints.end();
    Json json;
    json["features"] = Json::object();
    json["listener_security_protocol_map"] = protocols;
    json["endpoints"] = endpoints;
    if (record.rack) {
        json["rack"] = *record.rack;
    }
    json["jmx_port"] = record.jmx_port;
    json["port"] = has_plain ? plain->port : -1;
    json["host"] = has_plain ? Json(plain->host) : Json();
    json["version"] = 5;
    json["timestamp"] = std::to_string(record.timestamp);
    return dump(json);
}

Result<BrokerRegistration> decode_broker(BytesView bytes) {
    constexpr std::string_view kWhat = "a broker registration";
    const Json json = TRY(parse(bytes, kWhat));
    if (!int32(json, "version")) {
        return fail(lacks(kWhat, "version"));
    }
    BrokerRegistration record;
    record.jmx_port = int32(json, "jmx_port").value_or(-1);
    record.timestamp = number(json, "timestamp").value_or(0);
    record.rack = text(json, "rack");
    const auto endpoints = json.find("endpoints");
    if (endpoints == json.end() || !endpoints->is_array()) {
        return fail(lacks(kWhat, "endpoints"));
    }
    const auto protocols = json.find("listener_security_protocol_map");
    for (const Json& each : *endpoints) {
        std::optional<Endpoint> endpoint =
            each.is_string() ? endpoint_of(each.get_ref<const std::string&>()) : std::nullopt;
        if (!endpoint) {
            return fail(lacks(kWhat, "endpoints"));
        }
        if (protocols != json.end() && protocols->is_object()) {
            const std::optional<std::string> name = text(*protocols, endpoint->listener.c_str());
            const auto protocol = security_protocol_of(name.value_or(""));
            if (!protocol) {
                return fail(lacks(kWhat, "listener_security_protocol_map"));
            }
            endpoint->protocol = *protocol;
        }
        record.endpoints.push_back(*std::move(endpoint));
    }
    return record;
}

Bytes encode(const ControllerRecord& record) {
    Json json;
    json["version"] = 2;
    json["brokerid"] = record.broker_id;
    json["timestamp"] = std::to_string(record.timestamp);
    json["kraftControllerEpoch"] = record.kraft_controller_epoch;
    return dump(json);
}

Result<ControllerRecord> decode_controller(BytesView bytes) {
    const Json json = TRY(parse(bytes, "the controller node"));
    const std::optional<std::int32_t> broker_id = int32(json, "brokerid");
    if (!broker_id) {
        return fail(lacks("the controller node", "brokerid"));
    }
    return ControllerRecord{*broker_id, number(json, "timestamp").value_or(0),
                            int32(json, "kraftControllerEpoch").value_or(-1)};
}

Bytes encode_controller_epoch(std::int32_t epoch) {
    return to_bytes(std::to_string(epoch));
}

Result<std::int32_t> decode_controller_epoch(BytesView bytes) {
    const std::optional<std::int32_t> epoch = digits(as_text(bytes));
    if (!epoch) {
        return fail(Errc::malformed, "the controller epoch is not a number");
    }
    return *epoch;
}

Bytes encode(const TopicRecord& record) {
    Json partitions = Json::object();
    Json adding = Json::object();
    Json removing = Json::object();
    for (const auto& [number, assignment] : record.partitions) {
        const std::string key = std::to_string(number);
        partitions[key] = assignment.replicas;
        if (!assignment.adding.empty()) {
            adding[key] = assignment.adding;
        }
        if (!assignment.removing.empty()) {
            removing[key] = assignment.removing;
        }
    }
    Json json;
    json["partitions"] = partitions;
    if (!record.id.is_zero()) {
        json["topic_id"] = record.id.to_string();
    }
    json["adding_replicas"] = adding;
    json["removing_replicas"] = removing;
    json["version"] = 3;
    return dump(json);
}

Result<TopicRecord> decode_topic(BytesView bytes) {
    constexpr std::string_view kWhat = "a topic node";
    const Json json = TRY(parse(bytes, kWhat));
    TopicRecord record;
    if (const std::optional<std::string> id = text(json, "topic_id")) {
        record.id = TRY(kafka::Uuid::parse(*id));
    }
    const std::optional<ReplicaLists> partitions = replica_lists(json, "partitions");
    std::optional<ReplicaLists> adding = replica_lists(json, "adding_replicas");
    std::optional<ReplicaLists> removing = replica_lists(json, "removing_replicas");
    if (!partitions || !adding || !removing) {
        return fail(lacks(kWhat, "partitions"));
    }
    for (const auto& [number, replicas] : *partitions) {
        record.partitions[number] = {replicas, (*adding)[number], (*removing)[number]};
    }
    return record;
}

Bytes encode(const PartitionState& record) {
    Json json;
    json["controller_epoch"] = record.controller_epoch;
    json["leader"] = record.leader;
    json["version"] = 1;
    json["leader_epoch"] = record.leader_epoch;
    json["isr"] = record.isr;
    if (record.recovery != LeaderRecoveryState::recovered) {
        json["leader_recovery_state"] = static_cast<int>(record.recovery);
    }
    return dump(json);
}

Result<PartitionState> decode_partition_state(BytesView bytes, std::int32_t node_version) {
    constexpr std::string_view kWhat = "a partition state";
    const Json json = TRY(parse(bytes, kWhat));
    const std::optional<std::int32_t> leader = int32(json, "leader");
    const std::optional<std::int32_t> leader_epoch = int32(json, "leader_epoch");
    const std::optional<std::int32_t> controller_epoch = int32(json, "controller_epoch");
    const auto isr = json.find("isr");
    std::optional<std::vector<std::int32_t>> members;
    if (isr != json.end()) {
        members = broker_list(*isr);
    }
    if (!leader || !leader_epoch || !controller_epoch || !members) {
        return fail(lacks(kWhat, "leader, epochs or isr"));
    }
    PartitionState state{*leader, *leader_epoch, *controller_epoch, *std::move(members)};
    if (int32(json, "leader_recovery_state").value_or(0) == 1) {
        state.recovery = LeaderRecoveryState::recovering;
    }
    state.partition_epoch = node_version;
    return state;
}

Bytes encode_cluster_id(const kafka::Uuid& id) {
    Json json;
    json["version"] = "1";
    json["id"] = id.to_string();
    return dump(json);
}

Result<std::string> decode_cluster_id(BytesView bytes) {
    const Json json = TRY(parse(bytes, "the cluster id"));
    std::optional<std::string> id = text(json, "id");
    if (!id) {
        return fail(lacks("the cluster id", "id"));
    }
    return *std::move(id);
}

Bytes encode_config(const ConfigMap& config) {
    Json settings = Json::object();
    for (const auto& [key, value] : config) {
        settings[key] = value;
    }
    Json json;
    json["version"] = 1;
    json["config"] = settings;
    return dump(json);
}

Result<ConfigMap> decode_config(BytesView bytes) {
    ConfigMap config;
    if (bytes.empty()) {
        return config;
    }
    const Json json = TRY(parse(bytes, "a config node"));
    const auto settings = json.find("config");
    if (settings == json.end() || !settings->is_object()) {
        return fail(lacks("a config node", "config"));
    }
    for (const auto& [key, value] : settings->items()) {
        if (!value.is_null()) {
            config[key] = value.is_string() ? value.get<std::string>() : value.dump();
        }
    }
    return config;
}

Bytes encode_config_change(std::string_view entity_path) {
    Json json;
    json["version"] = 2;
    json["entity_path"] = entity_path;
    return dump(json);
}

Result<std::string> decode_config_change(BytesView bytes) {
    const Json json = TRY(parse(bytes, "a config change"));
    if (std::optional<std::string> path = text(json, "entity_path")) {
        return *std::move(path);
    }
    const std::optional<std::string> type = text(json, "entity_type");
    const std::optional<std::string> name = text(json, "entity_name");
    if (!type || !name) {
        return fail(lacks("a config change", "entity_path"));
    }
    return *type + "/" + *name;
}

Bytes encode(const ProducerIdBlock& record) {
    Json json;
    json["version"] = 1;
    json["broker"] = record.broker_id;
    json["block_start"] = std::to_string(record.first);
    json["block_end"] = std::to_string(record.last);
    return dump(json);
}

Result<ProducerIdBlock> decode_producer_id_block(BytesView bytes) {
    const Json json = TRY(parse(bytes, "the producer id block"));
    const std::optional<std::int32_t> broker = int32(json, "broker");
    const std::optional<std::int64_t> first = number(json, "block_start");
    const std::optional<std::int64_t> last = number(json, "block_end");
    if (!broker || !first || !last || *last < *first) {
        return fail(lacks("the producer id block", "broker, block_start or block_end"));
    }
    return ProducerIdBlock{*broker, *first, *last};
}

Bytes encode(const FeatureRecord& record) {
    Json features = Json::object();
    for (const auto& [name, level] : record.features) {
        features[name] = level;
    }
    Json json;
    json["features"] = features;
    json["version"] = 2;
    json["status"] = record.enabled ? 1 : 0;
    return dump(json);
}

Result<FeatureRecord> decode_feature(BytesView bytes) {
    const Json json = TRY(parse(bytes, "the feature node"));
    const std::optional<std::int32_t> status = int32(json, "status");
    if (!status) {
        return fail(lacks("the feature node", "status"));
    }
    FeatureRecord record;
    record.enabled = *status == 1;
    const auto features = json.find("features");
    if (features != json.end() && features->is_object()) {
        for (const auto& [name, value] : features->items()) {
            // Version 1 had a range for each feature; its upper end is what version 2 keeps.
            const auto level =
                value.is_object() ? number(value, "max_version_level") : number(value);
            if (level) {
                record.features[name] = static_cast<std::int16_t>(*level);
            }
        }
    }
    return record;
}

Result<std::vector<kafka::TopicPartition>> decode_partition_list(BytesView bytes) {
    constexpr std::string_view kWhat = "a partition list";
    const Json json = TRY(parse(bytes, kWhat));
    const auto listed = json.find("partitions");
    if (listed == json.end() || !listed->is_array()) {
        return fail(lacks(kWhat, "partitions"));
    }
    std::vector<kafka::TopicPartition> partitions;
    for (const Json& each : *listed) {
        std::optional<std::string> topic = each.is_object() ? text(each, "topic") : std::nullopt;
        const auto partition = each.is_object() ? int32(each, "partition") : std::nullopt;
        if (!topic || !partition) {
            return fail(lacks(kWhat, "partitions"));
        }
        partitions.push_back({*std::move(topic), kafka::PartitionId(*partition)});
    }
    return partitions;
}

Bytes encode_log_dir_event(std::int32_t broker_id) {
    Json json;
    json["version"] = 1;
    json["broker"] = broker_id;
    json["event"] = 1;
    return dump(json);
}

Result<std::int32_t> decode_log_dir_event(BytesView bytes) {
    const Json json = TRY(parse(bytes, "a log directory event"));
    const std::optional<std::int32_t> broker = int32(json, "broker");
    if (!broker) {
        return fail(lacks("a log directory event", "broker"));
    }
    return *broker;
}

}  // namespace millrace::broker::controller
