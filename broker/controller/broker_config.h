// The settings of a broker in layers, and which of them can change while it runs (KIP-226, as Kafka 3.9).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/controller/zk_records.h"
#include "lib/base/config.h"

namespace millrace::broker::controller {

// Where a value stands, strongest first; the numbers are those of DescribeConfigs.
enum class ConfigLayer : std::int8_t {
    topic = 1,
    broker = 2,       // /config/brokers/ID
    all_brokers = 3,  // /config/brokers/<default>
    file = 4,         // server.properties, environment, command line
    fallback = 5,
};

// nullptr: no such key.
const ConfigKey* find_broker_key(const ConfigSchema& schema, std::string_view name);

enum class DynamicMode {
    never,       // needs a restart
    per_broker,  // only for one broker by its id: listeners, TLS, SASL
    anywhere,    // for one broker or for all
};
// A key that no broker knows is for plug-ins and goes anywhere.
DynamicMode dynamic_mode(const ConfigSchema& schema, std::string_view key);

// Whether a broker takes these settings at run time. all_brokers: they are for all. The messages are those of Kafka.
// Errors: invalid_argument, unsupported.
Status check_dynamic(const ConfigSchema& schema, const ConfigMap& settings, bool all_brokers);

struct LayeredValue {
    std::string name;  // the key, or an older spelling of it
    std::string value;
    ConfigLayer layer = ConfigLayer::fallback;
};

class BrokerConfig {
 public:
    // schema outlives it.
    BrokerConfig(const ConfigSchema& schema, Config file);

    // All layers together; the same object for life.
    const Config& in_force() const { return x_in_force; }
    const ConfigSchema& schema() const { return x_schema; }
    // What the coordinators hold for all brokers and for this one, with what is left out.
    const ConfigMap& for_all() const { return x_for_all; }
    const ConfigMap& own() const { return x_own; }

    // Takes what the coordinators hold. A setting that does not pass is left out; a line for each, and for each that has no
    // effect.
    std::vector<std::string> set_dynamic(ConfigMap for_all, ConfigMap own);

    // Every layer that sets the key or an older spelling of it, strongest first. Empty when its own spelling is set nowhere.
    std::vector<LayeredValue> layers_of(std::string_view key) const;

    // What is set in any layer but the defaults, by key.
    ConfigMap set_values() const;

 private:
    void overlay(const ConfigMap& settings, ConfigLayer layer, std::vector<std::string>& remarks);

    const ConfigSchema& x_schema;
    Config x_file;
    Config x_in_force;
    ConfigMap x_for_all;
    ConfigMap x_own;
};

}  // namespace millrace::broker::controller
