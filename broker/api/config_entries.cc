#include "broker/api/config_entries.h"

#include <algorithm>

#include "broker/controller/topic_config.h"

namespace millrace::broker::api {
namespace {

std::int8_t source_number(controller::TopicConfigSource source) {
    switch (source) {
        case controller::TopicConfigSource::topic:
            return kSourceTopic;
        case controller::TopicConfigSource::broker:
            return kSourceStaticBroker;
        case controller::TopicConfigSource::fallback:
            return kSourceDefault;
    }
    return kSourceDefault;
}

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

}  // namespace

std::vector<ConfigEntry> topic_config_entries(const Config& broker, const ConfigTexts& topic) {
    ConfigTexts set_at_broker;
    for (const auto& [name, value] : broker.values()) {
        if (value.origin != "default") {
            set_at_broker[name] = value.text;
        }
    }
    std::vector<ConfigEntry> entries;
    for (const controller::TopicConfigKey& key : controller::topic_config_keys()) {
        const auto effective = controller::effective_topic_config(key, topic, set_at_broker);
        ConfigEntry entry{.name = std::string(key.name),
                          .value = effective.value,
                          .source = source_number(effective.source),
                          .type = static_cast<std::int8_t>(key.type),
                          .doc = std::string(key.doc)};
        for (const controller::TopicConfigSynonym& synonym : effective.synonyms) {
            entry.synonyms.push_back({synonym.name, synonym.value, source_number(synonym.source)});
        }
        entries.push_back(std::move(entry));
    }
    return entries;
}

std::vector<ConfigEntry> broker_config_entries(const Config& broker,
                                               std::span<const ConfigKey> keys) {
    std::vector<ConfigEntry> entries;
    for (const auto& [name, value] : broker.values()) {
        const auto key = std::ranges::find(keys, name, &ConfigKey::name);
        const bool known = key != keys.end();
        const bool secret = !known || name.ends_with("password") || name.ends_with("jaas.config");
        const std::int8_t source = value.origin == "default" ? kSourceDefault : kSourceStaticBroker;
        const std::optional<std::string> shown = secret ? std::nullopt : std::optional(value.text);
        entries.push_back(
            {.name = name,
             .value = shown,
             .source = source,
             .type = known ? static_cast<std::int8_t>(type_of(key->type)) : std::int8_t{0},
             .read_only = true,
             .sensitive = secret,
             .synonyms = {{name, shown, source}},
             .doc = known ? std::string(key->doc) : ""});
    }
    return entries;
}

}  // namespace millrace::broker::api
