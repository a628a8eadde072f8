#include "coordinator/tree/access.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace millrace::coordinator::tree {

namespace {

struct IpPattern {
    std::uint32_t address = 0;
    unsigned bits = 32;
};

std::optional<unsigned> parse_number(std::string_view text, unsigned max) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size() || value > max) {
        return std::nullopt;
    }
    return value;
}

std::optional<std::uint32_t> parse_ipv4(std::string_view text) {
    std::uint32_t address = 0;
    for (int part = 0; part < 4; ++part) {
        const std::size_t dot = part < 3 ? text.find('.') : text.size();
        if (dot == std::string_view::npos) {
            return std::nullopt;
        }
        const auto value = parse_number(text.substr(0, dot), 255);
        if (!value) {
            return std::nullopt;
        }
        address = address << 8 | *value;
        text.remove_prefix(std::min(dot + 1, text.size()));
    }
    return address;
}

std::optional<IpPattern> parse_pattern(std::string_view text) {
    IpPattern pattern;
    const std::size_t slash = text.find('/');
    const auto address = parse_ipv4(text.substr(0, slash));
    if (!address) {
        return std::nullopt;
    }
    pattern.address = *address;
    if (slash != std::string_view::npos) {
        const auto bits = parse_number(text.substr(slash + 1), 32);
        if (!bits) {
            return std::nullopt;
        }
        pattern.bits = *bits;
    }
    return pattern;
}

bool is_world(const AclEntry& entry) {
    return entry.scheme == "world" && entry.id == "anyone";
}

// Identities that prove a user, not just an address, can stand for "auth".
bool proves_user(const Identity& identity) {
    return identity.scheme == "digest" || identity.scheme == "super";
}

bool valid_id(std::string_view scheme, std::string_view id) {
    if (scheme == "digest") {
        const std::size_t colon = id.find(':');
        return colon != std::string_view::npos && colon + 1 < id.size() &&
               id.find(':', colon + 1) == std::string_view::npos;
    }
    return scheme == "ip" && parse_pattern(id).has_value();
}

bool matches(const AclEntry& entry, const Identity& identity) {
    if (entry.scheme != identity.scheme) {
        return false;
    }
    if (entry.scheme == "ip") {
        return ip_matches(identity.id, entry.id);
    }
    return entry.scheme == "digest" && entry.id == identity.id;
}

}  // namespace

bool ip_matches(std::string_view address, std::string_view pattern) {
    const auto parsed = parse_ipv4(address);
    const auto wanted = parse_pattern(pattern);
    if (!parsed || !wanted) {
        return false;
    }
    const std::uint32_t mask = wanted->bits == 0 ? 0 : ~std::uint32_t{0} << (32 - wanted->bits);
    return (*parsed & mask) == (wanted->address & mask);
}

std::optional<AclList> effective_acl(const AclList& asked, const Identities& who) {
    if (asked.empty()) {
        return std::nullopt;
    }
    AclList result;
    for (std::size_t i = 0; i < asked.size(); ++i) {
        const AclEntry& entry = asked[i];
        if (std::find(asked.begin(), asked.begin() + static_cast<std::ptrdiff_t>(i), entry) !=
            asked.begin() + static_cast<std::ptrdiff_t>(i)) {
            continue;
        }
        if (is_world(entry)) {
            result.push_back(entry);
        } else if (entry.scheme == "auth") {
            const std::size_t before = result.size();
            for (const Identity& identity : who) {
                if (proves_user(identity)) {
                    result.push_back({entry.perms, identity.scheme, identity.id});
                }
            }
            if (result.size() == before) {
                return std::nullopt;
            }
        } else if (valid_id(entry.scheme, entry.id)) {
            result.push_back(entry);
        } else {
            return std::nullopt;
        }
    }
    return result;
}

bool permits(const AccessRules& rules, const AclList& acl, std::int32_t perm,
             const Identities& who) {
    if (rules.skip_acl || acl.empty()) {
        return true;
    }
    const auto is_super = [](const Identity& identity) { return identity.scheme == "super"; };
    if (std::ranges::any_of(who, is_super)) {
        return true;
    }
    return std::ranges::any_of(acl, [&](const AclEntry& entry) {
        return (entry.perms & perm) != 0 &&
               (is_world(entry) || std::ranges::any_of(who, [&](const Identity& identity) {
                    return matches(entry, identity);
                }));
    });
}

}  // namespace millrace::coordinator::tree
