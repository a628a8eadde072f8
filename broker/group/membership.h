// The classic rebalance protocol of one group, as the group coordinator of Kafka 3.9 runs it:
//
//   Empty ──join──► PreparingRebalance ──all joined, or time is up──► CompletingRebalance ──leader's sync is durable──► Stable
//     ▲                 ▲      │ nobody left                             │ a change                                       │
//     └─────────────────┼──────┘                                         │                                                │
//                       └────────────────────────────────────────────────┴───────────── a join, a leave, a failure ◄──────┘
//
// Assignment is computed in the clients; the coordinator sees opaque bytes. A join or a sync is answered when its round ends,
// through the outbox, under the token it came with.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "broker/group/outbox.h"
#include "broker/group/records.h"
#include "broker/group/requests.h"
#include "broker/group/roster.h"
#include "lib/base/random.h"

namespace millrace::broker::group {

enum class GroupState { empty, preparing_rebalance, completing_rebalance, stable, dead };

// "Empty", "PreparingRebalance", "CompletingRebalance", "Stable", "Dead".
std::string_view name_of(GroupState state);

struct MembershipConfig {
    Duration session_timeout_min = std::chrono::seconds(6);      // group.min.session.timeout.ms
    Duration session_timeout_max = std::chrono::minutes(30);     // group.max.session.timeout.ms
    Duration initial_rebalance_delay = std::chrono::seconds(3);  // group.initial.rebalance.delay.ms
    std::size_t size_max = 2147483647;                           // group.max.size
    // Ids handed out and not yet used, per group: a client that never comes back must not fill the memory.
    std::size_t pending_max = 100'000;
};

// What one step needs besides its event.
struct Step {
    Moment at;
    Random& random;
    Outbox& out;
};

class Membership {
 public:
    Membership(std::string group_id, std::int32_t partition, const MembershipConfig& config,
               WallTime created);
    // From the last metadata record in the log. Sessions start anew.
    Membership(std::string group_id, std::int32_t partition, const MembershipConfig& config,
               const GroupValue& value);
    // Call once after a restore: starts the sessions, and a rebalance when the group is above size_max.
    void start_sessions(Step& step);

    void join(Token token, const JoinRequest& request, Step& step);
    void sync(Token token, const SyncRequest& request, Step& step);
    ErrorCode heartbeat(const HeartbeatRequest& request, Step& step);
    LeaveResponse leave(const LeaveRequest& request, Step& step);
    // The outcome of an append that this group asked for. Unknown tickets are ignored.
    void stored(Ticket ticket, ErrorCode error, Step& step);
    // Acts on every deadline that has passed.
    void expire(Step& step);
    // Another broker coordinates the group from here on: every waiting request is answered with the error.
    void unload(ErrorCode error, Step& step);

    // Whether this member may commit offsets now. A commit of a member also counts as its heartbeat.
    ErrorCode check_commit(const CommitRequest& request, bool transactional, Step& step);

    // Never later than the next deadline, and sometimes earlier: expire() then does nothing and moves it.
    std::optional<Instant> next_deadline() const { return x_wake; }

    GroupState state() const { return x_state; }
    std::int32_t generation() const { return x_generation; }
    const std::string& group_id() const { return x_group_id; }
    const std::optional<std::string>& protocol_type() const { return x_protocol_type; }
    const Roster& roster() const { return x_roster; }
    // Milliseconds; nullopt for a group loaded from a record older than version 2.
    std::optional<std::int64_t> state_timestamp() const { return x_state_timestamp; }
    bool is_consumer_group() const { return x_protocol_type == "consumer"; }
    // nullopt: not a consumer group, or its subscriptions cannot be read.
    const std::optional<std::set<std::string>>& subscribed_topics() const { return x_topics; }
    DescribeResponse describe() const;

    // The first broken invariant in words.
    std::optional<std::string> invariants() const;

 private:
    // membership_join.cc
    ErrorCode check_join(const JoinRequest& request, Step& step);
    void join_new(Token token, const JoinRequest& request, Step& step);
    void join_known(Token token, const JoinRequest& request, Step& step);
    void join_again(Token token, Member& member, const JoinRequest& request, Step& step);
    void replace_static(Token token, const std::string& new_id, const JoinRequest& request,
                        Step& step);
    void add_member(Token token, std::string id, const JoinRequest& request, Step& step);
    void update_member(Token token, Member& member, const JoinRequest& request, Step& step);
    void answer_join(Member& member, JoinResponse response, Step& step);
    JoinResponse joined(const Member& member) const;
    void answer_current(Token token, const Member& member, Step& step);

    // membership_round.cc: the rounds of a rebalance
    void maybe_prepare(Step& step);
    void prepare(Step& step);
    void try_complete_join(Step& step);
    void on_join_deadline(Step& step);
    void complete_join(Step& step);
    void next_generation(Step& step);
    void on_sync_deadline(Step& step);
    void propagate(ErrorCode error, Step& step);
    Ticket store(const std::map<std::string, Bytes>* assignments, Step& step);
    void expire_members(Step& step);
    void find_next_deadline();

    ErrorCode check_member(const std::string& member_id,
                           const std::optional<std::string>& instance_id) const;
    ErrorCode leave_one(const LeavingMember& leaving, Step& step);
    void remove_member(const std::string& member_id, Step& step);
    void drop(const std::string& member_id, ErrorCode error, Step& step);
    void expect_heartbeat(Member& member, Duration within, Step& step);
    void sync_now(Token token, Member& member, const SyncRequest& request, Step& step);
    void move_to(GroupState state, Step& step);
    void compute_topics();
    void wake_by(Instant deadline);

    // The leader's assignment waits for the log; then it is handed out, unless the round is over by then.
    struct StoredAssignment {
        std::int32_t generation = 0;
        std::map<std::string, Bytes> assignments;
    };
    // A static member came back under another id; on failure the old one returns.
    struct StoredReplacement {
        Token token;
        std::string old_id;
        std::string new_id;
        std::string leader_before;
        bool supports_skipping_assignment = false;
        std::vector<Protocol> old_protocols;
        Duration old_rebalance_timeout{};
        Duration old_session_timeout{};
    };
    void finish_assignment(StoredAssignment stored, ErrorCode error, Step& step);
    void finish_replacement(StoredReplacement stored, ErrorCode error, Step& step);
    using Stored = std::variant<StoredAssignment, StoredReplacement>;

    // While Empty turns into the first generation: each newcomer extends the wait by delay, as long as remaining lasts.
    struct InitialDelay {
        Duration delay{};
        Duration remaining{};
    };

    std::string x_group_id;
    std::int32_t x_partition;
    const MembershipConfig& x_config;
    GroupState x_state = GroupState::empty;
    std::optional<std::int64_t> x_state_timestamp;
    std::int32_t x_generation = 0;
    std::optional<std::string> x_protocol_type;
    std::optional<std::string> x_protocol_name;
    std::optional<std::set<std::string>> x_topics;
    Roster x_roster;
    std::map<Ticket, Stored> x_stored;

    bool x_member_added = false;  // since the initial delay was last set
    std::optional<InitialDelay> x_initial_delay;
    std::optional<Instant> x_join_deadline;  // set exactly while PreparingRebalance
    std::set<std::string> x_pending_sync;
    std::optional<Instant> x_sync_deadline;  // set while somebody of this generation has not synced
    std::optional<Instant> x_wake;
};

}  // namespace millrace::broker::group
