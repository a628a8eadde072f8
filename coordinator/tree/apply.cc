// NodeTree::apply: what each transaction does to the tree. It decides nothing; that was done by prepare on the server that
// ordered the transaction.
#include <fmt/format.h>

#include <algorithm>

#include "coordinator/tree/frozen_view.h"
#include "coordinator/tree/node_tree.h"
#include "lib/base/check.h"
#include "lib/zk/error_code.h"

namespace millrace::coordinator::tree {

namespace {

// The least a Txn of a multi takes: its type and a length.
constexpr std::size_t kSubTxnBytesMin = 8;

std::int32_t code(zk::ErrorCode error) {
    return static_cast<std::int32_t>(error);
}

std::unexpected<Error> cut_short(const TxnHeader& header) {
    return fail(Errc::malformed, fmt::format("transaction {:#x} of type {} ends early", header.zxid,
                                             static_cast<std::int32_t>(header.type)));
}

}  // namespace

struct NodeTree::NewNode {
    std::string_view path;
    BytesView data;
    AclId acl = kOpenAcl;
    std::int64_t owner = 0;
    std::int32_t parent_cversion = -1;
};

Status NodeTree::apply(const TxnHeader& header, BytesView record, Outcome& outcome) {
    outcome.clear();
    x_acls.collect();
    outcome.zxid = header.zxid;
    outcome.result.type = header.type;
    if (header.type == TxnType::multi) {
        TRY(apply_multi(header, record, outcome));
    } else if (header.type == TxnType::close_session) {
        TRY(apply_close_session(header, record, outcome));
    } else {
        TRY(apply_one(header, record, outcome, outcome.result));
    }
    x_last_zxid = std::max(x_last_zxid, header.zxid);
    return {};
}

Status NodeTree::apply_one(const TxnHeader& header, BytesView record, Outcome& outcome,
                           OpResult& result) {
    result.type = header.type;
    wire::Reader in(record);
    switch (header.type) {
        case TxnType::create:
        case TxnType::create2:
        case TxnType::create_container:
        case TxnType::create_ttl:
            return apply_create(header, record, outcome, result);
        case TxnType::remove:
        case TxnType::remove_container:
            result.path = read_text(in);
            if (in.ok() && !remove(result.path, header.zxid, outcome)) {
                result.error = code(zk::ErrorCode::no_node);
            }
            break;
        case TxnType::set_data:
        case TxnType::reconfig:
            return set_data(header, record, outcome, result);
        case TxnType::set_acl:
            return set_acl(header, record, result);
        case TxnType::check:
            result.path = read_text(in);
            break;
        case TxnType::create_session:
            x_sessions[header.client_id] = in.int32();
            break;
        case TxnType::error:
            result.error = in.int32();
            break;
        case TxnType::multi:
        case TxnType::close_session:
        default:
            return fail(Errc::unsupported,
                        fmt::format("transaction {:#x} has unknown type {}", header.zxid,
                                    static_cast<std::int32_t>(header.type)));
    }
    if (!in.ok()) {
        return cut_short(header);
    }
    return {};
}

Status NodeTree::apply_multi(const TxnHeader& header, BytesView record, Outcome& outcome) {
    wire::Reader in(record);
    const std::size_t count = in.checked_count(in.int32(), kSubTxnBytesMin);
    struct Part {
        TxnType type;
        BytesView record;
    };
    std::vector<Part> parts;
    parts.reserve(count);
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        const auto type = static_cast<TxnType>(in.int32());
        parts.push_back({type, read_buffer(in)});
    }
    if (!in.ok()) {
        return cut_short(header);
    }
    const bool failed =
        std::ranges::any_of(parts, [](const Part& part) { return part.type == TxnType::error; });
    bool after_failure = false;
    for (const Part& part : parts) {
        OpResult result;
        if (failed && part.type != TxnType::error) {
            result.type = TxnType::error;
            result.error = after_failure ? code(zk::ErrorCode::runtime_inconsistency) : 0;
        } else {
            TxnHeader own = header;
            own.type = part.type;
            TRY(apply_one(own, part.record, outcome, result));
            after_failure = after_failure || (failed && result.error != 0);
        }
        if (outcome.result.error == 0) {
            outcome.result.error = result.error;
        }
        outcome.multi.push_back(result);
    }
    return {};
}

