#include "broker/group/coordinator.h"

#include <algorithm>
#include <cctype>

#include "lib/base/check.h"

namespace millrace::broker::group {
namespace {

CommitResponse all_failed(const CommitRequest& request, ErrorCode error) {
    return CommitResponse{std::vector<ErrorCode>(request.offsets.size(), error)};
}

// What a failed append means to a member or a committer: the same causes, named as the group APIs name them.
struct AppendErrorNames {
    ErrorCode timed_out;
    ErrorCode too_large;
};

ErrorCode translated(ErrorCode error, const AppendErrorNames& names) {
    using enum ErrorCode;
    if (error == unknown_topic_or_partition || error == not_enough_replicas ||
        error == not_enough_replicas_after_append) {
        return coordinator_not_available;
    }
    if (error == not_leader_or_follower || error == kafka_storage_error) {
        return not_coordinator;
    }
    if (error == request_timed_out) {
        return names.timed_out;
    }
    if (error == message_too_large || error == record_list_too_large ||
        error == invalid_fetch_size) {
        return names.too_large;
    }
    return error;
}

ErrorCode store_error(ErrorCode error) {
    return translated(error, {.timed_out = ErrorCode::rebalance_in_progress,
                              .too_large = ErrorCode::unknown_server_error});
}

ErrorCode commit_error(ErrorCode error) {
    if (error == ErrorCode::network_exception) {
        return ErrorCode::
            coordinator_load_in_progress;  // of a transaction's verification; clients retry this one
    }
    return translated(error, {.timed_out = ErrorCode::request_timed_out,
                              .too_large = ErrorCode::invalid_commit_offset_size});
}

std::string lower(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), [](unsigned char letter) {
        return static_cast<char>(std::tolower(letter));
    });
    return result;
}

}  // namespace

Coordinator::Coordinator(const CoordinatorConfig& config, Random& random)
    : x_config(config), x_random(random) {}

ErrorCode Coordinator::check_group(const std::string& group_id, bool empty_allowed) const {
    if (group_id.empty() && !empty_allowed) {
        return ErrorCode::invalid_group_id;
    }
    const std::int32_t partition = partition_of(group_id);
    if (x_loading.contains(partition)) {
        return ErrorCode::coordinator_load_in_progress;
    }
    return x_owned.contains(partition) ? ErrorCode::none : ErrorCode::not_coordinator;
}

Coordinator::Groups::iterator Coordinator::find_or_create(const std::string& group_id, Moment at) {
    const auto found = x_groups.find(group_id);
    if (found != x_groups.end()) {
        return found;
    }
    Membership membership(group_id, partition_of(group_id), x_config.membership, at.wall);
    return x_groups.emplace(group_id, Group{std::move(membership), {}, {}}).first;
}

// Ends a step of one group: notes its appends, files its deadline, hands the effects over.
std::vector<Effect> Coordinator::finish(Groups::iterator group, Moment at) {
    if (!x_next_expiry) {
        x_next_expiry = at.now + x_config.retention_check_interval;
    }
    std::vector<Effect> effects = x_out.take();
    for (const Effect& effect : effects) {
        if (const auto* append = std::get_if<Append>(&effect)) {
            x_pending.try_emplace(append->ticket, Pending{group->first, PendingStore{}});
        }
    }
    file_deadline(group);
    return effects;
}

void Coordinator::file_deadline(Groups::iterator group) {
    const std::optional<Instant> deadline = group->second.membership.next_deadline();
    if (group->second.filed == deadline) {
        return;
    }
    if (group->second.filed) {
        x_deadlines.erase({*group->second.filed, group->first});
    }
    if (deadline) {
        x_deadlines.emplace(*deadline, group->first);
    }
    group->second.filed = deadline;
}

void Coordinator::erase_group(Groups::iterator group) {
    if (group->second.filed) {
        x_deadlines.erase({*group->second.filed, group->first});
    }
    x_groups.erase(group);
}

