#include "broker/api/group_service.h"
#include "broker/api/handlers.h"

namespace millrace::broker::api {
namespace {

using kafka::ErrorCode;

Duration millis(std::int32_t value) {
    return std::chrono::milliseconds(value);
}

kafka::JoinGroupResponse to_wire(const group::JoinResponse& from, std::int16_t version) {
    kafka::JoinGroupResponse to;
    to.error_code = wire_code(from.error);
    to.generation_id = from.generation;
    to.protocol_type = from.protocol_type;
    // Before version 7 an absent name is an empty one.
    to.protocol_name = from.protocol_name;
    if (version < 7 && !to.protocol_name) {
        to.protocol_name = "";
    }
    to.leader = from.leader;
    to.skip_assignment = from.skip_assignment && version >= 9;
    to.member_id = from.member_id;
    for (const group::JoinedMember& member : from.members) {
        to.members.push_back({member.member_id, member.group_instance_id, member.metadata});
    }
    return to;
}

}  // namespace

void handle_join_group(Services& services, kafka::JoinGroupRequest request,
                       Call<kafka::JoinGroupRequest> call) {
    GroupService& groups = services.groups;
    group::JoinRequest join;
    join.group_id = std::move(request.group_id);
    join.member_id = std::move(request.member_id);
    join.group_instance_id = std::move(request.group_instance_id);
    join.require_known_member_id = call.version() >= 4 && !join.group_instance_id;
    join.supports_skipping_assignment = call.version() >= 9;
    join.client_id = call.client_id();
    join.client_host = call.client_host();
    join.session_timeout = millis(request.session_timeout_ms);
    join.rebalance_timeout =
        call.version() == 0 ? join.session_timeout : millis(request.rebalance_timeout_ms);
    join.protocol_type = std::move(request.protocol_type);
    for (auto& protocol : request.protocols) {
        join.protocols.push_back({std::move(protocol.name), std::move(protocol.metadata)});
    }
    const group::Token token = groups.expect([call](const group::Response& response) {
        call.respond(to_wire(std::get<group::JoinResponse>(response), call.version()));
    });
    groups.perform(groups.core().join(token, join, groups.moment()));
}

void handle_sync_group(Services& services, kafka::SyncGroupRequest request,
                       Call<kafka::SyncGroupRequest> call) {
    GroupService& groups = services.groups;
    group::SyncRequest sync;
    sync.group_id = std::move(request.group_id);
    sync.generation = request.generation_id;
    sync.member_id = std::move(request.member_id);
    sync.group_instance_id = std::move(request.group_instance_id);
    sync.protocol_type = std::move(request.protocol_type);
    sync.protocol_name = std::move(request.protocol_name);
    for (auto& assignment : request.assignments) {
        sync.assignments[assignment.member_id] = std::move(assignment.assignment);
    }
    const group::Token token = groups.expect([call](const group::Response& response) {
        const auto& answer = std::get<group::SyncResponse>(response);
        kafka::SyncGroupResponse wire;
        wire.error_code = wire_code(answer.error);
        wire.protocol_type = answer.protocol_type;
        wire.protocol_name = answer.protocol_name;
        wire.assignment = answer.assignment;
        call.respond(wire);
    });
    groups.perform(groups.core().sync(token, sync, groups.moment()));
}

void handle_heartbeat(Services& services, kafka::HeartbeatRequest request,
                      Call<kafka::HeartbeatRequest> call) {
    GroupService& groups = services.groups;
    const ErrorCode error =
        groups.core().heartbeat({.group_id = std::move(request.group_id),
                                 .generation = request.generation_id,
                                 .member_id = std::move(request.member_id),
                                 .group_instance_id = std::move(request.group_instance_id)},
                                groups.moment());
    kafka::HeartbeatResponse response;
    response.error_code = wire_code(error);
    call.respond(response);
    groups.perform({});
}

void handle_leave_group(Services& services, kafka::LeaveGroupRequest request,
                        Call<kafka::LeaveGroupRequest> call) {
    GroupService& groups = services.groups;
    group::LeaveRequest leave{.group_id = std::move(request.group_id), .members = {}};
    if (call.version() < 3) {
        leave.members.push_back({std::move(request.member_id), std::nullopt});
    }
    for (auto& member : request.members) {
        leave.members.push_back({std::move(member.member_id), std::move(member.group_instance_id)});
    }
    const group::Token token =
        groups.expect([call, members = leave.members](const group::Response& response) {
            const auto& answer = std::get<group::LeaveResponse>(response);
            kafka::LeaveGroupResponse wire;
            wire.error_code = wire_code(answer.error);
            if (call.version() < 3 && answer.error == ErrorCode::none && !answer.members.empty()) {
                wire.error_code = wire_code(answer.members.front());
            }
            for (std::size_t i = 0; call.version() >= 3 && i < answer.members.size(); ++i) {
                wire.members.push_back({members[i].member_id, members[i].group_instance_id,
                                        wire_code(answer.members[i])});
            }
            call.respond(wire);
        });
    groups.perform(groups.core().leave(token, leave, groups.moment()));
}

}  // namespace millrace::broker::api