Status NodeTree::apply_create(const TxnHeader& header, BytesView record, Outcome& outcome,
                              OpResult& result) {
    wire::Reader in(record);
    NewNode wanted;
    wanted.path = read_text(in);
    wanted.data = read_buffer(in);
    const std::size_t acl_begin = in.position();
    const std::int32_t announced = in.int32();
    const std::size_t entries = announced == -1 ? 0 : in.checked_count(announced, 12);
    for (std::size_t i = 0; i < entries && in.ok(); ++i) {
        in.skip(4);
        (void)read_text(in);
        (void)read_text(in);
    }
    if (!in.ok() || !wanted.path.starts_with('/') || wanted.path.size() < 2) {
        return cut_short(header);
    }
    const BytesView acl = record.subspan(acl_begin, in.position() - acl_begin);
    if (header.type == TxnType::create_container) {
        wanted.owner = kContainerOwner;
        wanted.parent_cversion = in.int32();
    } else if (header.type == TxnType::create_ttl) {
        wanted.parent_cversion = in.int32();
        const std::int64_t ttl = in.int64();
        if (in.ok() && (ttl <= 0 || ttl > kTtlMax)) {
            return fail(Errc::malformed,
                        fmt::format("transaction {:#x} has TTL {}", header.zxid, ttl));
        }
        wanted.owner = in.ok() ? ttl_owner(ttl) : 0;
    } else {
        wanted.owner = in.boolean() ? header.client_id : 0;
        // Logs written before 3.4 end here.
        wanted.parent_cversion = in.remaining() >= 4 ? in.int32() : -1;
    }
    if (!in.ok()) {
        return cut_short(header);
    }
    wanted.acl = TRY(x_acls.intern(acl));
    create(wanted, header, outcome, result);
    if (result.error != 0) {
        x_acls.remove_use(wanted.acl);
    }
    return {};
}

void NodeTree::create(const NewNode& wanted, const TxnHeader& header, Outcome& outcome,
                      OpResult& result) {
    result.path = wanted.path;
    const std::string_view parent_path = parent_of(wanted.path);
    Node* parent = lookup(parent_path);
    if (parent == nullptr) {
        result.error = code(zk::ErrorCode::no_node);
        return;
    }
    // No server makes such a transaction; one in a log is as little use as one without a parent.
    if (owner_kind(parent->stat.ephemeral_owner, x_extended) == OwnerKind::session) {
        result.error = code(zk::ErrorCode::no_children_for_ephemerals);
        return;
    }
    const bool exists = lookup(wanted.path) != nullptr;
    const std::int32_t cversion =
        wanted.parent_cversion == -1 && !exists
            ? static_cast<std::int32_t>(static_cast<std::uint32_t>(parent->stat.cversion) + 1)
            : wanted.parent_cversion;
    before_change(*parent);
    if (cversion > parent->stat.cversion) {
        parent->stat.cversion = cversion;
        parent->stat.pzxid = header.zxid;
    }
    after_change(*parent);
    if (exists) {
        result.error = code(zk::ErrorCode::node_exists);
        return;
    }
    const NodeStat stat{.czxid = header.zxid,
                        .mzxid = header.zxid,
                        .ctime = header.time,
                        .mtime = header.time,
                        .ephemeral_owner = wanted.owner,
                        .pzxid = header.zxid};
    result.stat = insert(wanted.path, wanted.data, wanted.acl, stat)->wire_stat(x_extended);
    for (FrozenView* view : x_views) {
        view->note_new(wanted.path);
    }
    x_quotas.created(wanted.path);
    if (Quotas::is_counts_node(wanted.path)) {
        recount(Quotas::subject_in(wanted.path));
    }
    count_change(wanted.path, 1, static_cast<std::int64_t>(wanted.data.size()));
    outcome.triggers.push_back({EventType::created, wanted.path, wanted.acl});
    outcome.triggers.push_back({EventType::children_changed, parent_path, parent->acl});
}

