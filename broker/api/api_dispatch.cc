#include "broker/api/api_dispatch.h"

#include <fmt/format.h>

#include <algorithm>

#include "broker/api/handlers.h"

namespace millrace::broker::api {
namespace {

using Run = void (*)(Services&, std::shared_ptr<Exchange>, wire::Reader&);

struct Served {
    std::int16_t key = 0;
    Run run = nullptr;
};

template <class Request, Handler<Request>* handle>
constexpr Served serve() {
    return {Request::kApiKey,
            [](Services& services, std::shared_ptr<Exchange> exchange, wire::Reader& body) {
                auto request = Request::decode(body, exchange->header.version);
                if (!request) {
                    exchange->refuse(request.error());
                    return;
                }
                handle(services, std::move(*request), Call<Request>(std::move(exchange)));
            }};
}

constexpr std::array kServed{
    serve<kafka::ProduceRequest, handle_produce>(),
    serve<kafka::FetchRequest, handle_fetch>(),
    serve<kafka::ListOffsetsRequest, handle_list_offsets>(),
    serve<kafka::MetadataRequest, handle_metadata>(),
    serve<kafka::LeaderAndIsrRequest, handle_leader_and_isr>(),
    serve<kafka::StopReplicaRequest, handle_stop_replica>(),
    serve<kafka::UpdateMetadataRequest, handle_update_metadata>(),
    serve<kafka::ControlledShutdownRequest, handle_controlled_shutdown>(),
    serve<kafka::OffsetCommitRequest, handle_offset_commit>(),
    serve<kafka::OffsetFetchRequest, handle_offset_fetch>(),
    serve<kafka::FindCoordinatorRequest, handle_find_coordinator>(),
    serve<kafka::JoinGroupRequest, handle_join_group>(),
    serve<kafka::HeartbeatRequest, handle_heartbeat>(),
    serve<kafka::LeaveGroupRequest, handle_leave_group>(),
    serve<kafka::SyncGroupRequest, handle_sync_group>(),
    serve<kafka::DescribeGroupsRequest, handle_describe_groups>(),
    serve<kafka::ListGroupsRequest, handle_list_groups>(),
    serve<kafka::ApiVersionsRequest, handle_api_versions>(),
    serve<kafka::CreateTopicsRequest, handle_create_topics>(),
    serve<kafka::DeleteTopicsRequest, handle_delete_topics>(),
    serve<kafka::DeleteRecordsRequest, handle_delete_records>(),
    serve<kafka::InitProducerIdRequest, handle_init_producer_id>(),
    serve<kafka::OffsetForLeaderEpochRequest, handle_offset_for_leader_epoch>(),
    serve<kafka::DescribeAclsRequest, handle_describe_acls>(),
    serve<kafka::CreateAclsRequest, handle_create_acls>(),
    serve<kafka::DeleteAclsRequest, handle_delete_acls>(),
    serve<kafka::DescribeConfigsRequest, handle_describe_configs>(),
    serve<kafka::AlterConfigsRequest, handle_alter_configs>(),
    serve<kafka::DescribeLogDirsRequest, handle_describe_log_dirs>(),
    serve<kafka::CreatePartitionsRequest, handle_create_partitions>(),
    serve<kafka::DeleteGroupsRequest, handle_delete_groups>(),
    serve<kafka::ElectLeadersRequest, handle_elect_leaders>(),
    serve<kafka::IncrementalAlterConfigsRequest, handle_incremental_alter_configs>(),
    serve<kafka::ListPartitionReassignmentsRequest, handle_list_partition_reassignments>(),
    serve<kafka::OffsetDeleteRequest, handle_offset_delete>(),
    serve<kafka::DescribeClusterRequest, handle_describe_cluster>(),
    serve<kafka::DescribeProducersRequest, handle_describe_producers>(),
    serve<kafka::AllocateProducerIdsRequest, handle_allocate_producer_ids>(),
};

const Served* find_served(std::int16_t key) {
    const auto found = std::ranges::find(kServed, key, &Served::key);
    return found == kServed.end() ? nullptr : &*found;
}

}  // namespace

std::vector<kafka::ApiInfo> served_apis() {
    std::vector<kafka::ApiInfo> apis;
    for (const kafka::ApiInfo& api : kafka::all_apis()) {
        if (find_served(api.key) != nullptr) {
            apis.push_back(api);
        }
    }
    return apis;
}

void dispatch(Services& services, std::shared_ptr<Exchange> exchange, wire::Reader body) {
    const auto key = static_cast<std::int16_t>(exchange->header.key);
    const std::int16_t version = exchange->header.version;
    const kafka::ApiInfo* api = kafka::find_api(key);
    const Served* served = find_served(key);
    const bool versions_unknown =
        key == kafka::ApiVersionsRequest::kApiKey && !api->serves(version);
    if (versions_unknown) {
        // The client cannot know which versions there are: it learns them from an answer in version 0.
        exchange->header.version = 0;
        kafka::ApiVersionsResponse response;
        response.error_code = wire_code(kafka::ErrorCode::unsupported_version);
        response.api_keys.push_back({key, api->min_version, api->max_version});
        Call<kafka::ApiVersionsRequest>(std::move(exchange)).respond(response);
        return;
    }
    if (served == nullptr || !api->serves(version)) {
        exchange->refuse(
            {Errc::unsupported, fmt::format("API key {} version {} is not served", key, version)});
        return;
    }
    served->run(services, std::move(exchange), body);
}

}  // namespace millrace::broker::api
