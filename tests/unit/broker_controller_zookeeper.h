// A ZooKeeper in memory, for tests of what a broker keeps there: versions, ephemeral nodes, multi; without sequence numbers.
#pragma once

#include "broker/controller/zk_paths.h"
#include "broker/controller/zk_records.h"
#include "lib/zk/client.h"

namespace millrace::broker::controller {

struct Node {
    Bytes data;
    std::int32_t version = 0;
    std::int64_t owner = 0;
    std::int64_t czxid = 0;
};

class Zookeeper {
 public:
    std::map<std::string, Node> nodes;
    std::int64_t zxid = 100;

    zk::ErrorCode apply(const std::vector<zk::MultiOp>& ops, std::int64_t session,
                        zk::MultiResults& results) {
        const auto before = nodes;
        results.clear();
        ++zxid;
        for (std::size_t i = 0; i < ops.size(); ++i) {
            const zk::ErrorCode error = apply_one(ops[i], session);
            results.push_back({error, {}, {}});
            if (error != zk::ErrorCode::ok) {
                nodes = before;
                results.resize(ops.size(), {zk::ErrorCode::runtime_inconsistency, {}, {}});
                return error;
            }
        }
        return zk::ErrorCode::ok;
    }
    std::set<std::string> children(std::string_view parent) const {
        std::set<std::string> names;
        const std::string prefix = std::string(parent) + "/";
        for (const auto& [path, node] : nodes) {
            if (path.starts_with(prefix) && path.find('/', prefix.size()) == std::string::npos) {
                names.insert(path.substr(prefix.size()));
            }
        }
        return names;
    }
    void put(const std::string& path, Bytes data, std::int64_t owner = 0) {
        nodes[path] = {std::move(data), 0, owner, ++zxid};
    }
    void end_session(std::int64_t session) {
        std::erase_if(nodes, [&](const auto& node) { return node.second.owner == session; });
    }
    std::optional<PartitionState> state(const std::string& topic, std::int32_t partition) const {
        const auto at = nodes.find(paths::partition_state(topic, partition));
        if (at == nodes.end()) {
            return std::nullopt;
        }
        return *decode_partition_state(at->second.data, at->second.version);
    }

 private:
    zk::ErrorCode apply_one(const zk::MultiOp& op, std::int64_t session) {
        if (const auto* create = std::get_if<zk::CreateOp>(&op)) {
            const std::string parent = create->path.substr(0, create->path.rfind('/'));
            if (!parent.empty() && !nodes.contains(parent)) {
                return zk::ErrorCode::no_node;
            }
            const bool ephemeral = create->mode == zk::CreateMode::ephemeral;
            const bool fresh =
                nodes.try_emplace(create->path, create->data, 0, ephemeral ? session : 0, zxid)
                    .second;
            return fresh ? zk::ErrorCode::ok : zk::ErrorCode::node_exists;
        }
        const auto [path, version] = std::visit(
            [](const auto& each) -> std::pair<std::string, std::int32_t> {
                if constexpr (requires { each.version; }) {
                    return {each.path, each.version};
                }
                return {each.path, -1};
            },
            op);
        const auto at = nodes.find(path);
        if (at == nodes.end()) {
            return zk::ErrorCode::no_node;
        }
        if (version != zk::kAnyVersion && version != at->second.version) {
            return zk::ErrorCode::bad_version;
        }
        if (const auto* set = std::get_if<zk::SetDataOp>(&op)) {
            at->second.data = set->data;
            ++at->second.version;
        } else if (std::holds_alternative<zk::DeleteOp>(op)) {
            nodes.erase(at);
        }
        return zk::ErrorCode::ok;
    }
};

}  // namespace millrace::broker::controller
