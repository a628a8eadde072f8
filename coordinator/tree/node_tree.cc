#include "coordinator/tree/node_tree.h"

#include <fmt/format.h>
#include <isa-l.h>

#include <algorithm>

#include "coordinator/tree/frozen_view.h"
#include "lib/base/check.h"

namespace millrace::coordinator::tree {

namespace {

constexpr std::string_view kReservedPrefix = "/zookeeper/";
// In every tree, beside the configuration node, which has an access list of its own.
constexpr std::array<std::string_view, 3> kBirthNodes = {"/", "/zookeeper", "/zookeeper/quota"};

// CRC-32 over path, data and the 60 bytes of the stat; nodes below /zookeeper differ between servers and have none.
std::uint32_t digest_of(const Node& node) {
    std::string_view path = node.path();
    if (path.starts_with(kReservedPrefix)) {
        return 0;
    }
    if (path == "/") {
        path = {};
    }
    std::array<std::byte, 60> stat{};
    std::size_t at = 0;
    const auto put = [&](std::uint64_t value, std::size_t size) {
        for (std::size_t i = 0; i < size; ++i) {
            stat[at++] = static_cast<std::byte>(value >> (8 * (size - 1 - i)));
        }
    };
    const auto put64 = [&](std::int64_t value) { put(static_cast<std::uint64_t>(value), 8); };
    const auto put32 = [&](std::int32_t value) { put(static_cast<std::uint32_t>(value), 4); };
    put64(node.stat.czxid);
    put64(node.stat.mzxid);
    put64(node.stat.pzxid);
    put64(node.stat.ctime);
    put64(node.stat.mtime);
    put32(node.stat.version);
    put32(node.stat.cversion);
    put32(node.stat.aversion);
    put64(node.stat.ephemeral_owner);
    std::uint32_t crc = 0;
    const auto extend = [&crc](BytesView bytes) {
        crc = crc32_gzip_refl(crc, reinterpret_cast<const unsigned char*>(bytes.data()),
                              bytes.size());
    };
    extend(as_bytes(path));
    extend(node.data());
    extend(stat);
    return crc;
}

std::size_t weight(const Node& node) {
    return node.path().size() + node.data_size();
}

}  // namespace

void Outcome::clear() {
    zxid = 0;
    result = {};
    multi.clear();
    triggers.clear();
    owned_paths.clear();
}

std::size_t NodeTree::Hash::operator()(std::string_view path) const {
    return std::hash<std::string_view>()(path);
}

NodeTree::NodeTree() {
    add_birth_nodes();
}

NodeTree::~NodeTree() {
    CHECK(x_views.empty(), "a view outlives its tree");
    destroy_all();
}

void NodeTree::destroy_all() {
    for (Node* node : x_nodes) {
        Node::destroy(node);
    }
    x_nodes.clear();
}

const Node* NodeTree::find(std::string_view path) const {
    return lookup(path);
}

Node* NodeTree::lookup(std::string_view path) const {
    const auto found = x_nodes.find(path);
    return found == x_nodes.end() ? nullptr : *found;
}

const NodeTree::PathSet* NodeTree::ephemerals(std::int64_t session) const {
    const auto found = x_ephemerals.find(session);
    return found == x_ephemerals.end() ? nullptr : &found->second;
}

std::vector<std::int64_t> NodeTree::ephemeral_owners() const {
    std::vector<std::int64_t> owners;
    owners.reserve(x_ephemerals.size());
    for (const auto& [session, paths] : x_ephemerals) {
        owners.push_back(session);
    }
    std::ranges::sort(owners);
    return owners;
}

void NodeTree::before_change(Node& node) {
    for (FrozenView* view : x_views) {
        view->save(node);
    }
    x_digest -= node.digest;
    x_data_size -= weight(node);
}

void NodeTree::after_change(Node& node) {
    node.digest = digest_of(node);
    x_digest += node.digest;
    x_data_size += weight(node);
}

Node* NodeTree::insert(std::string_view path, BytesView data, AclId acl, const NodeStat& stat) {
    Node* node = Node::make(path);
    node->set_data(data);
    node->acl = acl;
    node->stat = stat;
    CHECK(x_nodes.insert(node).second);
    if (path != "/") {
        Node* parent = lookup(parent_of(path));
        CHECK(parent != nullptr);
        parent->add_child(node);
    }
    note_owner(*node, true);
    after_change(*node);
    return node;
}

void NodeTree::note_owner(const Node& node, bool added) {
    const std::int64_t owner = node.stat.ephemeral_owner;
    PathSet* set = nullptr;
    switch (owner_kind(owner, x_extended)) {
        case OwnerKind::none:
            return;
        case OwnerKind::container:
            set = &x_containers;
            break;
        case OwnerKind::ttl:
            set = &x_ttl_nodes;
            break;
        case OwnerKind::session:
            set = &x_ephemerals[owner];
            x_ephemeral_count += added ? 1U : ~std::size_t{0};
            break;
    }
    if (added) {
        CHECK(set->insert(node.path()).second);
        return;
    }
    CHECK(set->erase(node.path()) == 1);
    if (set->empty() && set != &x_containers && set != &x_ttl_nodes) {
        x_ephemerals.erase(owner);
    }
}

void NodeTree::add_birth_nodes() {
    for (const std::string_view path : kBirthNodes) {
        if (lookup(path) == nullptr) {
            insert(path, as_bytes(""), kOpenAcl, {});
        }
    }
    constexpr std::string_view kConfig = "/zookeeper/config";
    if (lookup(kConfig) == nullptr) {
        // Readable by everyone, writable by a super user only (ZOOKEEPER-2014).
        const AclList readable{{.perms = 1, .scheme = "world", .id = "anyone"}};
        const Result<AclId> acl = x_acls.intern(encode_acl(readable));
        CHECK(acl.has_value());
        insert(kConfig, as_bytes(""), *acl, {.aversion = -1});
    }
}

void NodeTree::count_change(std::string_view path, std::int64_t nodes, std::int64_t bytes) {
    const std::string_view subject = x_quotas.subject_of(path);
    Node* counts = subject.empty() ? nullptr : lookup(Quotas::counts_path(subject));
    if (counts == nullptr) {
        return;
    }
    QuotaFigures figures = QuotaFigures::parse(as_text(counts->data()));
    figures.set(figures.count() + nodes, figures.bytes() + bytes);
    before_change(*counts);
    counts->set_data(as_bytes(figures.to_string()));
    after_change(*counts);
}

void NodeTree::recount(std::string_view subject) {
    Node* counts = lookup(Quotas::counts_path(subject));
    if (counts == nullptr) {
        return;
    }
    std::int64_t nodes = 0;
    std::int64_t bytes = 0;
    std::vector<const Node*> open;
    if (const Node* top = lookup(subject.empty() ? "/" : subject)) {
        open.push_back(top);
    }
    while (!open.empty()) {
        const Node* node = open.back();
        open.pop_back();
        nodes += 1;
        bytes += static_cast<std::int64_t>(node->data_size());
        if (node->children() != nullptr) {
            node->children()->for_each([&open](const Node& child) { open.push_back(&child); });
        }
    }
    QuotaFigures figures;
    figures.set(nodes, bytes);
    before_change(*counts);
    counts->set_data(as_bytes(figures.to_string()));
    after_change(*counts);
}

void NodeTree::find_quotas() {
    x_quotas.clear();
    std::vector<const Node*> open{lookup("/zookeeper/quota")};
    while (!open.empty()) {
        const Node* node = open.back();
        open.pop_back();
        if (node->children() != nullptr) {
            node->children()->for_each([&open](const Node& child) { open.push_back(&child); });
            continue;
        }
        if (Quotas::is_limits_node(node->path())) {
            x_quotas.created(node->path());
            recount(Quotas::subject_in(node->path()));
        }
    }
}

void NodeTree::load_begin() {
    CHECK(x_views.empty(), "a tree is loaded while a snapshot of it is taken");
    x_ephemerals.clear();
    x_containers.clear();
    x_ttl_nodes.clear();
    destroy_all();
    x_acls.clear();
    x_sessions.clear();
    x_last_zxid = 0;
    x_digest = 0;
    x_data_size = 0;
    x_ephemeral_count = 0;
}

void NodeTree::load_session(std::int64_t id, std::int32_t timeout_ms) {
    x_sessions[id] = timeout_ms;
}

Status NodeTree::load_acl(std::int64_t id, BytesView encoded) {
    return x_acls.load(id, encoded);
}

Status NodeTree::load_node(std::string_view path, BytesView data, std::int64_t acl,
                           const NodeStat& stat) {
    const std::string_view key = path.empty() ? "/" : path;
    if (!key.starts_with('/') || (key.size() > 1 && key.ends_with('/'))) {
        return fail(Errc::malformed, fmt::format("bad path {:?} in a snapshot", path));
    }
    if (lookup(key) != nullptr) {
        return fail(Errc::malformed, fmt::format("node {} stands twice in a snapshot", key));
    }
    if (std::ranges::find(kBirthNodes, key) != kBirthNodes.end() && stat.ephemeral_owner != 0) {
        return fail(Errc::malformed, fmt::format("node {} belongs to a session", key));
    }
    if (key != "/") {
        const Node* parent = lookup(parent_of(key));
        if (parent == nullptr) {
            return fail(Errc::malformed, fmt::format("node {} stands before its parent", key));
        }
        // Nodes with a lifetime look so to a server that does not know such nodes.
        if (owner_kind(parent->stat.ephemeral_owner, x_extended) == OwnerKind::session) {
            return fail(Errc::malformed,
                        fmt::format("node {} stands below an ephemeral one; data with TTL nodes "
                                    "needs extendedTypesEnabled=true",
                                    key));
        }
    }
    const AclId id = TRY(x_acls.loaded_id(acl));
    x_acls.add_use(id);
    insert(key, data, id, stat);
    return {};
}

void NodeTree::load_finish(std::int64_t zxid) {
    add_birth_nodes();
    find_quotas();
    x_acls.collect();
    x_last_zxid = zxid;
}

void NodeTree::invariants() const {
    std::uint64_t digest = 0;
    std::uint64_t size = 0;
    std::size_t children = 0;
    std::size_t ephemerals = 0;
    for (const Node* node : x_nodes) {
        CHECK(node->digest == digest_of(*node));
        digest += node->digest;
        size += weight(*node);
        children += node->child_count();
        CHECK(x_acls.find(node->acl) != nullptr);
        if (node->path() != "/") {
            const Node* parent = lookup(parent_of(node->path()));
            CHECK(parent != nullptr && parent->children() != nullptr);
            CHECK(parent->children()->after(node->name(), true) == node);
        }
        if (owner_kind(node->stat.ephemeral_owner, x_extended) == OwnerKind::session) {
            ++ephemerals;
            const PathSet* owned = this->ephemerals(node->stat.ephemeral_owner);
            CHECK(owned != nullptr && owned->contains(node->path()));
            CHECK(node->child_count() == 0, "an ephemeral node has children");
        }
    }
    CHECK(digest == x_digest);
    CHECK(size == x_data_size);
    CHECK(children + 1 == x_nodes.size());
    CHECK(ephemerals == x_ephemeral_count);
}

}  // namespace millrace::coordinator::tree
