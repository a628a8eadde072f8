#include "broker/api/group_service.h"
#include "broker/api/handlers.h"
#include "broker/api/permissions.h"

namespace millrace::broker::api {

void handle_describe_groups(Services& services, kafka::DescribeGroupsRequest request,
                            Call<kafka::DescribeGroupsRequest> call) {
    kafka::DescribeGroupsResponse response;
    for (const std::string& group_id : request.groups) {
        const group::DescribeResponse found = services.groups.core().describe(group_id);
        auto& answer = response.groups.emplace_back();
        answer.error_code = wire_code(found.error);
        answer.group_id = group_id;
        answer.group_state = found.state;
        answer.protocol_type = found.protocol_type;
        answer.protocol_data = found.protocol_name;
        if (request.include_authorized_operations && found.error == kafka::ErrorCode::none) {
            answer.authorized_operations = kGroupOperations;
        }
        for (const group::DescribedMember& member : found.members) {
            answer.members.push_back({.member_id = member.member_id,
                                      .group_instance_id = member.group_instance_id,
                                      .client_id = member.client_id,
                                      .client_host = member.client_host,
                                      .member_metadata = member.metadata,
                                      .member_assignment = member.assignment});
        }
    }
    call.respond(response);
}

void handle_list_groups(Services& services, kafka::ListGroupsRequest request,
                        Call<kafka::ListGroupsRequest> call) {
    const group::ListResponse found =
        services.groups.core().list({request.states_filter.begin(), request.states_filter.end()},
                                    {request.types_filter.begin(), request.types_filter.end()});
    kafka::ListGroupsResponse response;
    response.error_code = wire_code(found.error);
    for (const group::ListedGroup& group : found.groups) {
        response.groups.push_back({group.group_id, group.protocol_type, group.state, "classic"});
    }
    call.respond(response);
}

void handle_delete_groups(Services& services, kafka::DeleteGroupsRequest request,
                          Call<kafka::DeleteGroupsRequest> call) {
    struct Pending {
        Call<kafka::DeleteGroupsRequest> call;
        kafka::DeleteGroupsResponse response;
        std::size_t open = 0;
    };
    auto pending = std::make_shared<Pending>(Pending{.call = call});
    if (request.groups_names.empty()) {
        call.respond(pending->response);
        return;
    }
    GroupService& groups = services.groups;
    pending->open = request.groups_names.size();
    for (const std::string& group_id : request.groups_names) {
        pending->response.results.push_back({group_id, 0});
    }
    for (std::size_t i = 0; i < request.groups_names.size(); ++i) {
        const group::Token token = groups.expect([pending, i](const group::Response& response) {
            pending->response.results[i].error_code =
                wire_code(std::get<group::DeleteGroupResponse>(response).error);
            if (--pending->open == 0) {
                pending->call.respond(pending->response);
            }
        });
        groups.perform(groups.core().delete_group(token, request.groups_names[i], groups.moment()));
    }
}

}  // namespace millrace::broker::api
