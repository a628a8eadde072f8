// Settings as the protocol shows them: value, where it comes from, and what stands behind it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/base/config.h"

namespace millrace::broker::api {

using ConfigTexts = std::map<std::string, std::string>;

// Numbers of DescribeConfigs.
inline constexpr std::int8_t kSourceTopic = 1;
inline constexpr std::int8_t kSourceStaticBroker = 4;
inline constexpr std::int8_t kSourceDefault = 5;

struct ConfigSynonym {
    std::string name;
    std::optional<std::string> value;
    std::int8_t source = kSourceDefault;
};

struct ConfigEntry {
    std::string name;
    std::optional<std::string> value;  // null: a secret
    std::int8_t source = kSourceDefault;
    std::int8_t type = 0;
    bool read_only = false;
    bool sensitive = false;
    std::vector<ConfigSynonym> synonyms;
    std::string doc;
};

// Every key a topic can have, with the value in force. broker: the broker's settings.
std::vector<ConfigEntry> topic_config_entries(const Config& broker, const ConfigTexts& topic);

// Every setting of the broker. keys: those it knows; the value of another one may be a secret and is not shown.
std::vector<ConfigEntry> broker_config_entries(const Config& broker,
                                               std::span<const ConfigKey> keys);

}  // namespace millrace::broker::api