std::vector<Effect> Coordinator::join(Token token, const JoinRequest& request, Moment at) {
    ErrorCode error = check_group(request.group_id, false);
    auto group = x_groups.find(request.group_id);
    if (error == ErrorCode::none && group == x_groups.end()) {
        const bool valid = request.session_timeout >= x_config.membership.session_timeout_min &&
                           request.session_timeout <= x_config.membership.session_timeout_max;
        if (!valid) {
            error = ErrorCode::invalid_session_timeout;
        } else if (!request.member_id.empty()) {
            error = ErrorCode::unknown_member_id;
        }
    }
    if (error != ErrorCode::none) {
        JoinResponse response;
        response.error = error;
        response.member_id = request.member_id;
        x_out.respond(token, std::move(response));
        return x_out.take();
    }
    group = find_or_create(request.group_id, at);
    Step now = step(at);
    group->second.membership.join(token, request, now);
    return finish(group, at);
}

std::vector<Effect> Coordinator::sync(Token token, const SyncRequest& request, Moment at) {
    ErrorCode error = check_group(request.group_id, false);
    if (error == ErrorCode::coordinator_load_in_progress) {
        // The round under way was lost with the former coordinator. Old clients do not know the loading error here.
        error = ErrorCode::rebalance_in_progress;
    }
    const auto group = x_groups.find(request.group_id);
    if (error == ErrorCode::none && group == x_groups.end()) {
        error = ErrorCode::unknown_member_id;
    }
    if (error != ErrorCode::none) {
        x_out.respond(token, SyncResponse{.error = error});
        return x_out.take();
    }
    Step now = step(at);
    group->second.membership.sync(token, request, now);
    return finish(group, at);
}

ErrorCode Coordinator::heartbeat(const HeartbeatRequest& request, Moment at) {
    const ErrorCode error = check_group(request.group_id, false);
    if (error == ErrorCode::coordinator_load_in_progress) {
        return ErrorCode::none;  // sessions start anew when the load ends
    }
    if (error != ErrorCode::none) {
        return error;
    }
    const auto group = x_groups.find(request.group_id);
    if (group == x_groups.end()) {
        return ErrorCode::unknown_member_id;
    }
    Step now = step(at);
    return group->second.membership.heartbeat(request, now);
}

std::vector<Effect> Coordinator::leave(Token token, const LeaveRequest& request, Moment at) {
    LeaveResponse response;
    response.error = check_group(request.group_id, false);
    const auto group = x_groups.find(request.group_id);
    if (response.error != ErrorCode::none || group == x_groups.end()) {
        if (response.error == ErrorCode::none) {
            response.members.assign(request.members.size(), ErrorCode::unknown_member_id);
        }
        x_out.respond(token, std::move(response));
        return x_out.take();
    }
    Step now = step(at);
    response = group->second.membership.leave(request, now);
    x_out.respond(token, std::move(response));
    return finish(group, at);
}

std::vector<Effect> Coordinator::commit(Token token, const CommitRequest& request, Moment at) {
    ErrorCode error = check_group(request.group_id, true);
    auto group = x_groups.find(request.group_id);
    if (error == ErrorCode::none && group == x_groups.end() && request.generation >= 0) {
        error = ErrorCode::illegal_generation;  // of a group that is gone
    }
    if (error == ErrorCode::none) {
        group = find_or_create(request.group_id, at);
        Step now = step(at);
        error = group->second.membership.check_commit(request, false, now);
    }
    if (error != ErrorCode::none) {
        x_out.respond(token, all_failed(request, error));
        return x_out.take();
    }
    store_commit(token, TransactionalCommitRequest{request, -1, -1}, group, at);
    return finish(group, at);
}

