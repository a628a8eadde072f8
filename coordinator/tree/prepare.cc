#include "coordinator/tree/prepare.h"

#include <algorithm>

#include "lib/base/check.h"
#include "lib/zk/acl.h"
#include "lib/zk/path.h"

namespace millrace::coordinator::tree {

namespace {

using zk::ErrorCode;

bool is_special(std::string_view path) {
    return path == "/" || path == "/zookeeper" || path == "/zookeeper/quota" ||
           path == "/zookeeper/config";
}

// The expected version of a request against the node's; -1 takes any (5.2: 3.9 wraps through -1).
bool version_fits(std::int32_t expected, std::int32_t current) {
    return expected == -1 || expected == current;
}

std::int32_t next_version(std::int32_t version) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(version) + 1);
}

TxnHeader header_for(const Asking& asking, TxnType type) {
    return {.client_id = asking.session,
            .cxid = asking.cxid,
            .zxid = asking.zxid,
            .time = asking.time,
            .type = type};
}

// The list to store for what the client sent, decoded and encoded; false for InvalidACL.
struct StoredAcl {
    std::shared_ptr<const AclList> list;
    Bytes encoded;
};
bool stored_acl(BytesView asked, const Asking& asking, StoredAcl& result) {
    static const auto open = std::make_shared<const AclList>(open_acl());
    static const Bytes open_bytes = encode_acl(open_acl());
    if (std::ranges::equal(asked, open_bytes)) {
        result.list = open;
        result.encoded = open_bytes;
        return true;
    }
    const Result<AclList> decoded = decode_acl(asked);
    auto effective = decoded ? effective_acl(*decoded, *asking.who) : std::nullopt;
    if (!effective) {
        return false;
    }
    result.encoded = encode_acl(*effective);
    result.list = std::make_shared<const AclList>(std::move(*effective));
    return true;
}

}  // namespace

Prepare::Prepare(const NodeTree& tree, PrepareRules rules)
    : x_tree(tree), x_rules(std::move(rules)), x_pending(tree) {}

Prepared Prepare::refuse(const Asking& asking, ErrorCode error) {
    CHECK(asking.zxid > x_last_zxid);
    x_last_zxid = asking.zxid;
    wire::Writer out;
    out.int32(static_cast<std::int32_t>(error));
    return {.header = header_for(asking, TxnType::error),
            .record = out.take(),
            .error = error,
            .breach = std::exchange(x_breach, std::nullopt)};
}

Prepared Prepare::write(const Asking& asking, const WriteOp& op) {
    wire::Writer out;
    out.reserve(op.path.size() + op.data.size() + op.acl.size() + 32);
    const ErrorCode error = decide(asking, op, out);
    if (error != ErrorCode::ok) {
        return refuse(asking, error);
    }
    CHECK(asking.zxid > x_last_zxid);
    x_last_zxid = asking.zxid;
    return {.header = header_for(asking, op.type),
            .record = out.take(),
            .breach = std::exchange(x_breach, std::nullopt)};
}

Prepared Prepare::multi(const Asking& asking, BytesView body) {
    wire::Reader in(body);
    if (!parse_multi(in, x_multi)) {
        return refuse(asking, ErrorCode::marshalling_error);
    }
    CHECK(asking.zxid > x_last_zxid);
    x_last_zxid = asking.zxid;
    const auto count = static_cast<std::int32_t>(x_multi.size());
    wire::Writer out;
    out.int32(count);
    x_pending.begin_undoable();
    std::int32_t done = 0;
    ErrorCode error = ErrorCode::ok;
    for (; done < count; ++done) {
        const WriteOp& op = x_multi[static_cast<std::size_t>(done)];
        out.int32(static_cast<std::int32_t>(op.type));
        const std::size_t length_at = out.size();
        out.int32(0);
        error = decide(asking, op, out);
        if (error != ErrorCode::ok) {
            break;
        }
        out.patch_int32(length_at, static_cast<std::int32_t>(out.size() - length_at - 4));
    }
    if (error == ErrorCode::ok) {
        x_pending.keep();
        return {.header = header_for(asking, TxnType::multi),
                .record = out.take(),
                .breach = std::exchange(x_breach, std::nullopt)};
    }
    x_pending.undo();
    // All or nothing: every part becomes an ErrorTxn (0 before the failure, runtime_inconsistency after it).
    wire::Writer failed;
    failed.int32(count);
    for (std::int32_t i = 0; i < count; ++i) {
        const ErrorCode part = i < done    ? ErrorCode::ok
                               : i == done ? error
                                           : ErrorCode::runtime_inconsistency;
        failed.int32(static_cast<std::int32_t>(TxnType::error));
        failed.int32(4);
        failed.int32(static_cast<std::int32_t>(part));
    }
    return {.header = header_for(asking, TxnType::multi),
            .record = failed.take(),
            .error = error,
            .breach = std::exchange(x_breach, std::nullopt)};
}

