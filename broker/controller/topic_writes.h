// How the plans of topic_creation get into ZooKeeper. Any broker may write them; the controller sees them through its watches.
// Each list is one multi.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/controller/topic_creation.h"
#include "lib/zk/client.h"

namespace millrace::broker::controller {

// A topic deleted under an older Kafka may have left its settings behind: creation_ops with absent then fails with node_exists
// at operation 0, and is tried again with present. node_exists at operation 1 means that the topic exists.
enum class ConfigNode { absent, present };

// The settings first: whoever sees the topic finds them.
std::vector<zk::MultiOp> creation_ops(const TopicPlan& plan, ConfigNode config_node,
                                      const std::vector<zk::Acl>& acl);

// node_version as the record was read with; bad_version: read and plan again.
std::vector<zk::MultiOp> partition_ops(std::string_view topic, const TopicRecord& record,
                                       std::int32_t node_version);

// node_exists: it has been requested before.
std::vector<zk::MultiOp> deletion_ops(std::string_view topic, const std::vector<zk::Acl>& acl);

// New settings of an entity, guarded by the controller epoch, with the notice that makes every broker read them.
struct ConfigWrite {
    std::string type;    // topics, brokers, clients, users, ips
    std::string entity;  // sanitized
    ConfigMap config;    // the whole set
    ConfigNode node = ConfigNode::present;
    std::int32_t controller_epoch_version = zk::kAnyVersion;  // of the node /controller_epoch
};
std::vector<zk::MultiOp> config_ops(const ConfigWrite& write, const std::vector<zk::Acl>& acl);

}  // namespace millrace::broker::controller
