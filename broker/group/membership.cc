#include "broker/group/membership.h"

#include <algorithm>

#include "lib/base/check.h"

namespace millrace::broker::group {

std::string_view name_of(GroupState state) {
    switch (state) {
        case GroupState::empty:
            return "Empty";
        case GroupState::preparing_rebalance:
            return "PreparingRebalance";
        case GroupState::completing_rebalance:
            return "CompletingRebalance";
        case GroupState::stable:
            return "Stable";
        case GroupState::dead:
            return "Dead";
    }
    UNREACHABLE();
}

Membership::Membership(std::string group_id, std::int32_t partition, const MembershipConfig& config,
                       WallTime created)
    : x_group_id(std::move(group_id)),
      x_partition(partition),
      x_config(config),
      x_state_timestamp(created.millis) {}

Membership::Membership(std::string group_id, std::int32_t partition, const MembershipConfig& config,
                       const GroupValue& value)
    : x_group_id(std::move(group_id)),
      x_partition(partition),
      x_config(config),
      x_state(value.members.empty() ? GroupState::empty : GroupState::stable),
      x_generation(value.generation),
      x_protocol_name(value.protocol) {
    if (value.current_state_timestamp != -1) {
        x_state_timestamp = value.current_state_timestamp;
    }
    if (!value.protocol_type.empty()) {
        x_protocol_type = value.protocol_type;
    }
    for (const MemberValue& each : value.members) {
        const bool taken =
            x_roster.find(each.member_id) != nullptr ||
            (each.group_instance_id && x_roster.static_member(*each.group_instance_id) != nullptr);
        if (taken) {
            continue;  // a record that names a member twice is not ours; the first entry counts
        }
        Member member;
        member.id = each.member_id;
        member.instance_id = each.group_instance_id;
        member.client_id = each.client_id;
        member.client_host = each.client_host;
        member.rebalance_timeout = std::chrono::milliseconds(each.rebalance_timeout);
        member.session_timeout = std::chrono::milliseconds(each.session_timeout);
        member.protocols.push_back({value.protocol.value_or(""), each.subscription});
        member.assignment = each.assignment;
        x_roster.add(std::move(member));
    }
    if (value.leader && x_roster.find(*value.leader) != nullptr) {
        x_roster.restore_leader(value.leader);
    }
    compute_topics();
}

void Membership::start_sessions(Step& step) {
    for (auto& [id, member] : x_roster.members()) {
        expect_heartbeat(member, member.session_timeout, step);
    }
    if (x_roster.size() > x_config.size_max) {
        maybe_prepare(step);
    }
}

ErrorCode Membership::check_member(const std::string& member_id,
                                   const std::optional<std::string>& instance_id) const {
    if (instance_id) {
        const std::string* owner = x_roster.static_member(*instance_id);
        if (owner == nullptr) {
            return ErrorCode::unknown_member_id;
        }
        if (*owner != member_id) {
            return ErrorCode::fenced_instance_id;
        }
    }
    return x_roster.find(member_id) == nullptr ? ErrorCode::unknown_member_id : ErrorCode::none;
}

void Membership::sync(Token token, const SyncRequest& request, Step& step) {
    ErrorCode error = check_member(request.member_id, request.group_instance_id);
    if (error == ErrorCode::none) {
        if (request.generation != x_generation) {
            error = ErrorCode::illegal_generation;
        } else if ((request.protocol_type && request.protocol_type != x_protocol_type) ||
                   (request.protocol_name && request.protocol_name != x_protocol_name)) {
            error = ErrorCode::inconsistent_group_protocol;
        } else if (x_state == GroupState::preparing_rebalance) {
            error = ErrorCode::rebalance_in_progress;
        }
    }
    if (error != ErrorCode::none) {
        step.out.respond(token, SyncResponse{.error = error});
        return;
    }
    sync_now(token, *x_roster.find(request.member_id), request, step);
}

void Membership::sync_now(Token token, Member& member, const SyncRequest& request, Step& step) {
    x_pending_sync.erase(member.id);
    if (x_pending_sync.empty()) {
        x_sync_deadline.reset();
    }
    if (x_state == GroupState::stable) {
        SyncResponse response;
        response.protocol_type = x_protocol_type;
        response.protocol_name = x_protocol_name;
        response.assignment = member.assignment;
        step.out.respond(token, std::move(response));
        expect_heartbeat(member, member.session_timeout, step);
        return;
    }
    CHECK(x_state == GroupState::completing_rebalance, "an empty group has no members to sync");
    if (const std::optional<Token> earlier = std::exchange(member.awaiting_sync, token)) {
        // A retry on a second connection takes over; the first one is let go.
        step.out.respond(*earlier, SyncResponse{.error = ErrorCode::rebalance_in_progress});
    }
    if (x_roster.is_leader(member.id)) {
        const Ticket ticket = store(&request.assignments, step);
        x_stored.emplace(ticket, StoredAssignment{x_generation, request.assignments});
    }
}

ErrorCode Membership::heartbeat(const HeartbeatRequest& request, Step& step) {
    const ErrorCode error = check_member(request.member_id, request.group_instance_id);
    if (error != ErrorCode::none) {
        return error;
    }
    if (request.generation != x_generation) {
        return ErrorCode::illegal_generation;
    }
    Member& member = *x_roster.find(request.member_id);
    expect_heartbeat(member, member.session_timeout, step);
    return x_state == GroupState::preparing_rebalance ? ErrorCode::rebalance_in_progress
                                                      : ErrorCode::none;
}

LeaveResponse Membership::leave(const LeaveRequest& request, Step& step) {
    LeaveResponse response;
    response.members.reserve(request.members.size());
    for (const LeavingMember& leaving : request.members) {
        response.members.push_back(leave_one(leaving, step));
    }
    return response;
}

ErrorCode Membership::leave_one(const LeavingMember& leaving, Step& step) {
    if (leaving.member_id.empty()) {
        // An administrator removes a static member whose id he does not know.
        const std::string* owner = leaving.group_instance_id
                                       ? x_roster.static_member(*leaving.group_instance_id)
                                       : nullptr;
        if (owner == nullptr) {
            return ErrorCode::unknown_member_id;
        }
        remove_member(std::string(*owner), step);
        return ErrorCode::none;
    }
    if (x_roster.pending().erase(leaving.member_id) > 0) {
        try_complete_join(step);
        return ErrorCode::none;
    }
    const ErrorCode error = check_member(leaving.member_id, leaving.group_instance_id);
    if (error == ErrorCode::none) {
        remove_member(leaving.member_id, step);
    }
    return error;
}

// Removes a member and lets the group go on without it.
void Membership::remove_member(const std::string& member_id, Step& step) {
    drop(member_id, ErrorCode::unknown_member_id, step);
    if (x_state == GroupState::preparing_rebalance) {
        try_complete_join(step);
    } else {
        maybe_prepare(step);
    }
}

// Takes a member out of the lists. Requests that wait in its name end with the error.
void Membership::drop(const std::string& member_id, ErrorCode error, Step& step) {
    if (Member* member = x_roster.find(member_id)) {
        JoinResponse response;
        response.error = error;
        answer_join(*member, std::move(response), step);
        if (const std::optional<Token> token = std::exchange(member->awaiting_sync, std::nullopt)) {
            step.out.respond(*token, SyncResponse{.error = error});
        }
    }
    x_roster.remove(member_id);
    if (x_pending_sync.erase(member_id) > 0 && x_pending_sync.empty()) {
        x_sync_deadline.reset();
    }
}

void Membership::unload(ErrorCode error, Step& step) {
    for (auto& [id, member] : x_roster.members()) {
        JoinResponse response;
        response.error = error;
        response.member_id = id;
        answer_join(member, std::move(response), step);
        if (const std::optional<Token> token = std::exchange(member.awaiting_sync, std::nullopt)) {
            step.out.respond(*token, SyncResponse{.error = error});
        }
    }
    x_stored.clear();
    x_pending_sync.clear();
    x_join_deadline.reset();
    x_initial_delay.reset();
    x_sync_deadline.reset();
    x_wake.reset();
    move_to(GroupState::dead, step);
}

ErrorCode Membership::check_commit(const CommitRequest& request, bool transactional, Step& step) {
    if (request.generation < 0 && x_state == GroupState::empty) {
        return ErrorCode::none;  // a consumer that only stores offsets, or a tool
    }
    const bool as_member =
        request.generation >= 0 || !request.member_id.empty() || request.group_instance_id;
    if (!as_member) {
        return transactional ? ErrorCode::none : ErrorCode::unknown_member_id;
    }
    const ErrorCode error = check_member(request.member_id, request.group_instance_id);
    if (error != ErrorCode::none) {
        return error;
    }
    if (request.generation != x_generation) {
        return ErrorCode::illegal_generation;
    }
    if (transactional) {
        return ErrorCode::none;
    }
    if (x_state == GroupState::completing_rebalance) {
        return ErrorCode::rebalance_in_progress;
    }
    Member& member = *x_roster.find(request.member_id);
    expect_heartbeat(member, member.session_timeout, step);
    return ErrorCode::none;
}

void Membership::expect_heartbeat(Member& member, Duration within, Step& step) {
    member.deadline = step.at.now + within;
    wake_by(*member.deadline);
}

void Membership::move_to(GroupState state, Step& step) {
    x_state = state;
    x_state_timestamp = step.at.wall.millis;
}

void Membership::compute_topics() {
    x_topics.reset();
    if (!is_consumer_group()) {
        return;
    }
    std::set<std::string> topics;
    for (const auto& [id, member] : x_roster.members()) {
        Result<std::vector<std::string>> read =
            decode_subscribed_topics(member.metadata(x_protocol_name.value_or("")));
        if (!read) {
            return;
        }
        topics.insert(read->begin(), read->end());
    }
    x_topics = std::move(topics);
}

DescribeResponse Membership::describe() const {
    DescribeResponse response;
    response.state = name_of(x_state);
    response.protocol_type = x_protocol_type.value_or("");
    const bool stable = x_state == GroupState::stable;
    if (stable) {
        response.protocol_name = x_protocol_name.value_or("");
    }
    for (const auto& [id, member] : x_roster.members()) {
        DescribedMember described{id, member.instance_id, member.client_id, member.client_host, {},
                                  {}};
        if (stable) {
            const BytesView metadata = member.metadata(response.protocol_name);
            described.metadata.assign(metadata.begin(), metadata.end());
            described.assignment = member.assignment;
        }
        response.members.push_back(std::move(described));
    }
    return response;
}

std::optional<std::string> Membership::invariants() const {
    if (std::optional<std::string> broken = x_roster.invariants()) {
        return broken;
    }
    const bool has_members = !x_roster.empty();
    const bool preparing = x_state == GroupState::preparing_rebalance;
    if (x_state == GroupState::empty && has_members) {
        return "an empty group has members";
    }
    if ((x_state == GroupState::stable || x_state == GroupState::completing_rebalance) &&
        (!has_members || !x_protocol_name || x_generation <= 0)) {
        return "a group with a generation lacks members, a protocol or a generation number";
    }
    if (preparing != x_join_deadline.has_value()) {
        return "a join deadline is set exactly while a rebalance is prepared";
    }
    for (const auto& [id, member] : x_roster.members()) {
        if (member.awaiting_sync && x_state != GroupState::completing_rebalance) {
            return "a member waits for a sync that nobody will answer: " + id;
        }
        if (member.awaiting_join && !preparing && x_stored.empty()) {
            return "a member waits for a join that nobody will answer: " + id;
        }
        if (!member.deadline && !member.awaiting_join && !member.awaiting_sync &&
            x_state != GroupState::dead) {
            return "a member can never expire: " + id;
        }
        if (member.deadline && x_state != GroupState::dead &&
            (!x_wake || *member.deadline < *x_wake)) {
            return "a deadline lies before the next wake-up: " + id;
        }
    }
    for (const std::string& id : x_pending_sync) {
        if (x_roster.find(id) == nullptr) {
            return "a sync is expected from somebody who is no member: " + id;
        }
    }
    return std::nullopt;
}

}  // namespace millrace::broker::group
