#include "broker/controller/topic_writes.h"

#include "broker/controller/zk_paths.h"

namespace millrace::broker::controller {
namespace {

zk::MultiOp put(std::string path, Bytes data, std::optional<std::int32_t> version) {
    if (version) {
        return zk::SetDataOp{std::move(path), std::move(data), *version};
    }
    return zk::CreateOp{std::move(path), std::move(data), zk::open_acl()};
}

}  // namespace

std::vector<zk::MultiOp> creation_ops(const TopicPlan& plan, ConfigNode config_node) {
    const std::optional<std::int32_t> any_version =
        config_node == ConfigNode::present ? std::optional(zk::kAnyVersion) : std::nullopt;
    return {put(paths::config(paths::topic_entity(plan.name)), encode_config(plan.configs),
                any_version),
            put(paths::topic(plan.name), encode(plan.record), std::nullopt)};
}

std::vector<zk::MultiOp> config_ops(const ConfigWrite& write) {
    return {
        put(paths::config(write.entity), encode_config(write.config), write.version),
        zk::CreateOp{std::string(paths::kConfigChangePrefix), encode_config_change(write.entity),
                     zk::open_acl(), zk::CreateMode::persistent_sequential}};
}

}  // namespace millrace::broker::controller
