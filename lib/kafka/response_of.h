// Which response belongs to which request: ResponseOf<FetchRequest> is FetchResponse.
#pragma once

#include <utility>

#include "lib/kafka/configs.h"
#include "lib/kafka/controller.h"
#include "lib/kafka/groups.h"
#include "lib/kafka/handshake.h"
#include "lib/kafka/log_dirs.h"
#include "lib/kafka/metadata.h"
#include "lib/kafka/produce_fetch.h"
#include "lib/kafka/security.h"
#include "lib/kafka/topics.h"
#include "lib/kafka/transactions.h"

namespace millrace::kafka {

// Declared only, for their result types.
namespace response {

ProduceResponse to(const ProduceRequest&);
FetchResponse to(const FetchRequest&);
ListOffsetsResponse to(const ListOffsetsRequest&);
MetadataResponse to(const MetadataRequest&);
LeaderAndIsrResponse to(const LeaderAndIsrRequest&);
StopReplicaResponse to(const StopReplicaRequest&);
UpdateMetadataResponse to(const UpdateMetadataRequest&);
ControlledShutdownResponse to(const ControlledShutdownRequest&);
OffsetCommitResponse to(const OffsetCommitRequest&);
OffsetFetchResponse to(const OffsetFetchRequest&);
FindCoordinatorResponse to(const FindCoordinatorRequest&);
JoinGroupResponse to(const JoinGroupRequest&);
HeartbeatResponse to(const HeartbeatRequest&);
LeaveGroupResponse to(const LeaveGroupRequest&);
SyncGroupResponse to(const SyncGroupRequest&);
DescribeGroupsResponse to(const DescribeGroupsRequest&);
ListGroupsResponse to(const ListGroupsRequest&);
SaslHandshakeResponse to(const SaslHandshakeRequest&);
ApiVersionsResponse to(const ApiVersionsRequest&);
CreateTopicsResponse to(const CreateTopicsRequest&);
DeleteTopicsResponse to(const DeleteTopicsRequest&);
DeleteRecordsResponse to(const DeleteRecordsRequest&);
InitProducerIdResponse to(const InitProducerIdRequest&);
OffsetForLeaderEpochResponse to(const OffsetForLeaderEpochRequest&);
AddPartitionsToTxnResponse to(const AddPartitionsToTxnRequest&);
AddOffsetsToTxnResponse to(const AddOffsetsToTxnRequest&);
EndTxnResponse to(const EndTxnRequest&);
WriteTxnMarkersResponse to(const WriteTxnMarkersRequest&);
TxnOffsetCommitResponse to(const TxnOffsetCommitRequest&);
DescribeAclsResponse to(const DescribeAclsRequest&);
CreateAclsResponse to(const CreateAclsRequest&);
DeleteAclsResponse to(const DeleteAclsRequest&);
DescribeConfigsResponse to(const DescribeConfigsRequest&);
AlterConfigsResponse to(const AlterConfigsRequest&);
AlterReplicaLogDirsResponse to(const AlterReplicaLogDirsRequest&);
DescribeLogDirsResponse to(const DescribeLogDirsRequest&);
SaslAuthenticateResponse to(const SaslAuthenticateRequest&);
CreatePartitionsResponse to(const CreatePartitionsRequest&);
CreateDelegationTokenResponse to(const CreateDelegationTokenRequest&);
RenewDelegationTokenResponse to(const RenewDelegationTokenRequest&);
ExpireDelegationTokenResponse to(const ExpireDelegationTokenRequest&);
DescribeDelegationTokenResponse to(const DescribeDelegationTokenRequest&);
DeleteGroupsResponse to(const DeleteGroupsRequest&);
ElectLeadersResponse to(const ElectLeadersRequest&);
IncrementalAlterConfigsResponse to(const IncrementalAlterConfigsRequest&);
AlterPartitionReassignmentsResponse to(const AlterPartitionReassignmentsRequest&);
ListPartitionReassignmentsResponse to(const ListPartitionReassignmentsRequest&);
OffsetDeleteResponse to(const OffsetDeleteRequest&);
DescribeClientQuotasResponse to(const DescribeClientQuotasRequest&);
AlterClientQuotasResponse to(const AlterClientQuotasRequest&);
DescribeUserScramCredentialsResponse to(const DescribeUserScramCredentialsRequest&);
AlterUserScramCredentialsResponse to(const AlterUserScramCredentialsRequest&);
AlterPartitionResponse to(const AlterPartitionRequest&);
UpdateFeaturesResponse to(const UpdateFeaturesRequest&);
EnvelopeResponse to(const EnvelopeRequest&);
DescribeClusterResponse to(const DescribeClusterRequest&);
DescribeProducersResponse to(const DescribeProducersRequest&);
DescribeTransactionsResponse to(const DescribeTransactionsRequest&);
ListTransactionsResponse to(const ListTransactionsRequest&);
AllocateProducerIdsResponse to(const AllocateProducerIdsRequest&);
ConsumerGroupHeartbeatResponse to(const ConsumerGroupHeartbeatRequest&);
ConsumerGroupDescribeResponse to(const ConsumerGroupDescribeRequest&);

}  // namespace response

template <class Request>
using ResponseOf = decltype(response::to(std::declval<const Request&>()));

}  // namespace millrace::kafka
