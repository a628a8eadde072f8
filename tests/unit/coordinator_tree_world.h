// A tree, its prepare and one client's requests: what the tests of coordinator/tree share.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/tree/node_tree.h"
#include "coordinator/tree/prepare.h"
#include "lib/zk/zookeeper.h"

namespace millrace::coordinator::tree {

inline Bytes encoded_open_acl() {
    return encode_acl(open_acl());
}

inline Bytes acl_bytes(std::int32_t perms, std::string scheme, std::string id) {
    return encode_acl({{perms, std::move(scheme), std::move(id)}});
}

class World {
 public:
    explicit World(PrepareRules rules = {}) : prepare(tree, rules) {
        tree.set_extended_types(rules.extended_types);
    }
    ~World() {
        prepare.invariants();
        tree.invariants();
    }

    struct Who {
        std::int64_t session = 7;
        Identities identities{{"ip", "127.0.0.1"}};
    };

    Asking asking() { return {who.session, 1, &who.identities, ++zxid, 1'000 + zxid}; }

    // Each proposes one request and returns what prepare said.
    zk::ErrorCode create(std::string_view path, std::int32_t flags = 0,
                         TxnType type = TxnType::create, const Bytes& acl = encoded_open_acl()) {
        return propose(type, create_body(path, flags, type, acl));
    }
    zk::ErrorCode remove(std::string_view path, std::int32_t version = -1) {
        return propose(TxnType::remove, path_version(path, version));
    }
    zk::ErrorCode set(std::string_view path, std::string_view data, std::int32_t version = -1) {
        return propose(TxnType::set_data, set_body(path, data, version));
    }
    zk::ErrorCode set_acl(std::string_view path, const Bytes& acl, std::int32_t version = -1) {
        wire::Writer out;
        write_text(out, path);
        out.bytes(acl);
        out.int32(version);
        return propose(TxnType::set_acl, out.take());
    }
    zk::ErrorCode propose(TxnType type, const Bytes& body) {
        wire::Reader in(body);
        WriteOp op;
        if (!parse_write(type, in, op)) {
            return zk::ErrorCode::marshalling_error;
        }
        return hold(prepare.write(asking(), op));
    }
    zk::ErrorCode multi(const std::vector<std::pair<TxnType, Bytes>>& ops) {
        wire::Writer out;
        for (const auto& [type, body] : ops) {
            out.int32(static_cast<std::int32_t>(type));
            out.boolean(false);
            out.int32(-1);
            out.bytes(body);
        }
        out.int32(-1);
        out.boolean(true);
        out.int32(-1);
        return hold(prepare.multi(asking(), out.take()));
    }
    zk::ErrorCode hold(Prepared prepared) {
        const zk::ErrorCode error = prepared.error;
        proposals.push_back(std::move(prepared));
        return error;
    }

    // Applies everything proposed; outcome is that of the last one.
    const Outcome& commit() {
        while (!proposals.empty()) {
            last = std::move(proposals.front());
            proposals.pop_front();
            const Status status = tree.apply(last.header, last.record, outcome);
            REQUIRE(status.has_value());
            prepare.applied(last.header.zxid);
        }
        return outcome;
    }

    static Bytes create_body(std::string_view path, std::int32_t flags = 0,
                             TxnType type = TxnType::create, const Bytes& acl = encoded_open_acl(),
                             std::int64_t ttl = 500) {
        wire::Writer out;
        write_text(out, path);
        write_buffer(out, as_bytes("data"));
        out.bytes(acl);
        out.int32(flags);
        if (type == TxnType::create_ttl) {
            out.int64(ttl);
        }
        return out.take();
    }
    static Bytes path_version(std::string_view path, std::int32_t version) {
        wire::Writer out;
        write_text(out, path);
        out.int32(version);
        return out.take();
    }
    static Bytes set_body(std::string_view path, std::string_view data, std::int32_t version) {
        wire::Writer out;
        write_text(out, path);
        write_buffer(out, as_bytes(data));
        out.int32(version);
        return out.take();
    }
    const Node& node(std::string_view path) const {
        const Node* found = tree.find(path);
        REQUIRE(found != nullptr);
        return *found;
    }

    NodeTree tree;
    Prepare prepare;
    Who who;
    std::int64_t zxid = 0;
    std::deque<Prepared> proposals;
    Prepared last;
    Outcome outcome;
};

}  // namespace millrace::coordinator::tree
