#include "coordinator/tree/write_op.h"

#include "lib/zk/create_mode.h"

namespace millrace::coordinator::tree {

namespace {

// perms and two lengths.
constexpr std::size_t kAclEntryBytesMin = 12;

// A vector<ACL> as its encoded bytes, checked to be well formed.
BytesView read_acl(wire::Reader& in) {
    wire::Reader ahead = in;
    const std::int32_t announced = ahead.int32();
    const std::size_t count =
        announced == -1 ? 0 : ahead.checked_count(announced, kAclEntryBytesMin);
    for (std::size_t i = 0; i < count && ahead.ok(); ++i) {
        ahead.skip(4);
        (void)read_text(ahead);
        (void)read_text(ahead);
    }
    if (!ahead.ok()) {
        in.fail();
        return {};
    }
    return in.bytes(ahead.position() - in.position());
}

void read_create(wire::Reader& in, WriteOp& op) {
    op.path = read_text(in);
    op.data = read_buffer(in);
    op.acl = read_acl(in);
    op.flags = in.int32();
    if (op.type == TxnType::create_ttl) {
        op.ttl = in.int64();
    }
}

bool is_create(TxnType type) {
    return type == TxnType::create || type == TxnType::create2 ||
           type == TxnType::create_container || type == TxnType::create_ttl;
}

bool allowed_in_multi(TxnType type) {
    return is_create(type) || type == TxnType::remove || type == TxnType::set_data ||
           type == TxnType::check;
}

}  // namespace

bool parse_write(TxnType type, wire::Reader& in, WriteOp& op) {
    op = {};
    op.type = type;
    switch (type) {
        case TxnType::create:
        case TxnType::create2:
        case TxnType::create_container:
        case TxnType::create_ttl:
            read_create(in, op);
            break;
        case TxnType::set_data:
            op.path = read_text(in);
            op.data = read_buffer(in);
            op.version = in.int32();
            break;
        case TxnType::set_acl:
            op.path = read_text(in);
            op.acl = read_acl(in);
            op.version = in.int32();
            break;
        case TxnType::remove:
        case TxnType::check:
            op.path = read_text(in);
            op.version = in.int32();
            break;
        case TxnType::error:
        case TxnType::create_session:
        case TxnType::close_session:
        case TxnType::multi:
        case TxnType::reconfig:
        case TxnType::remove_container:
        default:
            return false;
    }
    return in.ok();
}

bool parse_multi(wire::Reader& in, std::vector<WriteOp>& ops) {
    ops.clear();
    while (true) {
        const auto type = static_cast<TxnType>(in.int32());
        const bool done = in.boolean();
        (void)in.int32();
        if (!in.ok()) {
            return false;
        }
        if (done) {
            return true;
        }
        if (!allowed_in_multi(type) || ops.size() == kMultiOpsMax ||
            !parse_write(type, in, ops.emplace_back())) {
            return false;
        }
        // Inside a multi, and only there, Java takes flags that name no mode for an unreadable body.
        if (is_create(type) && !zk::create_mode_from(ops.back().flags)) {
            return false;
        }
    }
}

}  // namespace millrace::coordinator::tree