Prepared Prepare::create_session(const Asking& asking, std::int32_t timeout_ms) {
    CHECK(asking.zxid > x_last_zxid);
    x_last_zxid = asking.zxid;
    wire::Writer out;
    out.int32(timeout_ms);
    return {.header = header_for(asking, TxnType::create_session), .record = out.take()};
}

Prepared Prepare::close_session(const Asking& asking) {
    CHECK(asking.zxid > x_last_zxid);
    x_last_zxid = asking.zxid;
    const std::set<std::string> paths = x_pending.ephemerals(asking.session);
    wire::Writer out;
    out.int32(static_cast<std::int32_t>(paths.size()));
    for (const std::string& path : paths) {
        write_text(out, path);
        lay_removed(path, asking.zxid);
    }
    return {.header = header_for(asking, TxnType::close_session), .record = out.take()};
}

Prepared Prepare::remove_container(const Asking& asking, std::string_view path) {
    const auto node = x_pending.find(path);
    if (!node) {
        return refuse(asking, ErrorCode::no_node);
    }
    if (node->child_count > 0) {
        return refuse(asking, ErrorCode::not_empty);
    }
    const OwnerKind kind = owner_kind(node->owner, x_tree.extended_types());
    if (kind != OwnerKind::container && kind != OwnerKind::ttl) {
        return refuse(asking, ErrorCode::bad_arguments);
    }
    CHECK(asking.zxid > x_last_zxid);
    x_last_zxid = asking.zxid;
    wire::Writer out;
    write_text(out, path);
    lay_removed(path, asking.zxid);
    return {.header = header_for(asking, TxnType::remove_container), .record = out.take()};
}

ErrorCode Prepare::decide(const Asking& asking, const WriteOp& op, wire::Writer& out) {
    switch (op.type) {
        case TxnType::create:
        case TxnType::create2:
        case TxnType::create_container:
        case TxnType::create_ttl:
            return decide_create(asking, op, out);
        case TxnType::remove:
            return decide_remove(asking, op, out);
        case TxnType::set_data:
            return decide_set_data(asking, op, out);
        case TxnType::set_acl:
            return decide_set_acl(asking, op, out);
        case TxnType::check:
            return decide_check(asking, op, out);
        case TxnType::error:
        case TxnType::create_session:
        case TxnType::close_session:
        case TxnType::multi:
        case TxnType::reconfig:
        case TxnType::remove_container:
            break;
    }
    UNREACHABLE();
}

ErrorCode Prepare::check_mode(const WriteOp& op, zk::CreateMode mode) const {
    const bool has_ttl = zk::has_ttl(mode);
    if (has_ttl && !x_rules.extended_types) {
        return ErrorCode::unimplemented;
    }
    const bool ttl_fits = has_ttl ? op.ttl > 0 && op.ttl <= kTtlMax : op.ttl < 0;
    if (!ttl_fits || (op.type == TxnType::create_ttl && !has_ttl)) {
        return ErrorCode::bad_arguments;
    }
    return ErrorCode::ok;
}

