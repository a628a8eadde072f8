// Who may join, and what a join does to the group.
#include <algorithm>

#include "broker/group/membership.h"
#include "lib/base/check.h"

namespace millrace::broker::group {
namespace {

// A newcomer cannot send heartbeats before its JoinGroup is answered. If its client vanished and retries under further ids, the
// defunct ones leave the round after this time.
constexpr Duration kNewMemberJoinTimeout = std::chrono::minutes(5);

// The text of a random UUID, version 4, as java.util.UUID prints it.
std::string random_uuid(Random& random) {
    const std::uint64_t high = (random.next() & ~0xf000ULL) | 0x4000ULL;
    const std::uint64_t low = (random.next() & ~(3ULL << 62)) | (2ULL << 62);
    return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff,
                       high & 0xffff, low >> 48, low & 0xffffffffffffULL);
}

JoinResponse refused(ErrorCode error, std::string member_id) {
    JoinResponse response;
    response.error = error;
    response.member_id = std::move(member_id);
    return response;
}

}  // namespace

ErrorCode Membership::check_join(const JoinRequest& request, Step& step) {
    if (request.session_timeout < x_config.session_timeout_min ||
        request.session_timeout > x_config.session_timeout_max) {
        return ErrorCode::invalid_session_timeout;
    }
    const Member* member = x_roster.find(request.member_id);
    bool accepted = true;
    if (x_state == GroupState::preparing_rebalance) {
        // Those who wait are counted, so that a group above a lowered limit sheds its last rejoiners.
        accepted = (member != nullptr && member->awaiting_join) ||
                   x_roster.awaiting_join() < x_config.size_max;
    } else if (x_state != GroupState::empty) {
        accepted = member != nullptr || x_roster.size() < x_config.size_max;
    }
    if (!accepted || x_roster.pending().size() >= x_config.pending_max) {
        drop(request.member_id, ErrorCode::group_max_size_reached, step);
        return ErrorCode::group_max_size_reached;
    }
    const bool fits =
        x_state == GroupState::empty
            ? !request.protocol_type.empty() && !request.protocols.empty()
            : x_protocol_type == request.protocol_type && x_roster.any_common(request.protocols);
    return fits ? ErrorCode::none : ErrorCode::inconsistent_group_protocol;
}

void Membership::join(Token token, const JoinRequest& request, Step& step) {
    const ErrorCode error = check_join(request, step);
    if (error != ErrorCode::none) {
        const bool forget_id = error == ErrorCode::group_max_size_reached;
        step.out.respond(token, refused(error, forget_id ? "" : request.member_id));
    } else if (request.member_id.empty()) {
        join_new(token, request, step);
    } else {
        join_known(token, request, step);
    }
    try_complete_join(step);
}

void Membership::join_new(Token token, const JoinRequest& request, Step& step) {
    const std::string prefix = request.group_instance_id.value_or(request.client_id);
    std::string id = prefix + "-" + random_uuid(step.random);
    if (request.group_instance_id) {
        if (x_roster.static_member(*request.group_instance_id) != nullptr) {
            replace_static(token, id, request, step);
        } else {
            add_member(token, std::move(id), request, step);
        }
    } else if (request.require_known_member_id) {
        const Instant deadline = step.at.now + request.session_timeout;
        x_roster.pending().emplace(id, deadline);
        wake_by(deadline);
        step.out.respond(token, refused(ErrorCode::member_id_required, std::move(id)));
    } else {
        add_member(token, std::move(id), request, step);
    }
}

void Membership::join_known(Token token, const JoinRequest& request, Step& step) {
    if (x_roster.pending().contains(request.member_id)) {
        if (request.group_instance_id) {
            step.out.respond(token, refused(ErrorCode::unknown_member_id, request.member_id));
            return;
        }
        add_member(token, request.member_id, request, step);
        return;
    }
    const ErrorCode error = check_member(request.member_id, request.group_instance_id);
    if (error != ErrorCode::none) {
        step.out.respond(token, refused(error, request.member_id));
        return;
    }
    join_again(token, *x_roster.find(request.member_id), request, step);
}

void Membership::join_again(Token token, Member& member, const JoinRequest& request, Step& step) {
    const bool same = member.protocols == request.protocols;
    switch (x_state) {
        case GroupState::preparing_rebalance:
            update_member(token, member, request, step);
            return;
        case GroupState::completing_rebalance:
            // The same metadata again: the first answer was lost, so it is given once more.
            if (same) {
                answer_current(token, member, step);
            } else {
                update_member(token, member, request, step);
            }
            return;
        case GroupState::stable:
            // A leader joins again when something beside the metadata has changed, the partitions of a topic for instance.
            if (same && !x_roster.is_leader(member.id)) {
                answer_current(token, member, step);
            } else {
                update_member(token, member, request, step);
            }
            return;
        case GroupState::empty:
        case GroupState::dead:
            step.out.respond(token, refused(ErrorCode::unknown_member_id, request.member_id));
            return;
    }
    UNREACHABLE();
}

void Membership::answer_current(Token token, const Member& member, Step& step) {
    JoinResponse response = joined(member);
    if (x_state == GroupState::stable) {
        response.members.clear();
    }
    step.out.respond(token, std::move(response));
}

