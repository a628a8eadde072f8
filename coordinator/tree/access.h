// Who may do what: identities of a connection against access control lists. Schemes world, auth, digest, ip and super.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/tree/acl_cache.h"

namespace millrace::coordinator::tree {

// What a connection has proved: ("ip", "10.0.0.7"), ("digest", "user:hash"), ("super", "").
struct Identity {
    std::string scheme;
    std::string id;

    bool operator==(const Identity&) const = default;
};
using Identities = std::vector<Identity>;

struct AccessRules {
    bool skip_acl = false;
    // "user:hash" whose owner becomes the super user; empty for none.
    std::string super_digest;
};

// The list a client asked for, made ready to be stored: duplicates dropped, "auth" replaced by the identities that can own
// nodes. Nothing (ZooKeeper's InvalidACL) for empty lists, unknown schemes and ids their scheme refuses.
std::optional<AclList> effective_acl(const AclList& asked, const Identities& who);

// Whether one of the identities has the permission (zk::Permission). Lists without entries permit everything, as in ZooKeeper.
bool permits(const AccessRules& rules, const AclList& acl, std::int32_t perm,
             const Identities& who);

// "10.0.0.7" against "10.0.0.0/8", "::1" against "::/64". An IPv4 address written as IPv6 ("::ffff:10.0.0.7") counts as IPv4.
bool ip_matches(std::string_view address, std::string_view pattern);

}  // namespace millrace::coordinator::tree
