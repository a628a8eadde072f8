// The group coordinator of one broker: which partitions of __consumer_offsets it leads, the groups in them, and the appends
// under way. Pure: requests and outcomes in, effects out. The owner
//   - performs the effects in their order,
//   - reports every Append with appended(),
//   - calls expire() when next_deadline() has come,
//   - reads the log of a partition into replay() between begin_load() and finish_load().
// Requests whose answer is known at once return it; the others answer with Respond under their token.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/group/membership.h"
#include "broker/group/offsets.h"
#include "lib/kafka/hashing.h"

namespace millrace::broker::group {

struct CoordinatorConfig {
    MembershipConfig membership;
    std::int32_t offsets_topic_partitions = 50;  // offsets.topic.num.partitions
    std::size_t offset_metadata_max = 4096;      // offset.metadata.max.bytes, UTF-16 units
    Duration offsets_retention = std::chrono::minutes(10080);  // offsets.retention.minutes
    Duration retention_check_interval =
        std::chrono::minutes(10);  // offsets.retention.check.interval.ms
};

// The length of a string as Java counts it.
std::size_t utf16_length(std::string_view text);

// One record of a partition of __consumer_offsets while it is loaded.
struct LoadedRecord {
    std::int64_t batch_offset = 0;  // base offset of the batch
    bool transactional = false;
    std::int64_t producer_id = -1;  // of a transactional batch
    BytesView key;
    std::optional<BytesView> value;  // nullopt: a tombstone
};

class Coordinator {
 public:
    // The random source names new members; it must outlive the coordinator.
    Coordinator(const CoordinatorConfig& config, Random& random);
    // Groups point to the configuration inside.
    Coordinator(const Coordinator&) = delete;
    Coordinator& operator=(const Coordinator&) = delete;

    // The partition of __consumer_offsets that a group lives in.
    std::int32_t partition_of(std::string_view group_id) const {
        return kafka::partition_for_id(group_id, x_config.offsets_topic_partitions);
    }

    // Leadership of a partition of __consumer_offsets. Epochs are leader epochs; an older one than seen changes nothing.
    // begin_load answers whether the log is to be replayed.
    bool begin_load(std::int32_t partition, std::int32_t epoch);
    // malformed: a record that no version of Kafka writes; the load goes on without it when the caller does.
    Status replay(std::int32_t partition, const LoadedRecord& record);
    // A transaction marker.
    void replay_marker(std::int32_t partition, std::int64_t producer_id, bool commit);
    // Requests are served from here on.
    std::vector<Effect> finish_load(std::int32_t partition, Moment at);
    // No epoch: the partition is gone from this broker altogether.
    std::vector<Effect> unload(std::int32_t partition, std::optional<std::int32_t> epoch,
                               Moment at);

    std::vector<Effect> join(Token token, const JoinRequest& request, Moment at);
    std::vector<Effect> sync(Token token, const SyncRequest& request, Moment at);
    std::vector<Effect> leave(Token token, const LeaveRequest& request, Moment at);
    ErrorCode heartbeat(const HeartbeatRequest& request, Moment at);
    std::vector<Effect> commit(Token token, const CommitRequest& request, Moment at);
    std::vector<Effect> commit_transactional(Token token, const TransactionalCommitRequest& request,
                                             Moment at);
    std::vector<Effect> delete_group(Token token, const std::string& group_id, Moment at);
    std::vector<Effect> delete_offsets(Token token, const DeleteOffsetsRequest& request, Moment at);

    FetchResponse fetch(const FetchRequest& request) const;
    DescribeResponse describe(const std::string& group_id) const;
    // Empty filters let everything through; states compare without case; the only type here is "classic".
    ListResponse list(const std::set<std::string>& states,
                      const std::set<std::string>& types) const;

    // The outcome of an Append: base_offset is where the batch stands in the log.
    std::vector<Effect> appended(Ticket ticket, ErrorCode error, std::int64_t base_offset,
                                 Moment at);
    // A marker of a transaction has been written to a partition of __consumer_offsets that this broker leads.
    void end_transaction(std::int32_t partition, std::int64_t producer_id, bool commit);
    // Topics are gone: their offsets go with them.
    std::vector<Effect> forget_topics(const std::set<std::string>& topics, Moment at);

    // Early at times: expire() then finds nothing to do.
    std::optional<Instant> next_deadline() const;
    std::vector<Effect> expire(Moment at);

    std::size_t group_count() const { return x_groups.size(); }
    // Groups in the state, for metrics.
    std::size_t count_in(GroupState state) const;
    std::optional<std::string> invariants() const;

 private:
    struct Group {
        Membership membership;
        Offsets offsets;
        std::optional<Instant> filed;  // where x_deadlines holds it
    };
    using Groups = std::map<std::string, Group, std::less<>>;

    // What is being read from one partition.
    struct Loading {
        std::map<std::string, std::optional<GroupValue>> groups;  // nullopt: tombstone
        std::map<OffsetKey, CommittedOffset> offsets;
        std::map<std::int64_t, std::map<OffsetKey, CommittedOffset>> transactional;
    };
    struct PendingCommit {
        Token token;
        std::vector<ErrorCode> errors;  // of each offset asked, before the append
        Offsets::Staged staged;
        std::int64_t producer_id = -1;
    };
    struct PendingStore {};  // the membership knows what for
    struct PendingDeletion {
        std::optional<Token> token;  // nullopt: nobody waits
        Response response;           // when the append succeeds
    };
    struct Pending {
        std::string group_id;
        std::variant<PendingCommit, PendingStore, PendingDeletion> what;
    };

    bool update_epoch(std::int32_t partition, std::optional<std::int32_t> epoch);
    ErrorCode check_group(const std::string& group_id, bool empty_allowed) const;
    Step step(Moment at) { return {at, x_random, x_out}; }
    std::vector<Effect> finish(Groups::iterator group, Moment at);
    void file_deadline(Groups::iterator group);
    Groups::iterator find_or_create(const std::string& group_id, Moment at);
    Group& install(const std::string& group_id, const GroupValue* value, Moment at);
    void store_commit(Token token, const TransactionalCommitRequest& request,
                      Groups::iterator group, Moment at);
    void commit_appended(const std::string& group_id, PendingCommit commit, ErrorCode error,
                         std::int64_t base_offset);
    void delete_with_tombstones(Groups::iterator group, const std::vector<TopicPartition>& offsets,
                                PendingDeletion pending, Moment at);
    void expire_offsets(Moment at);
    void erase_group(Groups::iterator group);

    CoordinatorConfig x_config;
    Random& x_random;
    Outbox x_out;
    Groups x_groups;
    std::set<std::pair<Instant, std::string>> x_deadlines;
    std::set<std::int32_t> x_owned;
    std::map<std::int32_t, Loading> x_loading;
    std::map<std::int32_t, std::int32_t> x_epochs;  // highest leader epoch seen, by partition
    std::map<Ticket, Pending> x_pending;
    std::optional<Instant> x_next_expiry;
};

}  // namespace millrace::broker::group