ErrorCode Prepare::decide_create(const Asking& asking, const WriteOp& op, wire::Writer& out) {
    const auto mode = zk::create_mode_from(op.flags);
    if (!mode) {
        return ErrorCode::bad_arguments;
    }
    const ErrorCode mode_error = check_mode(op, *mode);
    if (mode_error != ErrorCode::ok) {
        return mode_error;
    }
    const std::size_t slash = op.path.rfind('/');
    if (slash == std::string_view::npos || op.path.find('\0') != std::string_view::npos) {
        return ErrorCode::bad_arguments;
    }
    StoredAcl acl;
    if (!stored_acl(op.acl, asking, acl)) {
        return ErrorCode::invalid_acl;
    }
    const std::string_view parent_path = op.path.substr(0, slash);
    auto parent = x_pending.find(parent_path);
    if (!parent) {
        return ErrorCode::no_node;
    }
    if (!may(parent_path, *parent, zk::Permission::kCreate, asking)) {
        return ErrorCode::no_auth;
    }
    std::string named;
    std::string_view path = op.path;
    if (zk::is_sequential(*mode)) {
        named = zk::sequential_path(op.path, parent->cversion);
        path = named;
    }
    if (!zk::validate_path(path)) {
        return ErrorCode::bad_arguments;
    }
    if (x_pending.find(path)) {
        return ErrorCode::node_exists;
    }
    const bool extended = x_tree.extended_types();
    if (owner_kind(parent->owner, extended) == OwnerKind::session) {
        return ErrorCode::no_children_for_ephemerals;
    }
    const auto data_size = static_cast<std::int64_t>(op.data.size());
    const ErrorCode over = check_quota(path, 1, data_size);
    if (over != ErrorCode::ok) {
        return over;
    }
    parent->cversion = next_version(parent->cversion);
    parent->child_count += 1;
    parent->zxid = asking.zxid;

    write_text(out, path);
    write_buffer(out, op.data);
    out.bytes(acl.encoded);
    FutureNode node{
        .zxid = asking.zxid, .data_size = data_size, .changed_acl = std::move(acl.list)};
    if (op.type == TxnType::create_container) {
        out.int32(parent->cversion);
        node.owner = kContainerOwner;
    } else if (op.type == TxnType::create_ttl) {
        out.int32(parent->cversion);
        out.int64(op.ttl);
        node.owner = ttl_owner(op.ttl);
    } else {
        out.boolean(zk::is_ephemeral(*mode));
        out.int32(parent->cversion);
        node.owner = zk::is_ephemeral(*mode) ? asking.session : 0;
    }
    x_pending.put(parent_path, std::move(*parent));
    x_pending.put(path, std::move(node));
    return ErrorCode::ok;
}

ErrorCode Prepare::decide_remove(const Asking& asking, const WriteOp& op, wire::Writer& out) {
    const std::size_t slash = op.path.rfind('/');
    if (slash == std::string_view::npos || op.path.find('\0') != std::string_view::npos ||
        is_special(op.path)) {
        return ErrorCode::bad_arguments;
    }
    const std::string_view parent_path = op.path.substr(0, slash);
    const auto parent = x_pending.find(parent_path);
    if (!parent) {
        return ErrorCode::no_node;
    }
    if (!may(parent_path, *parent, zk::Permission::kDelete, asking)) {
        return ErrorCode::no_auth;
    }
    const auto node = x_pending.find(op.path);
    if (!node || op.path.empty()) {
        return ErrorCode::no_node;
    }
    if (!version_fits(op.version, node->version)) {
        return ErrorCode::bad_version;
    }
    if (node->child_count > 0) {
        return ErrorCode::not_empty;
    }
    write_text(out, op.path);
    lay_removed(op.path, asking.zxid);
    return ErrorCode::ok;
}

ErrorCode Prepare::decide_set_data(const Asking& asking, const WriteOp& op, wire::Writer& out) {
    if (!zk::validate_path(op.path)) {
        return ErrorCode::bad_arguments;
    }
    auto node = x_pending.find(op.path);
    if (!node) {
        return ErrorCode::no_node;
    }
    if (!may(op.path, *node, zk::Permission::kWrite, asking)) {
        return ErrorCode::no_auth;
    }
    const auto data_size = static_cast<std::int64_t>(op.data.size());
    const ErrorCode over = check_quota(op.path, 0, data_size - node->data_size);
    if (over != ErrorCode::ok) {
        return over;
    }
    if (!version_fits(op.version, node->version)) {
        return ErrorCode::bad_version;
    }
    node->data_size = data_size;
    node->version = next_version(node->version);
    node->zxid = asking.zxid;
    write_text(out, op.path);
    write_buffer(out, op.data);
    out.int32(node->version);
    x_pending.put(op.path, std::move(*node));
    return ErrorCode::ok;
}

