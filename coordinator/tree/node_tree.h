// The committed state: znodes, access lists, sessions. It changes by apply() and by nothing else once it is loaded; two trees
// that applied the same transactions are equal, digest included. It never reads a clock or local configuration.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/tree/acl_cache.h"
#include "coordinator/tree/node.h"
#include "coordinator/tree/quotas.h"
#include "coordinator/tree/txn.h"
#include "lib/base/result.h"

namespace millrace::coordinator::tree {

enum class EventType : std::int32_t {
    none = -1,
    created = 1,
    deleted = 2,
    data_changed = 3,
    children_changed = 4,
};

// A change that watches may wait for. path borrows from the transaction or from the outcome that holds the trigger; acl is
// the list that decides who may see it (of the removed node for deletions).
struct Trigger {
    EventType type = EventType::none;
    std::string_view path;
    AclId acl = kOpenAcl;
};

struct OpResult {
    TxnType type = TxnType::error;
    std::int32_t error = 0;  // protocol code, 0 for success
    std::string_view path;   // of creations
    WireStat stat;           // of creations, set_data, set_acl
};

// What one transaction did. Reused between calls, so that applying allocates nothing in the steady state.
struct Outcome {
    std::int64_t zxid = 0;
    OpResult result;
    std::vector<OpResult> multi;    // one for each operation of a multi
    std::vector<Trigger> triggers;  // in the order watches must fire
    std::deque<std::string> owned_paths;

    void clear();
};

class FrozenView;

class NodeTree {
 public:
    // A tree at birth: /, /zookeeper, /zookeeper/quota, /zookeeper/config, no session, zxid 0.
    NodeTree();
    ~NodeTree();
    NodeTree(const NodeTree&) = delete;
    NodeTree& operator=(const NodeTree&) = delete;

    // ZooKeeper's extendedTypesEnabled: owners that begin with 0xff are TTL nodes. Before any node exists besides the birth ones.
    void set_extended_types(bool enabled) { x_extended = enabled; }
    bool extended_types() const { return x_extended; }

    // --- reading
    const Node* find(std::string_view path) const;
    std::size_t node_count() const { return x_nodes.size(); }
    std::size_t ephemeral_count() const { return x_ephemeral_count; }
    // Sum of path and data lengths over all nodes, as ZooKeeper's approximate_data_size.
    std::uint64_t data_size() const { return x_data_size; }
    std::int64_t last_zxid() const { return x_last_zxid; }
    // ZooKeeper's tree digest, version 2.
    std::uint64_t digest() const { return x_digest; }
    const AclCache& acls() const { return x_acls; }
    const Quotas& quotas() const { return x_quotas; }
    // Session id -> timeout in milliseconds.
    using Sessions = boost::unordered_flat_map<std::int64_t, std::int32_t>;
    const Sessions& sessions() const { return x_sessions; }
    // Paths of a session's ephemeral nodes, ordered; null when it has none.
    using PathSet = std::set<std::string_view>;
    const PathSet* ephemerals(std::int64_t session) const;
    // Sessions with ephemeral nodes, ordered.
    std::vector<std::int64_t> ephemeral_owners() const;
    // Containers and TTL nodes, ordered by path.
    const PathSet& containers() const { return x_containers; }
    const PathSet& ttl_nodes() const { return x_ttl_nodes; }

    // --- changing
    // Applies one transaction, live or in replay. Transactions of a log always apply: operations that find their work done
    // already (a node that exists, a node that is gone) report the protocol's error in the outcome and still raise the
    // parent's counters, so replay over a fuzzy Java snapshot ends in the right state. Errors: malformed, unsupported;
    // the tree is then unusable.
    Status apply(const TxnHeader& header, BytesView record, Outcome& outcome);

    // --- loading a snapshot: clear, then sessions, lists, nodes with parents before children, finish.
    void load_begin();
    void load_session(std::int64_t id, std::int32_t timeout_ms);
    Status load_acl(std::int64_t id, BytesView encoded);
    // path as the file has it: "" for the root. Errors: malformed (no parent, twice), not_found (list).
    Status load_node(std::string_view path, BytesView data, std::int64_t acl, const NodeStat& stat);
    // Adds what every tree has and the file may lack (/zookeeper/config before 3.5), drops unused lists.
    void load_finish(std::int64_t zxid);

    // Walks everything; CHECKs that counters, owner sets, children and digest agree. For tests and simulation.
    void invariants() const;

 private:
    friend class FrozenView;
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view path) const;
        std::size_t operator()(const Node* node) const { return (*this)(node->path()); }
    };
    struct Equal {
        using is_transparent = void;
        static std::string_view key(std::string_view path) { return path; }
        static std::string_view key(const Node* node) { return node->path(); }
        template <class A, class B>
        bool operator()(const A& left, const B& right) const {
            return key(left) == key(right);
        }
    };
    struct NewNode;

    Node* lookup(std::string_view path) const;
    Status apply_one(const TxnHeader& header, BytesView record, Outcome& outcome, OpResult& result);
    Status apply_multi(const TxnHeader& header, BytesView record, Outcome& outcome);
    Status apply_create(const TxnHeader& header, BytesView record, Outcome& outcome,
                        OpResult& result);
    Status apply_close_session(const TxnHeader& header, BytesView record, Outcome& outcome);
    void create(const NewNode& wanted, const TxnHeader& header, Outcome& outcome, OpResult& result);
    bool remove(std::string_view path, std::int64_t zxid, Outcome& outcome);
    Status set_data(const TxnHeader& header, BytesView record, Outcome& outcome, OpResult& result);
    Status set_acl(const TxnHeader& header, BytesView record, OpResult& result);
    Node* insert(std::string_view path, BytesView data, AclId acl, const NodeStat& stat);
    void note_owner(const Node& node, bool added);
    // Every change of a node goes between these two: the first saves its state for open snapshots and takes its digest out.
    void before_change(Node& node);
    void after_change(Node& node);
    void add_birth_nodes();
    void destroy_all();
    // A change within a subtree that has a quota: its node of counts follows, without a version or a watch of its own.
    void count_change(std::string_view path, std::int64_t nodes, std::int64_t bytes);
    // Counts the subtree anew into its node of counts.
    void recount(std::string_view subject);
    void find_quotas();

    boost::unordered_flat_set<Node*, Hash, Equal> x_nodes;
    AclCache x_acls;
    Quotas x_quotas;
    Sessions x_sessions;
    boost::unordered_flat_map<std::int64_t, PathSet> x_ephemerals;
    PathSet x_containers;
    PathSet x_ttl_nodes;
    std::vector<FrozenView*> x_views;
    std::int64_t x_last_zxid = 0;
    std::uint64_t x_digest = 0;
    std::uint64_t x_data_size = 0;
    std::size_t x_ephemeral_count = 0;
    bool x_extended = false;
};

}  // namespace millrace::coordinator::tree
