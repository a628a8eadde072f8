#include "broker/controller/topic_writes.h"

#include "broker/controller/zk_paths.h"

namespace millrace::broker::controller {
namespace {

zk::CreateOp create(std::string path, Bytes data, const std::vector<zk::Acl>& acl) {
    return {std::move(path), std::move(data), acl, zk::CreateMode::persistent};
}

zk::MultiOp put_config(const std::string& path, const ConfigMap& config, ConfigNode node,
                       const std::vector<zk::Acl>& acl) {
    if (node == ConfigNode::absent) {
        return create(path, encode_config(config), acl);
    }
    return zk::SetDataOp{path, encode_config(config), zk::kAnyVersion};
}

}  // namespace

std::vector<zk::MultiOp> creation_ops(const TopicPlan& plan, ConfigNode config_node,
                                      const std::vector<zk::Acl>& acl) {
    return {put_config(paths::config("topics", plan.name), plan.configs, config_node, acl),
            create(paths::topic(plan.name), encode(plan.record), acl)};
}

std::vector<zk::MultiOp> partition_ops(std::string_view topic, const TopicRecord& record,
                                       std::int32_t node_version) {
    return {zk::SetDataOp{paths::topic(topic), encode(record), node_version}};
}

std::vector<zk::MultiOp> deletion_ops(std::string_view topic, const std::vector<zk::Acl>& acl) {
    return {create(paths::delete_topic(topic), {}, acl)};
}

std::vector<zk::MultiOp> config_ops(const ConfigWrite& write, const std::vector<zk::Acl>& acl) {
    const std::string entity_path = write.type + "/" + write.entity;
    return {zk::CheckOp{std::string(paths::kControllerEpoch), write.controller_epoch_version},
            put_config(paths::config(write.type, write.entity), write.config, write.node, acl),
            zk::CreateOp{std::string(paths::kConfigChangePrefix), encode_config_change(entity_path),
                         acl, zk::CreateMode::persistent_sequential}};
}

}  // namespace millrace::broker::controller
