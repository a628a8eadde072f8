// The tree as it stood at one zxid, read in slices while the tree goes on changing. A node that changes before the view has
// passed it leaves its former state here, so a view costs memory only for what changes meanwhile, and no turn of the loop
// is longer than one slice. Snapshots are therefore points in time, never fuzzy.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/tree/node_tree.h"

namespace millrace::coordinator::tree {

class FrozenView {
 public:
    // path is "" for the root, as snapshot files have it; acl is -1 for the open list; data without an address is null.
    using Visitor = std::function<void(std::string_view path, BytesView data, std::int64_t acl,
                                       const NodeStat& stat)>;

    // Taken between two transactions. The tree must outlive the view.
    explicit FrozenView(NodeTree& tree);
    ~FrozenView();
    FrozenView(const FrozenView&) = delete;
    FrozenView& operator=(const FrozenView&) = delete;

    std::int64_t zxid() const { return x_zxid; }
    std::uint64_t digest() const { return x_digest; }
    std::size_t node_count() const { return x_node_count; }
    // Ordered by id.
    const std::vector<std::pair<std::int64_t, std::int32_t>>& sessions() const {
        return x_sessions;
    }
    const std::vector<std::pair<std::int64_t, Bytes>>& acls() const { return x_acls; }

    // Visits the next nodes in pre-order, parents first, until about bytes_max bytes of paths and data were shown.
    // False once all nodes have been shown.
    bool next(std::size_t bytes_max, const Visitor& visit);

 private:
    friend class NodeTree;
    struct Saved {
        std::optional<Bytes> data;
        AclId acl = kOpenAcl;
        NodeStat stat;
    };
    // Called by the tree before a node changes or goes, and after a new one came.
    void save(const Node& node);
    void note_new(std::string_view path);
    bool passed(std::string_view path) const;
    const Node* successor(std::string_view path) const;

    NodeTree& x_tree;
    std::int64_t x_zxid;
    std::uint64_t x_digest;
    std::size_t x_node_count;
    std::vector<std::pair<std::int64_t, std::int32_t>> x_sessions;
    std::vector<std::pair<std::int64_t, Bytes>> x_acls;
    // Former states of nodes not shown yet; nothing for nodes that came later and are no part of the view.
    std::map<std::string, std::optional<Saved>, PreOrder> x_saved;
    std::string x_last;  // the last path shown
    bool x_started = false;
    bool x_done = false;
};

}  // namespace millrace::coordinator::tree
