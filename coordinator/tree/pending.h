// Changes that are ordered and not applied yet, laid over the tree: what prepare checks its requests against.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/tree/node_tree.h"

namespace millrace::coordinator::tree {

// A node as it will stand once everything pending is applied.
struct FutureNode {
    std::int64_t zxid = 0;  // of the pending change; 0 for a node as it stands in the tree
    bool exists = true;
    std::int32_t version = 0;
    std::int32_t cversion = 0;
    std::int32_t aversion = 0;
    std::int64_t owner = 0;
    std::int64_t child_count = 0;
    std::int64_t data_size = 0;
    // The list when a pending change set it; otherwise the tree's node has it.
    std::shared_ptr<const AclList> changed_acl;
};

class Pending {
 public:
    explicit Pending(const NodeTree& tree) : x_tree(tree) {}

    // Nothing when the node does not, or will not, exist. "" and "/" both name the root.
    std::optional<FutureNode> find(std::string_view path) const;
    const AclList& acl_of(std::string_view path, const FutureNode& node) const;
    // Lays a state over the tree. Remembers what was there till the mark is forgotten.
    void put(std::string_view path, FutureNode node);

    // A multi that fails takes back what it has laid: begin_undoable, then undo or keep.
    void begin_undoable();
    void undo();
    void keep();

    // Forgets the changes of transactions up to this one; they are in the tree by now.
    void applied(std::int64_t zxid);
    // The session's ephemeral nodes, pending creations and removals counted in; ordered.
    std::set<std::string> ephemerals(std::int64_t session) const;

    std::size_t size() const { return x_nodes.size(); }
    void invariants() const;

 private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>()(text);
        }
    };
    struct Change {
        std::int64_t zxid;
        std::string path;
    };
    struct Undo {
        std::string path;
        std::optional<FutureNode> before;
    };

    const NodeTree& x_tree;
    boost::unordered_flat_map<std::string, FutureNode, Hash, std::equal_to<>> x_nodes;
    std::deque<Change> x_order;
    std::vector<Undo> x_undo;
    std::size_t x_order_mark = 0;
    bool x_undoable = false;
};

}  // namespace millrace::coordinator::tree