std::vector<Effect> Coordinator::commit_transactional(Token token,
                                                      const TransactionalCommitRequest& request,
                                                      Moment at) {
    ErrorCode error = check_group(request.commit.group_id, false);
    auto group = x_groups.end();
    if (error == ErrorCode::none) {
        group = find_or_create(request.commit.group_id, at);
        Step now = step(at);
        error = group->second.membership.check_commit(request.commit, true, now);
    }
    if (error != ErrorCode::none) {
        x_out.respond(token, all_failed(request.commit, error));
        return x_out.take();
    }
    store_commit(token, request, group, at);
    return finish(group, at);
}

void Coordinator::store_commit(Token token, const TransactionalCommitRequest& request,
                               Groups::iterator group, Moment at) {
    PendingCommit pending{
        .token = token, .errors = {}, .staged = {}, .producer_id = request.producer_id};
    Append append;
    append.partition = partition_of(group->first);
    append.timestamp = at.wall;
    append.producer_id = request.producer_id;
    append.producer_epoch = request.producer_epoch;
    for (const OffsetCommit& each : request.commit.offsets) {
        if (utf16_length(each.metadata) > x_config.offset_metadata_max) {
            pending.errors.push_back(ErrorCode::offset_metadata_too_large);
            continue;
        }
        pending.errors.push_back(ErrorCode::none);
        OffsetValue value;
        value.offset = each.offset;
        value.leader_epoch = each.leader_epoch;
        value.metadata = each.metadata;
        value.commit_timestamp = each.commit_timestamp.value_or(at.wall.millis);
        if (request.commit.retention_ms) {
            value.expire_timestamp = at.wall.millis + *request.commit.retention_ms;
        }
        append.records.push_back(
            {encode_offset_key({group->first, each.at}), encode_offset_value(value)});
        pending.staged.emplace_back(each.at, std::move(value));
    }
    if (pending.staged.empty()) {
        x_out.respond(token, CommitResponse{std::move(pending.errors)});
        return;
    }
    if (request.producer_id >= 0) {
        group->second.offsets.stage_transactional(request.producer_id, pending.staged);
    } else {
        group->second.offsets.stage(pending.staged);
    }
    const Ticket ticket = x_out.append(std::move(append));
    x_pending.emplace(ticket, Pending{group->first, std::move(pending)});
}

FetchResponse Coordinator::fetch(const FetchRequest& request) const {
    FetchResponse response;
    response.error = check_group(request.group_id, true);
    if (response.error != ErrorCode::none) {
        return response;
    }
    const auto group = x_groups.find(request.group_id);
    if (group != x_groups.end()) {
        return group->second.offsets.fetch(request);
    }
    for (const TopicPartition& at : request.partitions.value_or(std::vector<TopicPartition>{})) {
        response.offsets.push_back({.at = at, .metadata = {}});
    }
    return response;
}

DescribeResponse Coordinator::describe(const std::string& group_id) const {
    DescribeResponse response;
    response.error = check_group(group_id, true);
    if (response.error != ErrorCode::none) {
        return response;
    }
    const auto group = x_groups.find(group_id);
    if (group == x_groups.end()) {
        response.state = name_of(GroupState::dead);
        return response;
    }
    return group->second.membership.describe();
}

ListResponse Coordinator::list(const std::set<std::string>& states,
                               const std::set<std::string>& types) const {
    ListResponse response;
    if (!x_loading.empty()) {
        response.error = ErrorCode::coordinator_load_in_progress;
    }
    std::set<std::string> wanted;
    for (const std::string& state : states) {
        wanted.insert(lower(state));
    }
    const bool classic = types.empty() || std::ranges::any_of(types, [](const std::string& type) {
                             return lower(type) == "classic";
                         });
    if (!classic) {
        return response;
    }
    for (const auto& [id, group] : x_groups) {
        const std::string state(name_of(group.membership.state()));
        if (wanted.empty() || wanted.contains(lower(state))) {
            response.groups.push_back({id, group.membership.protocol_type().value_or(""), state});
        }
    }
    return response;
}

