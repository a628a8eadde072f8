// The rounds of a rebalance and the deadlines that end them.
#include <algorithm>

#include "broker/group/membership.h"
#include "lib/base/check.h"

namespace millrace::broker::group {

void Membership::maybe_prepare(Step& step) {
    if (x_state == GroupState::empty || x_state == GroupState::stable ||
        x_state == GroupState::completing_rebalance) {
        prepare(step);
    }
}

void Membership::prepare(Step& step) {
    if (x_state == GroupState::completing_rebalance) {
        for (auto& [id, member] : x_roster.members()) {
            member.assignment.clear();
        }
        propagate(ErrorCode::rebalance_in_progress, step);
    }
    x_pending_sync.clear();
    x_sync_deadline.reset();
    const Duration timeout = x_roster.rebalance_timeout();
    Duration wait = timeout;
    x_initial_delay.reset();
    x_member_added = false;
    if (x_state == GroupState::empty) {
        wait = x_config.initial_rebalance_delay;
        x_initial_delay = InitialDelay{wait, std::max(timeout - wait, Duration{})};
    }
    x_join_deadline = step.at.now + wait;
    wake_by(*x_join_deadline);
    move_to(GroupState::preparing_rebalance, step);
    try_complete_join(step);
}

void Membership::try_complete_join(Step& step) {
    if (x_state != GroupState::preparing_rebalance) {
        return;
    }
    if (x_initial_delay) {
        if (x_join_deadline <= step.at.now) {
            on_join_deadline(step);  // a delay of 0
        }
    } else if (x_roster.all_joined()) {
        complete_join(step);
    }
}

void Membership::on_join_deadline(Step& step) {
    if (x_initial_delay && x_member_added && x_initial_delay->remaining > Duration{}) {
        x_member_added = false;
        const Duration next =
            std::min(x_config.initial_rebalance_delay, x_initial_delay->remaining);
        const Duration left =
            std::max(x_initial_delay->remaining - x_initial_delay->delay, Duration{});
        x_initial_delay = InitialDelay{next, left};
        x_join_deadline = step.at.now + next;
        wake_by(*x_join_deadline);
        return;
    }
    complete_join(step);
}

void Membership::complete_join(Step& step) {
    x_initial_delay.reset();
    std::vector<std::string> missing;
    for (const auto& [id, member] : x_roster.members()) {
        if (!member.awaiting_join && !member.is_static()) {
            missing.push_back(id);
        }
    }
    for (const std::string& id : missing) {
        drop(id, ErrorCode::unknown_member_id, step);
    }
    if (!x_roster.elect_joined_leader() && !x_roster.empty()) {
        // Static members only, and none came back. They stay until their sessions end.
        x_join_deadline = step.at.now + std::max(x_roster.rebalance_timeout(), Duration(1ms));
        wake_by(*x_join_deadline);
        return;
    }
    next_generation(step);
}

void Membership::next_generation(Step& step) {
    x_join_deadline.reset();
    ++x_generation;
    x_pending_sync.clear();
    if (x_roster.empty()) {
        x_protocol_name.reset();
        x_roster.restore_leader(std::nullopt);
        compute_topics();
        move_to(GroupState::empty, step);
        (void)store(nullptr, step);
        return;
    }
    x_protocol_name = x_roster.select_protocol();
    compute_topics();
    move_to(GroupState::completing_rebalance, step);
    for (auto& [id, member] : x_roster.members()) {
        answer_join(member, joined(member), step);
        member.is_new = false;
        expect_heartbeat(member, member.session_timeout, step);
        x_pending_sync.insert(id);
    }
    x_sync_deadline = step.at.now + x_roster.rebalance_timeout();
    wake_by(*x_sync_deadline);
}

void Membership::on_sync_deadline(Step& step) {
    x_sync_deadline.reset();
    const std::set<std::string> late = std::exchange(x_pending_sync, {});
    if (late.empty()) {
        return;
    }
    for (const std::string& id : late) {
        drop(id, ErrorCode::unknown_member_id, step);
    }
    prepare(step);
}

// Ends the wait of everybody who has synced: with the assignments, or with the error.
void Membership::propagate(ErrorCode error, Step& step) {
    for (auto& [id, member] : x_roster.members()) {
        const std::optional<Token> token = std::exchange(member.awaiting_sync, std::nullopt);
        if (!token) {
            continue;
        }
        SyncResponse response;
        response.error = error;
        if (error == ErrorCode::none) {
            response.protocol_type = x_protocol_type;
            response.protocol_name = x_protocol_name;
            response.assignment = member.assignment;
        }
        step.out.respond(*token, std::move(response));
        // A session that ended while the member waited was let pass. It starts again here.
        expect_heartbeat(member, member.session_timeout, step);
    }
}

// Asks for the metadata record of the group, with these assignments or the present ones.
Ticket Membership::store(const std::map<std::string, Bytes>* assignments, Step& step) {
    GroupValue value;
    value.protocol_type = x_protocol_type.value_or("");
    value.generation = x_generation;
    value.protocol = x_protocol_name;
    value.leader = x_roster.leader();
    value.current_state_timestamp = x_state_timestamp.value_or(-1);
    for (const auto& [id, member] : x_roster.members()) {
        MemberValue entry;
        entry.member_id = id;
        entry.group_instance_id = member.instance_id;
        entry.client_id = member.client_id;
        entry.client_host = member.client_host;
        entry.rebalance_timeout = static_cast<std::int32_t>(to_millis(member.rebalance_timeout));
        entry.session_timeout = static_cast<std::int32_t>(to_millis(member.session_timeout));
        const BytesView subscription = member.metadata(x_protocol_name.value_or(""));
        entry.subscription.assign(subscription.begin(), subscription.end());
        entry.assignment = member.assignment;
        if (assignments != nullptr) {
            const auto at = assignments->find(id);
            entry.assignment = at == assignments->end() ? Bytes{} : at->second;
        }
        value.members.push_back(std::move(entry));
    }
    Append append;
    append.partition = x_partition;
    append.timestamp = step.at.wall;
    append.records.push_back({encode_group_key(x_group_id), encode_group_value(value)});
    return step.out.append(std::move(append));
}

void Membership::stored(Ticket ticket, ErrorCode error, Step& step) {
    auto node = x_stored.extract(ticket);
    if (node.empty()) {
        return;
    }
    if (auto* assignment = std::get_if<StoredAssignment>(&node.mapped())) {
        finish_assignment(std::move(*assignment), error, step);
    } else {
        finish_replacement(std::get<StoredReplacement>(std::move(node.mapped())), error, step);
    }
}

void Membership::finish_assignment(StoredAssignment stored, ErrorCode error, Step& step) {
    if (x_state != GroupState::completing_rebalance || x_generation != stored.generation) {
        return;
    }
    for (auto& [id, member] : x_roster.members()) {
        const auto at = stored.assignments.find(id);
        const bool given = error == ErrorCode::none && at != stored.assignments.end();
        member.assignment = given ? at->second : Bytes{};
    }
    propagate(error, step);
    if (error == ErrorCode::none) {
        move_to(GroupState::stable, step);
    } else {
        prepare(step);
    }
}

void Membership::expire(Step& step) {
    if (!x_wake || *x_wake > step.at.now) {
        return;
    }
    expire_members(step);
    if (x_join_deadline && *x_join_deadline <= step.at.now) {
        on_join_deadline(step);
    }
    if (x_sync_deadline && *x_sync_deadline <= step.at.now) {
        on_sync_deadline(step);
    }
    find_next_deadline();
}

void Membership::expire_members(Step& step) {
    std::vector<std::string> failed;
    for (auto& [id, member] : x_roster.members()) {
        if (!member.deadline || *member.deadline > step.at.now) {
            continue;
        }
        member.deadline.reset();
        // Who waits for an answer cannot speak. The answer sets a fresh deadline.
        if (member.is_new || (!member.awaiting_join && !member.awaiting_sync)) {
            failed.push_back(id);
        }
    }
    std::vector<std::string> forgotten;
    for (const auto& [id, deadline] : x_roster.pending()) {
        if (deadline <= step.at.now) {
            forgotten.push_back(id);
        }
    }
    for (const std::string& id : forgotten) {
        x_roster.pending().erase(id);
    }
    for (const std::string& id : failed) {
        // The removal before may have let the rest of the group answer and go on; then it was this member that had to leave.
        const Member* member = x_roster.find(id);
        if (member != nullptr && (!member->deadline || *member->deadline <= step.at.now)) {
            remove_member(id, step);
        }
    }
    if (!forgotten.empty()) {
        try_complete_join(step);
    }
}

void Membership::find_next_deadline() {
    x_wake.reset();
    for (const auto& [id, member] : x_roster.members()) {
        if (member.deadline) {
            wake_by(*member.deadline);
        }
    }
    for (const auto& [id, deadline] : x_roster.pending()) {
        wake_by(deadline);
    }
    if (x_join_deadline) {
        wake_by(*x_join_deadline);
    }
    if (x_sync_deadline) {
        wake_by(*x_sync_deadline);
    }
}

void Membership::wake_by(Instant deadline) {
    if (!x_wake || deadline < *x_wake) {
        x_wake = deadline;
    }
}

}  // namespace millrace::broker::group