ErrorCode Prepare::decide_set_acl(const Asking& asking, const WriteOp& op, wire::Writer& out) {
    if (!zk::validate_path(op.path)) {
        return ErrorCode::bad_arguments;
    }
    StoredAcl acl;
    if (!stored_acl(op.acl, asking, acl)) {
        return ErrorCode::invalid_acl;
    }
    auto node = x_pending.find(op.path);
    if (!node) {
        return ErrorCode::no_node;
    }
    if (!may(op.path, *node, zk::Permission::kAdmin, asking)) {
        return ErrorCode::no_auth;
    }
    if (!version_fits(op.version, node->aversion)) {
        return ErrorCode::bad_version;
    }
    node->aversion = next_version(node->aversion);
    node->changed_acl = std::move(acl.list);
    node->zxid = asking.zxid;
    write_text(out, op.path);
    out.bytes(acl.encoded);
    out.int32(node->aversion);
    x_pending.put(op.path, std::move(*node));
    return ErrorCode::ok;
}

ErrorCode Prepare::decide_check(const Asking& asking, const WriteOp& op, wire::Writer& out) {
    if (!zk::validate_path(op.path)) {
        return ErrorCode::bad_arguments;
    }
    const auto node = x_pending.find(op.path);
    if (!node) {
        return ErrorCode::no_node;
    }
    if (!may(op.path, *node, zk::Permission::kRead, asking)) {
        return ErrorCode::no_auth;
    }
    if (!version_fits(op.version, node->version)) {
        return ErrorCode::bad_version;
    }
    write_text(out, op.path);
    out.int32(next_version(node->version));
    return ErrorCode::ok;
}

ErrorCode Prepare::check_quota(std::string_view path, std::int64_t nodes, std::int64_t bytes) {
    if (!x_rules.enforce_quota) {
        return ErrorCode::ok;
    }
    const std::string_view subject = x_tree.quotas().subject_of(path);
    if (subject.empty()) {
        return ErrorCode::ok;
    }
    const Node* limits_node = x_tree.find(Quotas::limits_path(subject));
    const Node* counts_node = x_tree.find(Quotas::counts_path(subject));
    if (limits_node == nullptr || counts_node == nullptr) {
        return ErrorCode::ok;
    }
    const QuotaFigures limits = QuotaFigures::parse(as_text(limits_node->data()));
    const QuotaFigures counts = QuotaFigures::parse(as_text(counts_node->data()));
    // A hard limit stands in for the soft one.
    const auto over = [&](std::string_view of, std::int64_t wanted, std::int64_t soft,
                          std::int64_t hard) {
        const std::int64_t limit = hard > -1 ? hard : soft;
        if (limit <= -1 || wanted <= limit) {
            return false;
        }
        x_breach = QuotaBreach{.subject = std::string(subject),
                               .of = of,
                               .wanted = wanted,
                               .limit = limit,
                               .hard = hard > -1};
        return hard > -1;
    };
    if (nodes != 0 &&
        over("count", counts.count() + nodes, limits.count(), limits.count_hard_limit())) {
        return ErrorCode::quota_exceeded;
    }
    if (bytes != 0 &&
        over("bytes", counts.bytes() + bytes, limits.bytes(), limits.byte_hard_limit())) {
        return ErrorCode::quota_exceeded;
    }
    return ErrorCode::ok;
}

bool Prepare::may(std::string_view path, const FutureNode& node, std::int32_t perm,
                  const Asking& asking) const {
    return permits(x_rules.access, x_pending.acl_of(path, node), perm, *asking.who);
}

void Prepare::lay_removed(std::string_view path, std::int64_t zxid) {
    auto parent = x_pending.find(parent_of(path));
    CHECK(parent.has_value() && parent->child_count > 0);
    parent->child_count -= 1;
    parent->zxid = zxid;
    x_pending.put(parent_of(path), std::move(*parent));
    x_pending.put(path, {.zxid = zxid, .exists = false, .changed_acl = nullptr});
}

}  // namespace millrace::coordinator::tree
