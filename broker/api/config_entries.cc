#include "broker/api/config_entries.h"

#include <set>

#include "broker/controller/topic_config.h"

namespace millrace::broker::api {
namespace {

controller::ConfigType type_of(KeyType type) {
    switch (type) {
        case KeyType::text:
            return controller::ConfigType::string;
        case KeyType::boolean:
            return controller::ConfigType::boolean;
        case KeyType::int32:
            return controller::ConfigType::int32;
        case KeyType::int64:
            return controller::ConfigType::int64;
        case KeyType::real:
            return controller::ConfigType::float64;
        case KeyType::list:
            return controller::ConfigType::list;
    }
    return controller::ConfigType::string;
}

void describe_key(ConfigEntry& entry, const ConfigSchema& schema) {
    const ConfigKey* key = controller::find_broker_key(schema, entry.name);
    entry.type = key == nullptr ? std::int8_t{0} : static_cast<std::int8_t>(type_of(key->type));
    entry.doc = key == nullptr ? "" : std::string(key->doc);
    entry.read_only = key == nullptr || controller::dynamic_mode(schema, entry.name) ==
                                            controller::DynamicMode::never;
    entry.sensitive =
        key == nullptr || entry.name.ends_with("password") || entry.name.ends_with("jaas.config");
    if (entry.sensitive) {
        entry.value = std::nullopt;
        for (ConfigSynonym& synonym : entry.synonyms) {
            synonym.value = std::nullopt;
        }
    }
}

// Tools look at throttles only while they are set.
bool is_shown_unset(const ConfigKey& key) {
    return !key.name.ends_with(".throttled.rate") &&
           key.name != "replica.alter.log.dirs.io.max.bytes.per.second";
}

std::vector<ConfigSynonym> synonyms_of(const controller::BrokerConfig& broker,
                                       std::string_view key) {
    std::vector<ConfigSynonym> synonyms;
    for (controller::LayeredValue& value : broker.layers_of(key)) {
        synonyms.push_back({std::move(value.name), std::move(value.value), value.layer});
    }
    return synonyms;
}

controller::ConfigLayer strongest(const std::vector<ConfigSynonym>& synonyms) {
    return synonyms.empty() ? controller::ConfigLayer::fallback : synonyms.front().layer;
}

}  // namespace

std::vector<ConfigEntry> topic_config_entries(const controller::BrokerConfig& broker,
                                              const controller::ConfigMap& topic) {
    const controller::ConfigMap set_at_broker = broker.set_values();
    std::vector<ConfigEntry> entries;
    for (const controller::TopicConfigKey& key : controller::topic_config_keys()) {
        ConfigEntry entry{.name = std::string(key.name),
                          .value = controller::topic_config_in_force(key, topic, set_at_broker),
                          .type = static_cast<std::int8_t>(key.type),
                          .doc = std::string(key.doc)};
        if (!key.broker_keys.empty()) {
            entry.synonyms = synonyms_of(broker, key.broker_keys.front());
        }
        if (const auto own = topic.find(entry.name); own != topic.end()) {
            entry.synonyms.insert(entry.synonyms.begin(),
                                  {own->first, own->second, controller::ConfigLayer::topic});
        }
        entry.layer = strongest(entry.synonyms);
        entries.push_back(std::move(entry));
    }
    return entries;
}

std::vector<ConfigEntry> broker_config_entries(const controller::BrokerConfig& broker) {
    const Config& config = broker.in_force();
    std::set<std::string> names;
    for (const auto& [name, value] : config.values()) {
        names.insert(name);
    }
    for (const ConfigKey& key : broker.schema().keys) {
        if (is_shown_unset(key)) {
            names.emplace(key.name);
        }
    }
    std::vector<ConfigEntry> entries;
    for (const std::string& name : names) {
        ConfigEntry entry{.name = name, .synonyms = synonyms_of(broker, name)};
        if (config.has(name)) {
            entry.value = config.text(name);
        }
        entry.layer = strongest(entry.synonyms);
        describe_key(entry, broker.schema());
        entries.push_back(std::move(entry));
    }
    return entries;
}

std::vector<ConfigEntry> all_brokers_config_entries(const controller::BrokerConfig& broker) {
    constexpr auto kLayer = controller::ConfigLayer::all_brokers;
    std::vector<ConfigEntry> entries;
    for (const auto& [name, value] : broker.for_all()) {
        ConfigEntry entry{.name = name, .value = value, .layer = kLayer};
        entry.synonyms = {{name, value, kLayer}};
        describe_key(entry, broker.schema());
        entries.push_back(std::move(entry));
    }
    return entries;
}

}  // namespace millrace::broker::api
