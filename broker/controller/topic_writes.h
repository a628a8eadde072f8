// How topics and settings get into ZooKeeper. Any broker may write them; the others see them through their watches. Each list is
// one multi.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/controller/topic_creation.h"
#include "lib/zk/client.h"

namespace millrace::broker::controller {

// A deletion that was cut short may have left the topic's settings behind: creation_ops with absent then fails with node_exists
// at operation kConfigOp, and is tried again with present. node_exists at operation kTopicOp means that the topic exists.
enum class ConfigNode { absent, present };
inline constexpr std::size_t kConfigOp = 0;
inline constexpr std::size_t kTopicOp = 1;

std::vector<zk::MultiOp> creation_ops(const TopicPlan& plan, ConfigNode config_node);

// New settings of an entity, with the notice that makes every broker read them.
struct ConfigWrite {
    std::string entity;  // as paths::topic_entity and its like name it
    ConfigMap config;    // the whole set
    // The version of the node that the set was made from; none: there is no node. bad_version, node_exists, no_node: read again.
    std::optional<std::int32_t> version;
};
std::vector<zk::MultiOp> config_ops(const ConfigWrite& write);

}  // namespace millrace::broker::controller
