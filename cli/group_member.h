// One member of a consumer group, by the classic protocol: joins, assigns when it leads, keeps itself alive, commits, leaves.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/partition_fetcher.h"
#include "cli/range_assignor.h"
#include "lib/kafka/cluster_client.h"

namespace millrace::cli {

struct GroupOptions {
    std::string group;
    std::int32_t session_timeout_ms = 45'000;
    std::int32_t rebalance_timeout_ms = 300'000;
    Duration heartbeat_interval = 3s;
    bool auto_commit = true;
    Duration commit_interval = 5s;
};

// The loop and both clusters outlive it, and the loop turns no more after its end.
class GroupMember {
 public:
    struct Events {
        // Partitions with their committed offsets, none where nothing was committed.
        std::function<void(PartitionFetcher::Starts)> on_assigned;
        // Nothing of the group may be read until the next assignment.
        std::function<void()> on_revoked;
        std::function<PartitionFetcher::Positions()> positions;
        std::function<void(const Error&)> on_failure;
    };
    // Joining waits for the other members, so it has connections of its own, with a long request timeout.
    struct Clusters {
        kafka::ClusterClient& patient;
        kafka::ClusterClient& prompt;
    };

    GroupMember(runtime::Loop& loop, Clusters clusters, GroupOptions options, Events events);

    // Joins with these topics; joins again when they are others than before.
    void subscribe(std::vector<std::string> topics);
    // To be called now and then: the leader looks whether topics have more partitions than it has assigned.
    void check_partitions();
    // Commits, leaves, calls back.
    void leave(runtime::Task then);

 private:
    enum class State { outside, joining, member, left };
    using Task = runtime::Task;

    kafka::CoordinatorOf coordinator() const;
    void rejoin();
    void join();
    void joined(const Result<kafka::JoinGroupResponse>& response);
    void lead(const kafka::JoinGroupResponse& response);
    std::map<std::string, Bytes> divide() const;
    std::map<std::string, std::int32_t> partition_counts() const;
    void sync(const std::map<std::string, Bytes>& assignments);
    void synced(const Result<kafka::SyncGroupResponse>& response);
    void fetch_offsets(const Assignment& assignment);
    void offsets_fetched(const Result<kafka::OffsetFetchResponse>& response);
    void heartbeat_later();
    void heartbeat();
    void take_heartbeat(const Result<kafka::HeartbeatResponse>& response);
    void commit_later();
    void commit(Task then);
    void send_leave(Task then);
    void fail_with(kafka::ErrorCode code);

    runtime::Loop& x_loop;
    Clusters x_clusters;
    GroupOptions x_options;
    Events x_events;
    State x_state = State::outside;
    std::uint64_t x_round = 0;  // answers and timers of an earlier join are thrown away
    std::vector<std::string> x_topics;
    std::string x_member_id;
    std::int32_t x_generation = -1;
    bool x_leads = false;
    std::map<std::string, std::vector<std::string>> x_subscriptions;  // of all, while leading
    std::map<std::string, std::int32_t> x_assigned_counts;            // partitions when assigned
};

}  // namespace millrace::cli
