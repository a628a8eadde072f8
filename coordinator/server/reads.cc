#include "coordinator/server/reads.h"

#include <array>
#include <vector>

#include "coordinator/tree/txn.h"
#include "lib/base/check.h"
#include "lib/zk/acl.h"
#include "lib/zk/watch.h"
#include "lib/zk/zookeeper.h"

namespace millrace::coordinator::server {

namespace {

using tree::Node;
using tree::read_text;
using tree::write_buffer;
using tree::write_text;
using zk::ErrorCode;
using zk::OpCode;

bool may(const Reader& reader, const Node& node, std::int32_t perm) {
    return node.acl == tree::kOpenAcl ||
           tree::permits(reader.rules, reader.nodes.acls().get(node.acl), perm, reader.who);
}

const Node* find(const Reader& reader, std::string_view path) {
    return reader.nodes.find(path.empty() ? "/" : path);
}

void write_stat(const Reader& reader, const Node& node, wire::Writer& out) {
    node.wire_stat(reader.nodes.extended_types()).encode(out);
}

void write_children(const Node& node, wire::Writer& out) {
    out.int32(static_cast<std::int32_t>(node.child_count()));
    if (node.children() != nullptr) {
        node.children()->for_each([&out](const Node& child) { write_text(out, child.name()); });
    }
}

struct PathAndWatch {
    std::string_view path;
    bool watch = false;
    bool ok = false;
};

PathAndWatch read_path_and_watch(BytesView body) {
    wire::Reader in(body);
    PathAndWatch request;
    request.path = read_text(in);
    request.watch = in.boolean();
    request.ok = in.ok();
    return request;
}

ErrorCode answer_exists(BytesView body, const Reader& reader, wire::Writer& out) {
    const PathAndWatch request = read_path_and_watch(body);
    if (!request.ok) {
        return ErrorCode::marshalling_error;
    }
    if (request.path.find('\0') != std::string_view::npos) {
        return ErrorCode::bad_arguments;
    }
    const Node* node = find(reader, request.path);
    // 3.9.5 hides the stat of what the client may not read; nothing is watched then.
    if (node != nullptr && !may(reader, *node, zk::Permission::kRead)) {
        return ErrorCode::no_auth;
    }
    if (request.watch) {
        reader.watches.add(reader.watcher, request.path, tree::WatchKind::data);
    }
    if (node == nullptr) {
        return ErrorCode::no_node;
    }
    write_stat(reader, *node, out);
    return ErrorCode::ok;
}

ErrorCode answer_get_data(BytesView body, const Reader& reader, wire::Writer& out) {
    const PathAndWatch request = read_path_and_watch(body);
    if (!request.ok) {
        return ErrorCode::marshalling_error;
    }
    const Node* node = find(reader, request.path);
    if (node == nullptr) {
        return ErrorCode::no_node;
    }
    if (!may(reader, *node, zk::Permission::kRead)) {
        return ErrorCode::no_auth;
    }
    if (request.watch) {
        reader.watches.add(reader.watcher, request.path, tree::WatchKind::data);
    }
    write_buffer(out, node->data());
    write_stat(reader, *node, out);
    return ErrorCode::ok;
}

ErrorCode answer_get_children(BytesView body, const Reader& reader, bool with_stat,
                              wire::Writer& out) {
    const PathAndWatch request = read_path_and_watch(body);
    if (!request.ok) {
        return ErrorCode::marshalling_error;
    }
    const Node* node = find(reader, request.path);
    if (node == nullptr) {
        return ErrorCode::no_node;
    }
    if (!may(reader, *node, zk::Permission::kRead)) {
        return ErrorCode::no_auth;
    }
    if (request.watch) {
        reader.watches.add(reader.watcher, request.path, tree::WatchKind::child);
    }
    write_children(*node, out);
    if (with_stat) {
        write_stat(reader, *node, out);
    }
    return ErrorCode::ok;
}

ErrorCode answer_get_names(BytesView body, const Reader& reader, wire::Writer& out) {
    return answer_get_children(body, reader, false, out);
}

ErrorCode answer_get_names_and_stat(BytesView body, const Reader& reader, wire::Writer& out) {
    return answer_get_children(body, reader, true, out);
}

// Hashes of passwords are for administrators of the node only.
tree::AclList masked(tree::AclList acl) {
    for (tree::AclEntry& entry : acl) {
        if (entry.scheme == zk::kDigestScheme) {
            entry.id = entry.id.substr(0, entry.id.find(':')) + ":x";
        }
    }
    return acl;
}

ErrorCode answer_get_acl(BytesView body, const Reader& reader, wire::Writer& out) {
    wire::Reader in(body);
    const std::string_view path = read_text(in);
    if (!in.ok()) {
        return ErrorCode::marshalling_error;
    }
    const Node* node = find(reader, path);
    if (node == nullptr) {
        return ErrorCode::no_node;
    }
    const bool admin = may(reader, *node, zk::Permission::kAdmin);
    if (!admin && !may(reader, *node, zk::Permission::kRead)) {
        return ErrorCode::no_auth;
    }
    if (admin) {
        out.bytes(reader.nodes.acls().encoded(node->acl));
    } else {
        out.bytes(tree::encode_acl(masked(reader.nodes.acls().get(node->acl))));
    }
    write_stat(reader, *node, out);
    return ErrorCode::ok;
}

ErrorCode answer_get_ephemerals(BytesView body, const Reader& reader, wire::Writer& out) {
    wire::Reader in(body);
    const std::string_view prefix = read_text(in);
    if (!in.ok()) {
        return ErrorCode::marshalling_error;
    }
    std::int32_t count = 0;
    const std::size_t count_at = out.size();
    out.int32(0);
    if (const auto* paths = reader.nodes.ephemerals(reader.session)) {
        for (const std::string_view path : *paths) {
            if (path.starts_with(prefix)) {
                write_text(out, path);
                ++count;
            }
        }
    }
    out.patch_int32(count_at, count);
    return ErrorCode::ok;
}

std::int32_t count_below(const Node& top) {
    std::int32_t count = 0;
    std::vector<const Node*> open{&top};
    while (!open.empty()) {
        const Node* node = open.back();
        open.pop_back();
        count += static_cast<std::int32_t>(node->child_count());
        if (node->children() != nullptr) {
            node->children()->for_each([&open](const Node& child) { open.push_back(&child); });
        }
    }
    return count;
}

ErrorCode answer_all_children_number(BytesView body, const Reader& reader, wire::Writer& out) {
    wire::Reader in(body);
    const std::string_view path = read_text(in);
    if (!in.ok()) {
        return ErrorCode::marshalling_error;
    }
    const Node* node = find(reader, path);
    if (node == nullptr) {
        return ErrorCode::no_node;
    }
    if (!may(reader, *node, zk::Permission::kRead)) {
        return ErrorCode::no_auth;
    }
    const bool root = node->path() == "/";
    out.int32(root ? static_cast<std::int32_t>(reader.nodes.node_count()) - 1 : count_below(*node));
    return ErrorCode::ok;
}

ErrorCode answer_add_watch(BytesView body, const Reader& reader, wire::Writer& out) {
    wire::Reader in(body);
    const Result<zk::AddWatchRequest> request = zk::AddWatchRequest::decode(in);
    if (!request) {
        return ErrorCode::marshalling_error;
    }
    if (request->mode == static_cast<std::int32_t>(zk::AddWatchMode::persistent)) {
        reader.watches.add(reader.watcher, request->path, tree::WatchKind::persistent);
    } else if (request->mode == static_cast<std::int32_t>(zk::AddWatchMode::persistent_recursive)) {
        reader.watches.add(reader.watcher, request->path, tree::WatchKind::persistent_recursive);
    } else {
        return ErrorCode::marshalling_error;
    }
    out.int32(0);
    return ErrorCode::ok;
}

// checkWatches and removeWatches share one layout.
Result<zk::CheckWatchesRequest> read_selection(BytesView body) {
    wire::Reader in(body);
    zk::CheckWatchesRequest request = TRY(zk::CheckWatchesRequest::decode(in));
    if (request.type < 1 || request.type > 5) {
        return fail(Errc::malformed, "there is no such kind of watch");
    }
    return request;
}

ErrorCode answer_check_watches(BytesView body, const Reader& reader, wire::Writer&) {
    const auto request = read_selection(body);
    if (!request) {
        return ErrorCode::marshalling_error;
    }
    const auto selection = static_cast<tree::WatchSelection>(request->type);
    return reader.watches.has(reader.watcher, request->path, selection) ? ErrorCode::ok
                                                                        : ErrorCode::no_watcher;
}

ErrorCode answer_remove_watches(BytesView body, const Reader& reader, wire::Writer&) {
    const auto request = read_selection(body);
    if (!request) {
        return ErrorCode::marshalling_error;
    }
    const auto selection = static_cast<tree::WatchSelection>(request->type);
    return reader.watches.remove(reader.watcher, request->path, selection) ? ErrorCode::ok
                                                                           : ErrorCode::no_watcher;
}

ErrorCode answer_sync(BytesView body, const Reader&, wire::Writer& out) {
    wire::Reader in(body);
    const std::string_view path = read_text(in);
    if (!in.ok()) {
        return ErrorCode::marshalling_error;
    }
    write_text(out, path);
    return ErrorCode::ok;
}

ErrorCode answer_who_am_i(BytesView, const Reader& reader, wire::Writer& out) {
    zk::WhoAmIResponse response;
    for (const tree::Identity& identity : reader.who) {
        const bool secret = identity.scheme == zk::kDigestScheme;
        response.client_info.push_back(
            {.auth_scheme = identity.scheme,
             .user = secret ? identity.id.substr(0, identity.id.find(':')) : identity.id});
    }
    response.encode(out);
    return ErrorCode::ok;
}

void write_multi_header(wire::Writer& out, std::int32_t type, bool done, std::int32_t error) {
    out.int32(type);
    out.boolean(done);
    out.int32(error);
}

// Bytes of one multi read's answer; Java's client takes a quarter of it. Parts beyond get an error of their own.
constexpr std::size_t kMultiReadBytesMax = 16 << 20;

ErrorCode answer_multi_read(BytesView body, const Reader& reader, wire::Writer& out) {
    struct Part {
        OpCode op;
        BytesView body;
    };
    std::vector<Part> parts;
    wire::Reader in(body);
    while (true) {
        const auto op = static_cast<OpCode>(in.int32());
        const bool done = in.boolean();
        in.skip(4);
        if (!in.ok()) {
            return ErrorCode::marshalling_error;
        }
        if (done) {
            break;
        }
        const std::size_t begin = in.position();
        (void)read_text(in);
        (void)in.boolean();
        if (!in.ok() || (op != OpCode::get_data && op != OpCode::get_children)) {
            return ErrorCode::marshalling_error;
        }
        parts.push_back({op, body.subspan(begin, in.position() - begin)});
    }
    const std::size_t answer_at = out.size();
    for (const Part& part : parts) {
        const std::size_t header_at = out.size();
        write_multi_header(out, static_cast<std::int32_t>(part.op), false, 0);
        const ErrorCode error = header_at - answer_at < kMultiReadBytesMax
                                    ? answer_read(part.op, part.body, reader, out)
                                    : ErrorCode::system_error;
        if (error != ErrorCode::ok) {
            out.patch_int32(header_at, static_cast<std::int32_t>(OpCode::error));
            out.patch_int32(header_at + 5, static_cast<std::int32_t>(error));
            out.int32(static_cast<std::int32_t>(error));
        }
    }
    write_multi_header(out, -1, true, -1);
    return ErrorCode::ok;
}

ErrorCode answer_ping(BytesView, const Reader&, wire::Writer&) {
    return ErrorCode::ok;
}

using Handler = ErrorCode (*)(BytesView, const Reader&, wire::Writer&);

// By number of the operation; none for those that are no reads.
constexpr std::size_t kOpCodes = 108;
constexpr std::array<Handler, kOpCodes> make_handlers() {
    std::array<Handler, kOpCodes> handlers{};
    const auto set = [&handlers](OpCode op, Handler handler) {
        handlers[static_cast<std::size_t>(op)] = handler;
    };
    set(OpCode::exists, answer_exists);
    set(OpCode::get_data, answer_get_data);
    set(OpCode::get_acl, answer_get_acl);
    set(OpCode::get_children, answer_get_names);
    set(OpCode::get_children2, answer_get_names_and_stat);
    set(OpCode::sync, answer_sync);
    set(OpCode::ping, answer_ping);
    set(OpCode::check_watches, answer_check_watches);
    set(OpCode::remove_watches, answer_remove_watches);
    set(OpCode::multi_read, answer_multi_read);
    set(OpCode::get_ephemerals, answer_get_ephemerals);
    set(OpCode::get_all_children_number, answer_all_children_number);
    set(OpCode::add_watch, answer_add_watch);
    set(OpCode::who_am_i, answer_who_am_i);
    return handlers;
}
constexpr std::array<Handler, kOpCodes> kHandlers = make_handlers();

Handler handler_of(OpCode op) {
    const auto number = static_cast<std::int32_t>(op);
    return number < 0 || static_cast<std::size_t>(number) >= kOpCodes
               ? nullptr
               : kHandlers[static_cast<std::size_t>(number)];
}

}  // namespace

bool is_read(OpCode op) {
    return handler_of(op) != nullptr;
}

ErrorCode answer_read(OpCode op, BytesView body, const Reader& reader, wire::Writer& out) {
    const Handler handler = handler_of(op);
    CHECK(handler != nullptr);
    return handler(body, reader, out);
}

}  // namespace millrace::coordinator::server
