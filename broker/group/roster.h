// The members of one group: who is in, who waits for an answer, which protocols all of them know. No time, no decisions.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/group/requests.h"

namespace millrace::broker::group {

struct Member {
    std::string id;
    std::optional<std::string> instance_id;
    std::string client_id;
    std::string client_host;
    Duration rebalance_timeout{};
    Duration session_timeout{};
    std::vector<Protocol> protocols;
    Bytes assignment;

    // A member in its first JoinGroup expires although it waits: its client may be gone without anyone noticing.
    bool is_new = false;
    std::optional<Token> awaiting_join;
    std::optional<Token> awaiting_sync;
    std::optional<Instant> deadline;  // when silence means that it has failed

    bool is_static() const { return instance_id.has_value(); }
    // Empty when the member does not know the protocol.
    BytesView metadata(std::string_view protocol) const;
};

class Roster {
 public:
    using Members = std::map<std::string, Member, std::less<>>;

    const Members& members() const { return x_members; }
    Members& members() { return x_members; }
    bool empty() const { return x_members.empty(); }
    std::size_t size() const { return x_members.size(); }
    std::size_t static_count() const { return x_static.size(); }
    Member* find(std::string_view member_id);
    const Member* find(std::string_view member_id) const;
    // The member id that an instance id stands for.
    const std::string* static_member(const std::string& instance_id) const;

    const std::optional<std::string>& leader() const { return x_leader; }
    std::string leader_or_empty() const { return x_leader.value_or(""); }
    bool is_leader(std::string_view member_id) const { return x_leader == member_id; }
    void restore_leader(std::optional<std::string> leader) { x_leader = std::move(leader); }

    Member& add(Member member);
    // Also forgets a pending member. The next member by id becomes leader when the leader goes.
    void remove(const std::string& member_id);
    // Same member, other id. Nobody may be waiting in it.
    Member& replace_static(const std::string& old_id, const std::string& new_id);
    void set_protocols(Member& member, std::vector<Protocol> protocols);
    // Gives the leadership to somebody who has joined when the leader has not. False: no leader, or nobody joined.
    bool elect_joined_leader();

    void await_join(Member& member, Token token);
    std::optional<Token> stop_awaiting_join(Member& member);
    std::size_t awaiting_join() const { return x_awaiting_join; }

    // Ids handed out with MEMBER_ID_REQUIRED whose owners have not come back.
    std::map<std::string, Instant>& pending() { return x_pending; }
    const std::map<std::string, Instant>& pending() const { return x_pending; }
    bool all_joined() const { return x_awaiting_join == x_members.size() && x_pending.empty(); }

    Duration rebalance_timeout() const;
    // True when one of the protocols is known to every member.
    bool any_common(const std::vector<Protocol>& protocols) const;
    // Each member votes for the first of its protocols that all know; most votes win, then the lesser name.
    std::string select_protocol() const;

    std::optional<std::string> invariants() const;

 private:
    void count_protocols(const Member& member, int delta);

    Members x_members;
    std::map<std::string, std::string> x_static;  // instance id -> member id
    std::map<std::string, Instant> x_pending;
    std::map<std::string, int, std::less<>> x_protocol_counts;
    std::optional<std::string> x_leader;
    std::size_t x_awaiting_join = 0;
};

}  // namespace millrace::broker::group
