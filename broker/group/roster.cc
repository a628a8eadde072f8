#include "broker/group/roster.h"

#include <algorithm>

#include "lib/base/check.h"

namespace millrace::broker::group {

BytesView Member::metadata(std::string_view protocol) const {
    for (const Protocol& known : protocols) {
        if (known.name == protocol) {
            return known.metadata;
        }
    }
    return {};
}

Member* Roster::find(std::string_view member_id) {
    const auto at = x_members.find(member_id);
    return at == x_members.end() ? nullptr : &at->second;
}

const Member* Roster::find(std::string_view member_id) const {
    const auto at = x_members.find(member_id);
    return at == x_members.end() ? nullptr : &at->second;
}

const std::string* Roster::static_member(const std::string& instance_id) const {
    const auto at = x_static.find(instance_id);
    return at == x_static.end() ? nullptr : &at->second;
}

Member& Roster::add(Member member) {
    CHECK(!x_members.contains(member.id));
    if (member.instance_id) {
        const bool fresh = x_static.emplace(*member.instance_id, member.id).second;
        CHECK(fresh, "an instance id has one member");
    }
    if (!x_leader) {
        x_leader = member.id;
    }
    x_pending.erase(member.id);
    count_protocols(member, 1);
    const std::string id = member.id;
    return x_members.emplace(id, std::move(member)).first->second;
}

void Roster::remove(const std::string& member_id) {
    x_pending.erase(member_id);
    const auto at = x_members.find(member_id);
    if (at == x_members.end()) {
        return;
    }
    CHECK(!at->second.awaiting_sync, "answer a waiting member before it is removed");
    CHECK(!at->second.awaiting_join, "answer a waiting member before it is removed");
    count_protocols(at->second, -1);
    if (at->second.instance_id) {
        x_static.erase(*at->second.instance_id);
    }
    const bool was_leader = is_leader(at->first);
    x_members.erase(at);
    if (was_leader) {
        x_leader.reset();
        if (!x_members.empty()) {
            x_leader = x_members.begin()->first;
        }
    }
}

Member& Roster::replace_static(const std::string& old_id, const std::string& new_id) {
    auto node = x_members.extract(old_id);
    CHECK(!node.empty());
    CHECK(node.mapped().instance_id.has_value());
    CHECK(!node.mapped().awaiting_join && !node.mapped().awaiting_sync);
    if (is_leader(old_id)) {
        x_leader = new_id;
    }
    x_static[*node.mapped().instance_id] = new_id;
    node.key() = new_id;
    node.mapped().id = new_id;
    return x_members.insert(std::move(node)).position->second;
}

void Roster::set_protocols(Member& member, std::vector<Protocol> protocols) {
    count_protocols(member, -1);
    member.protocols = std::move(protocols);
    count_protocols(member, 1);
}

bool Roster::elect_joined_leader() {
    if (!x_leader) {
        return false;
    }
    const Member* leader = find(*x_leader);
    if (leader != nullptr && leader->awaiting_join) {
        return true;
    }
    for (const auto& [id, member] : x_members) {
        if (member.awaiting_join) {
            x_leader = id;
            return true;
        }
    }
    return false;
}

void Roster::await_join(Member& member, Token token) {
    if (!member.awaiting_join) {
        ++x_awaiting_join;
    }
    member.awaiting_join = token;
}

std::optional<Token> Roster::stop_awaiting_join(Member& member) {
    const std::optional<Token> token = member.awaiting_join;
    if (token) {
        --x_awaiting_join;
        member.awaiting_join.reset();
    }
    return token;
}

Duration Roster::rebalance_timeout() const {
    Duration longest{};
    for (const auto& [id, member] : x_members) {
        longest = std::max(longest, member.rebalance_timeout);
    }
    return longest;
}

bool Roster::any_common(const std::vector<Protocol>& protocols) const {
    return std::ranges::any_of(protocols, [this](const Protocol& protocol) {
        const auto at = x_protocol_counts.find(protocol.name);
        const int count = at == x_protocol_counts.end() ? 0 : at->second;
        return static_cast<std::size_t>(count) == x_members.size();
    });
}

std::string Roster::select_protocol() const {
    CHECK(!x_members.empty(), "an empty group has no protocol to select");
    std::map<std::string_view, int> votes;
    for (const auto& [id, member] : x_members) {
        for (const Protocol& protocol : member.protocols) {
            const auto at = x_protocol_counts.find(protocol.name);
            if (static_cast<std::size_t>(at->second) == x_members.size()) {
                ++votes[protocol.name];
                break;
            }
        }
    }
    CHECK(!votes.empty(), "members without a common protocol are refused at the door");
    const auto most = std::ranges::max_element(
        votes, [](const auto& a, const auto& b) { return a.second < b.second; });
    return std::string(most->first);
}

void Roster::count_protocols(const Member& member, int delta) {
    // A name twice in one list counts once, or it would seem known to more members than it is.
    std::set<std::string_view> names;
    for (const Protocol& protocol : member.protocols) {
        if (!names.insert(protocol.name).second) {
            continue;
        }
        const auto at = x_protocol_counts.emplace(protocol.name, 0).first;
        at->second += delta;
        if (at->second == 0) {
            x_protocol_counts.erase(at);
        }
    }
}

std::optional<std::string> Roster::invariants() const {
    std::size_t awaiting = 0;
    std::size_t fixed = 0;
    for (const auto& [id, member] : x_members) {
        if (id != member.id) {
            return "a member is filed under another id: " + id;
        }
        if (x_pending.contains(id)) {
            return "a member is also pending: " + id;
        }
        if (member.awaiting_join && member.awaiting_sync) {
            return "a member waits for two answers: " + id;
        }
        awaiting += member.awaiting_join ? 1 : 0;
        if (member.instance_id) {
            ++fixed;
            const auto at = x_static.find(*member.instance_id);
            if (at == x_static.end() || at->second != id) {
                return "an instance id points to another member than " + id;
            }
        }
    }
    if (awaiting != x_awaiting_join) {
        return "the count of waiting members is wrong";
    }
    if (fixed != x_static.size()) {
        return "an instance id is left without a member";
    }
    if (!x_members.empty() && (!x_leader || !x_members.contains(*x_leader))) {
        return "a group with members has no leader among them";
    }
    return std::nullopt;
}

}  // namespace millrace::broker::group
