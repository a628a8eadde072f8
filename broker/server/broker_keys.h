// The configuration keys of the broker: server.properties of Kafka 3.9, and a few of our own that begin with "millrace.".
#pragma once

#include <map>
#include <string>

#include "broker/group/coordinator.h"
#include "broker/log/log_config.h"
#include "lib/base/config.h"

namespace millrace::broker::server {

const ConfigSchema& broker_schema();

// KAFKA_* variables, as container images of Kafka name them: KAFKA_NUM_PARTITIONS is num.partitions, "__" stands for "-",
// "___" for "_". Variables that are no settings (KAFKA_OPTS, KAFKA_HEAP_OPTS …) are left out.
ConfigSource environment_source(const std::map<std::string, std::string>& environment);

// The settings of one log: the topic's own where it has them, else the broker's.
log::LogConfig log_config_of(const Config& broker, const std::map<std::string, std::string>& topic);

group::CoordinatorConfig group_config_of(const Config& broker);

}  // namespace millrace::broker::server
