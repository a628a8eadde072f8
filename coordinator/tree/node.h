// One znode: a fixed part, its path behind it in the same block, its data in a block of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "coordinator/tree/acl_cache.h"
#include "lib/base/bytes.h"
#include "lib/wire/writer.h"

namespace millrace::coordinator::tree {

// What a snapshot stores for a node (StatPersisted, 60 bytes). cversion counts creations of children only.
struct NodeStat {
    std::int64_t czxid = 0;
    std::int64_t mzxid = 0;
    std::int64_t ctime = 0;
    std::int64_t mtime = 0;
    std::int32_t version = 0;
    std::int32_t cversion = 0;
    std::int32_t aversion = 0;
    std::int64_t ephemeral_owner = 0;
    std::int64_t pzxid = 0;

    bool operator==(const NodeStat&) const = default;
};

// Stat of the client protocol (68 bytes): cversion counts creations and deletions, containers and TTL nodes have no owner.
struct WireStat {
    static constexpr std::size_t kSize = 68;

    NodeStat stat;
    std::int64_t shown_owner = 0;
    std::int32_t data_length = 0;
    std::int32_t num_children = 0;

    bool operator==(const WireStat&) const = default;
    void encode(wire::Writer& out) const;
};

// What ephemeralOwner says about a node.
enum class OwnerKind { none, session, container, ttl };
inline constexpr std::int64_t kContainerOwner = INT64_MIN;
inline constexpr std::int64_t kTtlMax = 0x00ff'ffff'ffff;  // milliseconds
std::int64_t ttl_owner(std::int64_t ttl_ms);
// extended: zookeeper.extendedTypesEnabled; without it an owner that begins with 0xff is a session of server 255.
OwnerKind owner_kind(std::int64_t owner, bool extended);

class Node;

// The children of one node, ordered by name in pieces of bounded size: insertion moves at most one piece.
class ChildSet {
 public:
    void insert(Node* child);
    void erase(const Node* child);
    std::size_t size() const { return x_size; }
    // The first child whose name is above (or at, if inclusive) the one given; null at the end.
    Node* after(std::string_view name, bool inclusive) const;
    template <class F>
    void for_each(F&& visit) const {
        for (const auto& piece : x_pieces) {
            for (Node* child : piece) {
                visit(*child);
            }
        }
    }

 private:
    static constexpr std::size_t kPieceMax = 512;
    std::size_t piece_of(std::string_view name) const;

    std::vector<std::vector<Node*>> x_pieces;
    std::size_t x_size = 0;
};

class Node {
 public:
    static Node* make(std::string_view path);
    static void destroy(Node* node);
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    // "/" for the root, otherwise without a slash at the end.
    std::string_view path() const { return {reinterpret_cast<const char*>(this + 1), x_path_size}; }
    // The part after the last slash.
    std::string_view name() const { return path().substr(path().rfind('/') + 1); }
    // Null (no address) and empty data differ, as they do for clients.
    BytesView data() const;
    std::size_t data_size() const { return x_data_size == kNullData ? 0 : x_data_size; }
    void set_data(BytesView bytes);

    std::size_t child_count() const { return x_children ? x_children->size() : 0; }
    const ChildSet* children() const { return x_children.get(); }
    void add_child(Node* child);
    void remove_child(const Node* child);

    WireStat wire_stat(bool extended) const;

    NodeStat stat;
    AclId acl = kOpenAcl;
    // Its share of the tree's digest, 0 for nodes that have none.
    std::uint32_t digest = 0;

 private:
    explicit Node(std::size_t path_size) : x_path_size(static_cast<std::uint32_t>(path_size)) {}
    ~Node() = default;

    static constexpr std::uint32_t kNullData = ~std::uint32_t{0};

    std::uint32_t x_path_size;
    std::uint32_t x_data_size = kNullData;
    std::unique_ptr<std::byte[]> x_data;
    std::unique_ptr<ChildSet> x_children;
};

// "/a/b" -> "/a"; "/a" -> "/". The path must not be the root's.
std::string_view parent_of(std::string_view path);
std::string_view name_in(std::string_view path);

// The order in which a snapshot stands: parents before children, siblings by bytes.
struct PreOrder {
    using is_transparent = void;
    bool operator()(std::string_view left, std::string_view right) const;
};

}  // namespace millrace::coordinator::tree
