// The configuration keys of a topic in Kafka 3.9: type, default, what values pass, and which broker key stands in when the
// topic does not set its own. DescribeConfigs shows this list, CreateTopics and the alter calls are checked against it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace millrace::broker::controller {

// The numbers of DescribeConfigs v3 and later.
enum class ConfigType : std::int8_t {
    boolean = 1,
    string = 2,
    int32 = 3,
    int64 = 5,
    float64 = 6,
    list = 7,
};

struct TopicConfigKey {
    std::string_view name;
    ConfigType type;
    std::string_view default_value;  // as Kafka prints it
    // Broker keys, the first set one counts; later ones are older spellings in other units. Empty: none.
    std::vector<std::string_view> broker_keys;
    // Inclusive; for numbers.
    std::optional<double> min;
    std::optional<double> max;
    // For strings and list elements; empty: any text.
    std::vector<std::string_view> allowed;
    std::string_view doc;
};

// By name.
std::span<const TopicConfigKey> topic_config_keys();
// nullptr: no such key.
const TopicConfigKey* find_topic_config(std::string_view name);

// invalid_argument with the message that Kafka's clients see for a key or a value that does not pass.
Status check_topic_config(std::string_view name, std::string_view value);
// Each setting alone, then those that must agree with each other.
Status check_topic_configs(const std::map<std::string, std::string>& configs);

// The value in force: the topic's own, else that of its first broker key that is not left at its default, else the default.
// broker: by broker key, as in server.properties, without defaults.
std::string topic_config_in_force(const TopicConfigKey& key,
                                  const std::map<std::string, std::string>& topic,
                                  const std::map<std::string, std::string>& broker);

}  // namespace millrace::broker::controller
