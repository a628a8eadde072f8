// Settings as the protocol shows them: value, where it comes from, and what stands behind it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/controller/broker_config.h"

namespace millrace::broker::api {

struct ConfigSynonym {
    std::string name;
    std::optional<std::string> value;
    controller::ConfigLayer layer = controller::ConfigLayer::fallback;
};

struct ConfigEntry {
    std::string name;
    std::optional<std::string> value;  // null: unset, or a secret
    controller::ConfigLayer layer = controller::ConfigLayer::fallback;
    std::int8_t type = 0;
    bool read_only = false;
    bool sensitive = false;
    std::vector<ConfigSynonym> synonyms;  // strongest first
    std::string doc;
};

// Every key a topic can have, with the value in force. topic: what is set for it alone.
std::vector<ConfigEntry> topic_config_entries(const controller::BrokerConfig& broker,
                                              const controller::ConfigMap& topic);

// Every setting of the broker. The value of a key that it does not know may be a secret and is not shown.
std::vector<ConfigEntry> broker_config_entries(const controller::BrokerConfig& broker);

// What is set for all brokers at run time.
std::vector<ConfigEntry> all_brokers_config_entries(const controller::BrokerConfig& broker);

}  // namespace millrace::broker::api
