// One function for each served API: request in, answer through the call, now or later. Each lies in a file of its topic.
#pragma once

#include <string_view>

#include "broker/api/exchange.h"
#include "broker/api/services.h"

namespace millrace::broker::api {

template <class Request>
using Handler = void(Services&, Request, Call<Request>);

// produce.cc, fetch.cc, list_offsets.cc, delete_records.cc
Handler<kafka::ProduceRequest> handle_produce;
Handler<kafka::FetchRequest> handle_fetch;
Handler<kafka::ListOffsetsRequest> handle_list_offsets;
Handler<kafka::OffsetForLeaderEpochRequest> handle_offset_for_leader_epoch;
Handler<kafka::DeleteRecordsRequest> handle_delete_records;

// api_versions.cc, metadata.cc, describe_cluster.cc, find_coordinator.cc
Handler<kafka::ApiVersionsRequest> handle_api_versions;
Handler<kafka::MetadataRequest> handle_metadata;
Handler<kafka::DescribeClusterRequest> handle_describe_cluster;
Handler<kafka::FindCoordinatorRequest> handle_find_coordinator;

// group_membership.cc, group_offsets.cc, group_admin.cc
Handler<kafka::JoinGroupRequest> handle_join_group;
Handler<kafka::SyncGroupRequest> handle_sync_group;
Handler<kafka::HeartbeatRequest> handle_heartbeat;
Handler<kafka::LeaveGroupRequest> handle_leave_group;
Handler<kafka::OffsetCommitRequest> handle_offset_commit;
Handler<kafka::OffsetFetchRequest> handle_offset_fetch;
Handler<kafka::OffsetDeleteRequest> handle_offset_delete;
Handler<kafka::DescribeGroupsRequest> handle_describe_groups;
Handler<kafka::ListGroupsRequest> handle_list_groups;
Handler<kafka::DeleteGroupsRequest> handle_delete_groups;

// topics.cc, configs.cc, alter_configs.cc, producer_ids.cc
Handler<kafka::CreateTopicsRequest> handle_create_topics;
Handler<kafka::CreatePartitionsRequest> handle_create_partitions;
Handler<kafka::DeleteTopicsRequest> handle_delete_topics;
Handler<kafka::DescribeConfigsRequest> handle_describe_configs;
Handler<kafka::AlterConfigsRequest> handle_alter_configs;
Handler<kafka::IncrementalAlterConfigsRequest> handle_incremental_alter_configs;
Handler<kafka::InitProducerIdRequest> handle_init_producer_id;

// log_dirs.cc
Handler<kafka::DescribeLogDirsRequest> handle_describe_log_dirs;
Handler<kafka::DescribeProducersRequest> handle_describe_producers;

// elect_leaders.cc
Handler<kafka::ElectLeadersRequest> handle_elect_leaders;
Handler<kafka::ListPartitionReassignmentsRequest> handle_list_partition_reassignments;

// acls.cc
Handler<kafka::DescribeAclsRequest> handle_describe_acls;
Handler<kafka::CreateAclsRequest> handle_create_acls;
Handler<kafka::DeleteAclsRequest> handle_delete_acls;

// controller_requests.cc
Handler<kafka::LeaderAndIsrRequest> handle_leader_and_isr;
Handler<kafka::StopReplicaRequest> handle_stop_replica;
Handler<kafka::UpdateMetadataRequest> handle_update_metadata;
Handler<kafka::ControlledShutdownRequest> handle_controlled_shutdown;
Handler<kafka::AllocateProducerIdsRequest> handle_allocate_producer_ids;

// The number that a response carries.
constexpr std::int16_t wire_code(kafka::ErrorCode error) {
    return static_cast<std::int16_t>(error);
}

// The partition if this broker leads it and the client's epoch agrees; otherwise the error to answer.
struct LedPartition {
    replica::Partition* partition = nullptr;
    kafka::ErrorCode error = kafka::ErrorCode::none;
};
LedPartition find_led(Services& services, std::string_view topic, std::int32_t partition,
                      std::int32_t client_epoch);

}  // namespace millrace::broker::api
