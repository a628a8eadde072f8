#include "coordinator/tree/pending.h"

#include "lib/base/check.h"

namespace millrace::coordinator::tree {

namespace {

std::string_view root_or(std::string_view path) {
    return path.empty() ? "/" : path;
}

}  // namespace

std::optional<FutureNode> Pending::find(std::string_view path) const {
    path = root_or(path);
    if (!x_nodes.empty()) {
        const auto found = x_nodes.find(path);
        if (found != x_nodes.end()) {
            return found->second.exists ? std::optional(found->second) : std::nullopt;
        }
    }
    const Node* node = x_tree.find(path);
    if (node == nullptr) {
        return std::nullopt;
    }
    return FutureNode{.version = node->stat.version,
                      .cversion = node->stat.cversion,
                      .aversion = node->stat.aversion,
                      .owner = node->stat.ephemeral_owner,
                      .child_count = static_cast<std::int64_t>(node->child_count()),
                      .data_size = static_cast<std::int64_t>(node->data_size()),
                      .changed_acl = nullptr};
}

const AclList& Pending::acl_of(std::string_view path, const FutureNode& node) const {
    if (node.changed_acl) {
        return *node.changed_acl;
    }
    const Node* applied = x_tree.find(root_or(path));
    CHECK(applied != nullptr);
    return x_tree.acls().get(applied->acl);
}

void Pending::put(std::string_view path, FutureNode node) {
    path = root_or(path);
    CHECK(node.zxid > 0);
    const auto [place, fresh] = x_nodes.try_emplace(std::string(path));
    if (x_undoable) {
        x_undo.push_back({std::string(path), fresh ? std::nullopt : std::optional(place->second)});
    }
    x_order.push_back({node.zxid, std::string(path)});
    place->second = std::move(node);
}

void Pending::begin_undoable() {
    CHECK(!x_undoable);
    x_undoable = true;
    x_order_mark = x_order.size();
}

void Pending::undo() {
    CHECK(x_undoable);
    while (!x_undo.empty()) {
        Undo& last = x_undo.back();
        if (last.before) {
            x_nodes[last.path] = std::move(*last.before);
        } else {
            x_nodes.erase(last.path);
        }
        x_undo.pop_back();
    }
    x_order.resize(x_order_mark);
    x_undoable = false;
}

void Pending::keep() {
    CHECK(x_undoable);
    x_undo.clear();
    x_undoable = false;
}

void Pending::applied(std::int64_t zxid) {
    while (!x_order.empty() && x_order.front().zxid <= zxid) {
        const auto found = x_nodes.find(x_order.front().path);
        if (found != x_nodes.end() && found->second.zxid <= zxid) {
            x_nodes.erase(found);
        }
        x_order.pop_front();
    }
}

std::set<std::string> Pending::ephemerals(std::int64_t session) const {
    std::set<std::string> paths;
    if (const NodeTree::PathSet* applied = x_tree.ephemerals(session)) {
        paths.insert(applied->begin(), applied->end());
    }
    for (const auto& [path, node] : x_nodes) {
        if (!node.exists) {
            paths.erase(path);
        } else if (owner_kind(node.owner, x_tree.extended_types()) == OwnerKind::session &&
                   node.owner == session) {
            paths.insert(path);
        } else {
            // Removed and made again as another kind of node.
            paths.erase(path);
        }
    }
    return paths;
}

void Pending::invariants() const {
    std::int64_t last = 0;
    for (const Change& change : x_order) {
        CHECK(change.zxid >= last);
        last = change.zxid;
    }
    for (const auto& [path, node] : x_nodes) {
        CHECK(node.zxid > x_tree.last_zxid(), "an applied change is still pending");
        CHECK(node.exists ? node.child_count >= 0 : node.child_count == 0);
    }
    CHECK(x_nodes.size() <= x_order.size());
    CHECK(!x_undoable && x_undo.empty());
}

}  // namespace millrace::coordinator::tree
