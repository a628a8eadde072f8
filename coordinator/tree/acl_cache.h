// Access control lists, each kept once. Nodes carry an id; ids are local to a process and travel only in snapshots.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/result.h"

namespace millrace::coordinator::tree {

struct AclEntry {
    std::int32_t perms =
        0;  // bits of zk::Permission: read 1, write 2, create 4, delete 8, admin 16
    std::string scheme;
    std::string id;

    bool operator==(const AclEntry&) const = default;
};
using AclList = std::vector<AclEntry>;

using AclId = std::int32_t;
// world:anyone with all permissions; never stored.
inline constexpr AclId kOpenAcl = -1;

// vector<ACL> as jute writes it. decode_acl errors: malformed. A null vector reads as empty.
Bytes encode_acl(const AclList& acl);
Result<AclList> decode_acl(BytesView encoded);
const AclList& open_acl();

class AclCache {
 public:
    // The id of a list given in its encoded form, with one more use counted. Errors: malformed.
    Result<AclId> intern(BytesView encoded);
    // Counts one use more or less. A list without uses stays readable until collect(), so that watch filters can still ask.
    void add_use(AclId id);
    void remove_use(AclId id);
    // Forgets the lists without uses.
    void collect();

    // Null for an id that is not there.
    const AclList* find(AclId id) const;
    // The list of an id that must be there.
    const AclList& get(AclId id) const;
    // The encoded form of a stored id, or of the open list.
    BytesView encoded(AclId id) const;

    // All stored lists, ordered by id; for snapshots. The open list is not among them.
    std::vector<std::pair<std::int64_t, Bytes>> entries() const;
    std::size_t size() const { return x_by_id.size(); }
    void clear();

    // Loading: stores a list under the id a snapshot gave it, without uses. Errors: malformed, already_exists, too_large
    // (ids of a Java server stay below 2^31).
    Status load(std::int64_t id, BytesView encoded);
    // Loading: an id of a snapshot, checked. Errors: not_found.
    Result<AclId> loaded_id(std::int64_t id) const;

 private:
    struct Entry {
        Bytes encoded;
        AclList list;
        std::uint64_t uses = 0;
    };
    std::map<AclId, std::unique_ptr<Entry>> x_by_id;
    boost::unordered_flat_map<std::string_view, AclId> x_by_bytes;  // views into the entries
    std::vector<AclId> x_unused;
    AclId x_next = 1;
};

}  // namespace millrace::coordinator::tree
