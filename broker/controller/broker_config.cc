#include "broker/controller/broker_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "broker/controller/topic_config.h"
#include "lib/base/check.h"

namespace millrace::broker::controller {
namespace {

constexpr std::array<std::string_view, 21> kAnywhere{
    "background.threads",
    "follower.replication.throttled.rate",
    "leader.replication.throttled.rate",
    "log.cleaner.backoff.ms",
    "log.cleaner.dedupe.buffer.size",
    "log.cleaner.io.buffer.load.factor",
    "log.cleaner.io.buffer.size",
    "log.cleaner.io.max.bytes.per.second",
    "log.cleaner.threads",
    "max.connection.creation.rate",
    "max.connections",
    "max.connections.per.ip",
    "max.connections.per.ip.overrides",
    "metric.reporters",
    "num.io.threads",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "num.replica.fetchers",
    "producer.id.expiration.ms",
    "replica.alter.log.dirs.io.max.bytes.per.second",
    "transaction.partition.verification.enable",
};
constexpr std::array<std::string_view, 3> kPerBroker{"advertised.listeners", "listeners",
                                                     "listener.security.protocol.map"};
constexpr std::array<std::string_view, 3> kPerBrokerPrefixes{"listener.name.", "sasl.", "ssl."};

// The spellings of one setting, strongest first, which take each other's place.
std::vector<std::string_view> spellings(std::string_view key) {
    for (const TopicConfigKey& topic_key : topic_config_keys()) {
        if (std::ranges::find(topic_key.broker_keys, key) != topic_key.broker_keys.end()) {
            return topic_key.broker_keys;
        }
    }
    return {key};
}

// The first spelling of what topics have too can be changed; message.format.version is read at start.
bool is_topic_default(std::string_view key) {
    return key != "log.message.format.version" &&
           std::ranges::any_of(topic_config_keys(), [&](const TopicConfigKey& topic_key) {
               return !topic_key.broker_keys.empty() && topic_key.broker_keys.front() == key;
           });
}

std::string origin_of(ConfigLayer layer) {
    return layer == ConfigLayer::broker ? "settings of this broker at run time"
                                        : "settings of all brokers at run time";
}

// Judges one setting by its declaration.
Result<Config> with_setting(const ConfigSchema& schema, const Config& base, const std::string& key,
                            const std::string& value, std::string origin) {
    return base.with(schema,
                     {.name = "", .entries = {{key, value, 0}}, .origin = std::move(origin)});
}

Status refuse_all(std::string_view why, const std::vector<std::string_view>& keys) {
    return fail(Errc::invalid_argument, fmt::format("{}: Set({})", why, fmt::join(keys, ", ")));
}

}  // namespace

const ConfigKey* find_broker_key(const ConfigSchema& schema, std::string_view name) {
    const auto found = std::ranges::find(schema.keys, name, &ConfigKey::name);
    return found == schema.keys.end() ? nullptr : &*found;
}

DynamicMode dynamic_mode(const ConfigSchema& schema, std::string_view key) {
    if (std::ranges::find(kAnywhere, key) != kAnywhere.end() || is_topic_default(key)) {
        return DynamicMode::anywhere;
    }
    const auto begins = [&](std::string_view prefix) { return key.starts_with(prefix); };
    if (std::ranges::find(kPerBroker, key) != kPerBroker.end() ||
        std::ranges::any_of(kPerBrokerPrefixes, begins)) {
        return DynamicMode::per_broker;
    }
    return find_broker_key(schema, key) == nullptr ? DynamicMode::anywhere : DynamicMode::never;
}

Status check_dynamic(const ConfigSchema& schema, const ConfigMap& settings, bool all_brokers) {
    std::vector<std::string_view> fixed;
    std::vector<std::string_view> personal;
    for (const auto& [key, value] : settings) {
        const DynamicMode mode = dynamic_mode(schema, key);
        if (mode == DynamicMode::never) {
            fixed.push_back(key);
        } else if (mode == DynamicMode::per_broker) {
            personal.push_back(key);
        }
    }
    if (!fixed.empty()) {
        return refuse_all("Cannot update these configs dynamically", fixed);
    }
    if (all_brokers && !personal.empty()) {
        return refuse_all(
            "Cannot update these configs at default cluster level, broker id must be specified",
            personal);
    }
    if (!personal.empty()) {
        return fail(Errc::unsupported,
                    fmt::format("this release reads {} at start only: change the broker's file and "
                                "start it again",
                                fmt::join(personal, ", ")));
    }
    const Config nothing;
    for (const auto& [key, value] : settings) {
        const auto passed = with_setting(schema, nothing, key, value, "Invalid value");
        if (!passed) {
            return fail(Errc::invalid_argument, passed.error().message);
        }
    }
    return {};
}

BrokerConfig::BrokerConfig(const ConfigSchema& schema, Config file)
    : x_schema(schema), x_file(std::move(file)), x_in_force(x_file) {}

std::vector<std::string> BrokerConfig::set_dynamic(ConfigMap for_all, ConfigMap own) {
    x_for_all = std::move(for_all);
    x_own = std::move(own);
    x_in_force = x_file;
    std::vector<std::string> remarks;
    overlay(x_for_all, ConfigLayer::all_brokers, remarks);
    overlay(x_own, ConfigLayer::broker, remarks);
    return remarks;
}

void BrokerConfig::overlay(const ConfigMap& settings, ConfigLayer layer,
                           std::vector<std::string>& remarks) {
    for (const auto& [key, value] : settings) {
        const Status passes =
            check_dynamic(x_schema, {{key, value}}, layer == ConfigLayer::all_brokers);
        if (!passes) {
            remarks.push_back(fmt::format("{}: {} is left out: {}", origin_of(layer), key,
                                          passes.error().message));
            continue;
        }
        Result<Config> with = with_setting(x_schema, x_in_force, key, value, origin_of(layer));
        CHECK(with.has_value(), "it has passed the same check before");
        std::ranges::copy(with->warnings(), std::back_inserter(remarks));
        x_in_force = std::move(*with);
    }
}

std::vector<LayeredValue> BrokerConfig::layers_of(std::string_view key) const {
    const std::vector<std::string_view> names = spellings(key);
    std::vector<LayeredValue> values;
    const auto add = [&](const ConfigMap& layer, ConfigLayer number) {
        for (const std::string_view name : names) {
            if (const auto set = layer.find(std::string(name)); set != layer.end()) {
                values.push_back({set->first, set->second, number});
            }
        }
    };
    add(x_own, ConfigLayer::broker);
    add(x_for_all, ConfigLayer::all_brokers);
    ConfigMap file;
    ConfigMap defaults;
    for (const std::string_view name : names) {
        const auto set = x_file.values().find(name);
        if (set != x_file.values().end() && set->second.origin != "default") {
            file.emplace(name, set->second.text);
        }
        const ConfigKey* declared = find_broker_key(x_schema, name);
        if (declared != nullptr && declared->default_value) {
            defaults.emplace(name, *declared->default_value);
        }
    }
    add(file, ConfigLayer::file);
    add(defaults, ConfigLayer::fallback);
    values.erase(values.begin(), std::ranges::find(values, key, &LayeredValue::name));
    return values;
}

ConfigMap BrokerConfig::set_values() const {
    ConfigMap set;
    for (const auto& [name, value] : x_in_force.values()) {
        if (value.origin != "default") {
            set[name] = value.text;
        }
    }
    return set;
}

}  // namespace millrace::broker::controller
