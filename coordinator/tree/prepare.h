// Turns requests into transactions: every check happens here, against the tree with all pending changes, so that applying
// never fails. One request makes exactly one transaction, an ErrorTxn when it is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/tree/access.h"
#include "coordinator/tree/node_tree.h"
#include "coordinator/tree/pending.h"
#include "coordinator/tree/write_op.h"
#include "lib/zk/create_mode.h"
#include "lib/zk/error_code.h"

namespace millrace::coordinator::tree {

struct PrepareRules {
    AccessRules access;
    bool extended_types = false;  // TTL nodes
    bool enforce_quota = false;   // hard limits of quotas refuse
};

// A limit of a quota that a request goes over. Soft limits do not refuse.
struct QuotaBreach {
    std::string subject;  // the path that has the quota
    std::string_view of;  // "count" or "bytes"
    std::int64_t wanted = 0;
    std::int64_t limit = 0;
    bool hard = false;
};

// Who asks, and the place in the order that the request got.
struct Asking {
    std::int64_t session = 0;
    std::int32_t cxid = 0;
    const Identities* who = nullptr;
    std::int64_t zxid = 0;
    std::int64_t time = 0;  // wall clock, milliseconds
};

struct Prepared {
    TxnHeader header;
    Bytes record;
    // Why the request was refused as a whole; ok when it will be carried out. A multi that fails by one of its operations
    // carries that operation's code.
    zk::ErrorCode error = zk::ErrorCode::ok;
    // With enforce_quota: the last limit gone over.
    std::optional<QuotaBreach> breach = {};
};

class Prepare {
 public:
    Prepare(const NodeTree& tree, PrepareRules rules);

    // The caller has read the request; one it cannot read is answered without a transaction, as in Java. zxids must rise.
    Prepared write(const Asking& asking, const WriteOp& op);
    // body: the request without its header. An unreadable one becomes marshalling_error, and takes a zxid.
    Prepared multi(const Asking& asking, BytesView body);
    Prepared refuse(const Asking& asking, zk::ErrorCode error);
    Prepared create_session(const Asking& asking, std::int32_t timeout_ms);
    // Lists the ephemeral nodes that go with the session.
    Prepared close_session(const Asking& asking);
    // An empty container, or an expired TTL node, that its owner found ready to go; refused when it is not any more.
    Prepared remove_container(const Asking& asking, std::string_view path);

    // The tree has applied everything up to this zxid.
    void applied(std::int64_t zxid) { x_pending.applied(zxid); }
    std::size_t pending_changes() const { return x_pending.size(); }
    void invariants() const { x_pending.invariants(); }

 private:
    zk::ErrorCode decide(const Asking& asking, const WriteOp& op, wire::Writer& out);
    zk::ErrorCode decide_create(const Asking& asking, const WriteOp& op, wire::Writer& out);
    zk::ErrorCode decide_remove(const Asking& asking, const WriteOp& op, wire::Writer& out);
    zk::ErrorCode decide_set_data(const Asking& asking, const WriteOp& op, wire::Writer& out);
    zk::ErrorCode decide_set_acl(const Asking& asking, const WriteOp& op, wire::Writer& out);
    zk::ErrorCode decide_check(const Asking& asking, const WriteOp& op, wire::Writer& out);
    // Java's rule, also for requests that come together: limits hold against what is applied, not against what is pending.
    zk::ErrorCode check_quota(std::string_view path, std::int64_t nodes, std::int64_t bytes);
    zk::ErrorCode check_mode(const WriteOp& op, zk::CreateMode mode) const;
    bool may(std::string_view path, const FutureNode& node, std::int32_t perm,
             const Asking& asking) const;
    void lay_removed(std::string_view path, std::int64_t zxid);

    const NodeTree& x_tree;
    PrepareRules x_rules;
    Pending x_pending;
    std::vector<WriteOp> x_multi;  // kept for its capacity
    std::optional<QuotaBreach> x_breach;
    std::int64_t x_last_zxid = 0;
};

}  // namespace millrace::coordinator::tree
