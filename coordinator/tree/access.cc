#include "coordinator/tree/access.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace millrace::coordinator::tree {

namespace {

// 4 or 16 bytes.
using Address = std::vector<std::uint8_t>;

struct IpPattern {
    Address address;
    std::size_t bits = 0;
};

std::optional<unsigned> parse_number(std::string_view text, unsigned max, int base = 10) {
    unsigned value = 0;
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, value, base);
    if (text.empty() || error != std::errc() || at != end || value > max) {
        return std::nullopt;
    }
    return value;
}

std::optional<Address> parse_ipv4(std::string_view text) {
    Address address;
    for (int part = 0; part < 4; ++part) {
        const std::size_t dot = part < 3 ? text.find('.') : text.size();
        if (dot == std::string_view::npos) {
            return std::nullopt;
        }
        const auto value = parse_number(text.substr(0, dot), 255);
        if (!value) {
            return std::nullopt;
        }
        address.push_back(static_cast<std::uint8_t>(*value));
        text.remove_prefix(std::min(dot + 1, text.size()));
    }
    return address;
}

// Groups between colons; the last one may be an IPv4 address.
std::optional<Address> parse_groups(std::string_view text) {
    Address bytes;
    while (!text.empty()) {
        const std::size_t colon = text.find(':');
        const std::string_view group = text.substr(0, colon);
        if (colon == std::string_view::npos && group.find('.') != std::string_view::npos) {
            const auto tail = parse_ipv4(group);
            if (!tail) {
                return std::nullopt;
            }
            bytes.insert(bytes.end(), tail->begin(), tail->end());
            return bytes;
        }
        const auto value = parse_number(group, 0xffff, 16);
        if (!value || colon + 1 == text.size()) {
            return std::nullopt;
        }
        bytes.push_back(static_cast<std::uint8_t>(*value >> 8));
        bytes.push_back(static_cast<std::uint8_t>(*value & 0xff));
        text = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
    }
    return bytes;
}

std::optional<Address> parse_ipv6(std::string_view text) {
    constexpr std::size_t kBytes = 16;
    const std::size_t gap = text.find("::");
    const auto head = parse_groups(text.substr(0, gap));
    if (!head) {
        return std::nullopt;
    }
    if (gap == std::string_view::npos) {
        return head->size() == kBytes ? head : std::nullopt;
    }
    const auto tail = parse_groups(text.substr(gap + 2));
    if (!tail || head->size() + tail->size() >= kBytes) {
        return std::nullopt;
    }
    Address address = *head;
    address.resize(kBytes - tail->size());
    address.insert(address.end(), tail->begin(), tail->end());
    return address;
}

std::optional<Address> parse_address(std::string_view text) {
    static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (text.find(':') == std::string_view::npos) {
        return parse_ipv4(text);
    }
    auto address = parse_ipv6(text);
    if (address && std::equal(kMapped.begin(), kMapped.end(), address->begin())) {
        address->erase(address->begin(), address->begin() + kMapped.size());
    }
    return address;
}

std::optional<IpPattern> parse_pattern(std::string_view text) {
    const std::size_t slash = text.find('/');
    auto address = parse_address(text.substr(0, slash));
    if (!address) {
        return std::nullopt;
    }
    IpPattern pattern{.address = std::move(*address)};
    pattern.bits = pattern.address.size() * 8;
    if (slash != std::string_view::npos) {
        const auto bits = parse_number(text.substr(slash + 1), static_cast<unsigned>(pattern.bits));
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
    const auto parsed = parse_address(address);
    const auto wanted = parse_pattern(pattern);
    if (!parsed || !wanted || parsed->size() != wanted->address.size()) {
        return false;
    }
    for (std::size_t bit = 0; bit < wanted->bits; ++bit) {
        const unsigned mask = 0x80U >> (bit % 8);
        if ((((*parsed)[bit / 8] ^ wanted->address[bit / 8]) & mask) != 0) {
            return false;
        }
    }
    return true;
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