bool NodeTree::remove(std::string_view path, std::int64_t zxid, Outcome& outcome) {
    if (!path.starts_with('/') || path.size() < 2) {
        return false;
    }
    const std::string_view parent_path = parent_of(path);
    Node* parent = lookup(parent_path);
    if (parent == nullptr) {
        return false;
    }
    if (zxid > parent->stat.pzxid) {
        before_change(*parent);
        parent->stat.pzxid = zxid;
        after_change(*parent);
    }
    Node* node = lookup(path);
    if (node == nullptr) {
        return false;
    }
    CHECK(node->child_count() == 0, "a transaction removes a node that has children");
    x_quotas.removed(path);
    count_change(path, -1, -static_cast<std::int64_t>(node->data_size()));
    before_change(*node);
    note_owner(*node, false);
    parent->remove_child(node);
    x_nodes.erase(x_nodes.find(node->path()));
    x_acls.remove_use(node->acl);
    outcome.triggers.push_back({EventType::deleted, path, node->acl});
    outcome.triggers.push_back({EventType::children_changed, parent_path, parent->acl});
    Node::destroy(node);
    return true;
}

Status NodeTree::set_data(const TxnHeader& header, BytesView record, Outcome& outcome,
                          OpResult& result) {
    wire::Reader in(record);
    result.path = read_text(in);
    const BytesView data = read_buffer(in);
    const std::int32_t version = in.int32();
    if (!in.ok()) {
        return cut_short(header);
    }
    Node* node = lookup(result.path);
    if (node == nullptr) {
        result.error = code(zk::ErrorCode::no_node);
        return {};
    }
    const auto former_size = static_cast<std::int64_t>(node->data_size());
    before_change(*node);
    node->set_data(data);
    node->stat.version = version;
    node->stat.mtime = header.time;
    node->stat.mzxid = header.zxid;
    after_change(*node);
    count_change(result.path, 0, static_cast<std::int64_t>(data.size()) - former_size);
    result.stat = node->wire_stat(x_extended);
    outcome.triggers.push_back({EventType::data_changed, result.path, node->acl});
    return {};
}

Status NodeTree::set_acl(const TxnHeader& header, BytesView record, OpResult& result) {
    wire::Reader in(record);
    result.path = read_text(in);
    const std::size_t begin = in.position();
    if (!in.ok() || in.remaining() < 8) {
        return cut_short(header);
    }
    const BytesView acl = record.subspan(begin, in.remaining() - 4);
    in.skip(acl.size());
    const std::int32_t version = in.int32();
    Node* node = lookup(result.path);
    if (node == nullptr) {
        result.error = code(zk::ErrorCode::no_node);
        return {};
    }
    const AclId id = TRY(x_acls.intern(acl));
    before_change(*node);
    x_acls.remove_use(node->acl);
    node->acl = id;
    node->stat.aversion = version;
    after_change(*node);
    result.stat = node->wire_stat(x_extended);
    return {};
}

Status NodeTree::apply_close_session(const TxnHeader& header, BytesView record, Outcome& outcome) {
    x_sessions.erase(header.client_id);
    wire::Reader in(record);
    // Logs written before 3.6 have no body.
    const std::size_t count = in.at_end() ? 0 : in.checked_count(in.int32(), 4);
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        const std::string_view path = read_text(in);
        const Node* node = in.ok() ? lookup(path) : nullptr;
        if (node == nullptr || node->child_count() == 0) {
            (void)remove(path, header.zxid, outcome);
        }
    }
    if (!in.ok()) {
        return cut_short(header);
    }
    while (const PathSet* left = ephemerals(header.client_id)) {
        (void)remove(outcome.owned_paths.emplace_back(*left->begin()), header.zxid, outcome);
    }
    return {};
}

}  // namespace millrace::coordinator::tree
