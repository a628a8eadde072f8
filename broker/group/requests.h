// What the group coordinator is asked and what it answers. The API layer maps the versions of each Kafka API to these structs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/strong_id.h"
#include "lib/base/time.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/ids.h"

namespace millrace::broker::group {

using kafka::ErrorCode;
using kafka::TopicPartition;

// The driver's name of one waiting request. Each token is answered exactly once.
using Token = StrongId<struct TokenTag, std::uint64_t>;
// The coordinator's name of one append to __consumer_offsets.
using Ticket = StrongId<struct TicketTag, std::uint64_t>;

// Both clocks of one step: deadlines follow the first, timestamps in records the second.
struct Moment {
    Instant now;
    WallTime wall;
};

// One assignment strategy a member knows, with its opaque subscription.
struct Protocol {
    std::string name;
    Bytes metadata;

    bool operator==(const Protocol&) const = default;
};

struct JoinRequest {
    std::string group_id;
    std::string member_id;  // empty: not known yet
    std::optional<std::string> group_instance_id;
    bool require_known_member_id = false;       // JoinGroup v4 and later, dynamic members only
    bool supports_skipping_assignment = false;  // JoinGroup v9 and later
    std::string client_id;
    std::string client_host;  // "/10.0.0.1", as Java prints an address
    Duration rebalance_timeout{};
    Duration session_timeout{};
    std::string protocol_type;
    std::vector<Protocol> protocols;  // in order of preference
};

struct JoinedMember {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    Bytes metadata;
};

struct JoinResponse {
    ErrorCode error = ErrorCode::none;
    std::int32_t generation = -1;
    std::optional<std::string> protocol_type;
    std::optional<std::string> protocol_name;
    std::string leader;
    bool skip_assignment = false;
    std::string member_id;
    std::vector<JoinedMember> members;  // only for the leader
};

struct SyncRequest {
    std::string group_id;
    std::int32_t generation = -1;
    std::string member_id;
    std::optional<std::string> group_instance_id;
    std::optional<std::string> protocol_type;
    std::optional<std::string> protocol_name;
    std::map<std::string, Bytes> assignments;  // by member id; only from the leader
};

struct SyncResponse {
    ErrorCode error = ErrorCode::none;
    std::optional<std::string> protocol_type{};
    std::optional<std::string> protocol_name{};
    Bytes assignment{};
};

struct HeartbeatRequest {
    std::string group_id;
    std::int32_t generation = -1;
    std::string member_id;
    std::optional<std::string> group_instance_id;
};

struct LeavingMember {
    std::string member_id;  // empty: the static member of the instance id, whoever it is
    std::optional<std::string> group_instance_id;
};

struct LeaveRequest {
    std::string group_id;
    std::vector<LeavingMember> members;
};

struct LeaveResponse {
    ErrorCode error = ErrorCode::none;
    std::vector<ErrorCode> members;  // same order as asked; empty when error is set
};

struct OffsetCommit {
    TopicPartition at;
    std::int64_t offset = -1;
    std::int32_t leader_epoch = -1;
    std::string metadata;
    std::optional<std::int64_t>
        commit_timestamp;  // v1 only, milliseconds; else the coordinator's clock
};

struct CommitRequest {
    std::string group_id;
    std::int32_t generation = -1;
    std::string member_id;
    std::optional<std::string> group_instance_id;
    std::optional<std::int64_t> retention_ms;  // v2 to v4, -1 is nullopt
    std::vector<OffsetCommit> offsets;
};

// A commit inside a transaction: invisible until the transaction's marker arrives.
struct TransactionalCommitRequest {
    CommitRequest commit;
    std::int64_t producer_id = -1;
    std::int16_t producer_epoch = -1;
};

struct CommitResponse {
    std::vector<ErrorCode> offsets;  // same order as asked
};

struct FetchedOffset {
    TopicPartition at;
    std::int64_t offset = -1;  // -1: nothing committed
    std::int32_t leader_epoch = -1;
    std::string metadata;
    ErrorCode error = ErrorCode::none;
};

struct FetchRequest {
    std::string group_id;
    std::optional<std::vector<TopicPartition>> partitions;  // nullopt: all
    bool require_stable = false;
};

struct FetchResponse {
    ErrorCode error = ErrorCode::none;
    std::vector<FetchedOffset> offsets;
};

struct DescribedMember {
    std::string member_id;
    std::optional<std::string> group_instance_id;
    std::string client_id;
    std::string client_host;
    Bytes metadata;  // both only while Stable
    Bytes assignment;
};

struct DescribeResponse {
    ErrorCode error = ErrorCode::none;
    std::string state;  // "Stable", …; empty with an error
    std::string protocol_type;
    std::string protocol_name;  // only while Stable
    std::vector<DescribedMember> members;
};

struct ListedGroup {
    std::string group_id;
    std::string protocol_type;
    std::string state;
};

struct ListResponse {
    ErrorCode error = ErrorCode::none;
    std::vector<ListedGroup> groups;
};

struct DeleteGroupResponse {
    ErrorCode error = ErrorCode::none;
};

struct DeleteOffsetsRequest {
    std::string group_id;
    std::vector<TopicPartition> partitions;
};

struct DeleteOffsetsResponse {
    ErrorCode error = ErrorCode::none;
    std::vector<ErrorCode> partitions;  // same order as asked; empty when error is set
};

using Response = std::variant<JoinResponse, SyncResponse, LeaveResponse, CommitResponse,
                              DeleteGroupResponse, DeleteOffsetsResponse>;

// One record for __consumer_offsets. No value is a tombstone.
struct GroupRecord {
    Bytes key;
    std::optional<Bytes> value;
};

struct Respond {
    Token token;
    Response response;
};

// Append one batch to a partition of __consumer_offsets with acks=all, then call Coordinator::appended with the outcome.
struct Append {
    Ticket ticket;
    std::int32_t partition = 0;
    WallTime timestamp;  // of every record of the batch
    std::vector<GroupRecord> records;
    std::int64_t producer_id = -1;  // set for a transactional batch
    std::int16_t producer_epoch = -1;
};

using Effect = std::variant<Respond, Append>;

// One line for logs and test transcripts.
std::string to_string(const Effect& effect);

}  // namespace millrace::broker::group