JoinResponse Membership::joined(const Member& member) const {
    JoinResponse response;
    response.generation = x_generation;
    response.protocol_type = x_protocol_type;
    response.protocol_name = x_protocol_name;
    response.leader = x_roster.leader_or_empty();
    response.member_id = member.id;
    if (x_roster.is_leader(member.id)) {
        response.members.reserve(x_roster.size());
        for (const auto& [id, each] : x_roster.members()) {
            const BytesView metadata = each.metadata(*x_protocol_name);
            response.members.push_back(
                {id, each.instance_id, Bytes(metadata.begin(), metadata.end())});
        }
    }
    return response;
}

void Membership::answer_join(Member& member, JoinResponse response, Step& step) {
    if (const std::optional<Token> token = x_roster.stop_awaiting_join(member)) {
        step.out.respond(*token, std::move(response));
    }
}

void Membership::add_member(Token token, std::string id, const JoinRequest& request, Step& step) {
    if (x_state == GroupState::preparing_rebalance && x_generation == 0) {
        x_member_added = true;
    }
    if (x_roster.empty()) {
        x_protocol_type = request.protocol_type;
    }
    Member member;
    member.id = std::move(id);
    member.instance_id = request.group_instance_id;
    member.client_id = request.client_id;
    member.client_host = request.client_host;
    member.rebalance_timeout = request.rebalance_timeout;
    member.session_timeout = request.session_timeout;
    member.protocols = request.protocols;
    member.is_new = true;
    Member& added = x_roster.add(std::move(member));
    x_roster.await_join(added, token);
    expect_heartbeat(added, kNewMemberJoinTimeout, step);
    maybe_prepare(step);
}

void Membership::update_member(Token token, Member& member, const JoinRequest& request,
                               Step& step) {
    // The same member asks on a second connection: the first one has no reader any more, but must not wait for ever.
    answer_join(member, refused(ErrorCode::rebalance_in_progress, member.id), step);
    if (const std::optional<Token> waiting = std::exchange(member.awaiting_sync, std::nullopt)) {
        step.out.respond(*waiting, SyncResponse{.error = ErrorCode::rebalance_in_progress});
    }
    x_roster.set_protocols(member, request.protocols);
    member.rebalance_timeout = request.rebalance_timeout;
    member.session_timeout = request.session_timeout;
    x_roster.await_join(member, token);
    maybe_prepare(step);
}

void Membership::replace_static(Token token, const std::string& new_id, const JoinRequest& request,
                                Step& step) {
    const std::string old_id = *x_roster.static_member(*request.group_instance_id);
    Member& old = *x_roster.find(old_id);
    StoredReplacement stored{.token = token,
                             .old_id = old_id,
                             .new_id = new_id,
                             .leader_before = x_roster.leader_or_empty(),
                             .supports_skipping_assignment = request.supports_skipping_assignment,
                             .old_protocols = old.protocols,
                             .old_rebalance_timeout = old.rebalance_timeout,
                             .old_session_timeout = old.session_timeout};
    // Two processes with one instance id: the earlier one learns it at once.
    answer_join(old, refused(ErrorCode::fenced_instance_id, old_id), step);
    if (const std::optional<Token> waiting = std::exchange(old.awaiting_sync, std::nullopt)) {
        step.out.respond(*waiting, SyncResponse{.error = ErrorCode::fenced_instance_id});
    }
    if (x_pending_sync.erase(old_id) > 0) {
        x_pending_sync.insert(new_id);
    }
    Member& member = x_roster.replace_static(old_id, new_id);
    x_roster.set_protocols(member, request.protocols);
    member.rebalance_timeout = request.rebalance_timeout;
    member.session_timeout = request.session_timeout;
    expect_heartbeat(member, member.session_timeout, step);
    x_roster.await_join(member, token);
    if (x_state == GroupState::stable && x_protocol_name == x_roster.select_protocol()) {
        const Ticket ticket = store(nullptr, step);
        x_stored.emplace(ticket, std::move(stored));
    } else {
        // The leader may hold the old id in its list already; only a new round gives the new id an assignment.
        maybe_prepare(step);
    }
}

void Membership::finish_replacement(StoredReplacement stored, ErrorCode error, Step& step) {
    Member* member = x_roster.find(stored.new_id);
    if (member == nullptr || member->awaiting_join != stored.token) {
        return;  // a rebalance or a third process has answered this join
    }
    if (x_state != GroupState::stable) {
        return;  // the round that began meanwhile answers
    }
    if (error != ErrorCode::none) {
        JoinResponse response = refused(error, "");
        response.generation = x_generation;
        response.protocol_type = x_protocol_type;
        response.protocol_name = x_protocol_name;
        response.leader = stored.leader_before;
        answer_join(*member, std::move(response), step);
        if (x_pending_sync.erase(stored.new_id) > 0) {
            x_pending_sync.insert(stored.old_id);
        }
        Member& old = x_roster.replace_static(stored.new_id, stored.old_id);
        x_roster.set_protocols(old, std::move(stored.old_protocols));
        old.rebalance_timeout = stored.old_rebalance_timeout;
        old.session_timeout = stored.old_session_timeout;
        expect_heartbeat(old, old.session_timeout, step);
        return;
    }
    JoinResponse response = joined(*member);
    if (stored.supports_skipping_assignment) {
        response.skip_assignment = x_roster.is_leader(member->id);
    } else {
        // An old client that finds itself leader would assign, and a stable group would ignore it. It is shown the id that
        // led before, which is its own old one if it leads.
        response.members.clear();
        response.leader = stored.leader_before;
    }
    answer_join(*member, std::move(response), step);
    expect_heartbeat(*member, member->session_timeout, step);
}

}  // namespace millrace::broker::group