std::vector<Effect> Coordinator::appended(Ticket ticket, ErrorCode error, std::int64_t base_offset,
                                          Moment at) {
    auto node = x_pending.extract(ticket);
    if (node.empty()) {
        return {};
    }
    Pending pending = std::move(node.mapped());
    const auto group = x_groups.find(pending.group_id);
    if (auto* commit = std::get_if<PendingCommit>(&pending.what)) {
        commit_appended(pending.group_id, std::move(*commit), error, base_offset);
    } else if (auto* deletion = std::get_if<PendingDeletion>(&pending.what)) {
        if (deletion->token && error != ErrorCode::none) {
            const bool whole = std::holds_alternative<DeleteGroupResponse>(deletion->response);
            x_out.respond(*deletion->token,
                          whole ? Response(DeleteGroupResponse{commit_error(error)})
                                : Response(DeleteOffsetsResponse{commit_error(error), {}}));
        } else if (deletion->token) {
            x_out.respond(*deletion->token, std::move(deletion->response));
        }
    } else if (group != x_groups.end()) {
        Step now = step(at);
        group->second.membership.stored(ticket, store_error(error), now);
    }
    return group == x_groups.end() ? x_out.take() : finish(group, at);
}

void Coordinator::commit_appended(const std::string& group_id, PendingCommit commit,
                                  ErrorCode error, std::int64_t base_offset) {
    const auto group = x_groups.find(group_id);
    if (group != x_groups.end()) {
        Offsets& offsets = group->second.offsets;
        const bool transactional = commit.producer_id >= 0;
        if (error == ErrorCode::none && transactional) {
            offsets.appended_transactional(commit.producer_id, commit.staged, base_offset);
        } else if (error == ErrorCode::none) {
            offsets.appended(commit.staged, base_offset);
        } else if (transactional) {
            offsets.failed_transactional(commit.producer_id, commit.staged);
        } else {
            offsets.failed(commit.staged);
        }
    }
    for (ErrorCode& each : commit.errors) {
        each = each == ErrorCode::none ? commit_error(error) : each;
    }
    x_out.respond(commit.token, CommitResponse{std::move(commit.errors)});
}

std::optional<Instant> Coordinator::next_deadline() const {
    std::optional<Instant> next = x_next_expiry;
    if (!x_deadlines.empty() && (!next || x_deadlines.begin()->first < *next)) {
        next = x_deadlines.begin()->first;
    }
    return next;
}

std::vector<Effect> Coordinator::expire(Moment at) {
    std::vector<Effect> effects;
    while (!x_deadlines.empty() && x_deadlines.begin()->first <= at.now) {
        const auto group = x_groups.find(x_deadlines.begin()->second);
        CHECK(group != x_groups.end(), "a deadline goes with its group");
        Step now = step(at);
        group->second.membership.expire(now);
        std::vector<Effect> more = finish(group, at);
        std::ranges::move(more, std::back_inserter(effects));
    }
    if (x_next_expiry && *x_next_expiry <= at.now) {
        expire_offsets(at);
        x_next_expiry = at.now + x_config.retention_check_interval;
        std::vector<Effect> more = x_out.take();
        std::ranges::move(more, std::back_inserter(effects));
    }
    return effects;
}

std::size_t Coordinator::count_in(GroupState state) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        x_groups, [state](const auto& group) { return group.second.membership.state() == state; }));
}

std::optional<std::string> Coordinator::invariants() const {
    for (const auto& [id, group] : x_groups) {
        std::optional<std::string> broken = group.membership.invariants();
        if (!broken) {
            broken = group.offsets.invariants();
        }
        if (broken) {
            return id + ": " + *broken;
        }
        if (!x_owned.contains(partition_of(id))) {
            return id + ": this broker does not lead its partition";
        }
        if (group.filed && !x_deadlines.contains({*group.filed, id})) {
            return id + ": its deadline is not filed";
        }
    }
    for (const std::int32_t partition : x_owned) {
        if (x_loading.contains(partition)) {
            return fmt::format("partition {} is served while it loads", partition);
        }
    }
    return std::nullopt;
}

}  // namespace millrace::broker::group
