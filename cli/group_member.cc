#include "cli/group_member.h"

#include <fmt/format.h>

#include <set>

#include "lib/kafka/group_records.h"
#include "lib/kafka/versioned.h"

namespace millrace::cli {
namespace {

constexpr std::string_view kProtocolType = "consumer";
constexpr std::string_view kAssignor = "range";
constexpr std::int16_t kSubscriptionVersion = 1;
constexpr std::int16_t kAssignmentVersion = 0;
// Later versions of OffsetFetch ask for several groups, later ones of LeaveGroup name members in a list.
constexpr kafka::VersionRange kOffsetFetchVersions{1, 7};
constexpr kafka::VersionRange kLeaveVersions{0, 2};
constexpr Duration kLeaveTime = 3s;

using kafka::ErrorCode;

ErrorCode commit_error(const kafka::OffsetCommitResponse& response) {
    for (const auto& topic : response.topics) {
        for (const auto& partition : topic.partitions) {
            if (partition.error_code != 0) {
                return kafka::error_from_wire(partition.error_code);
            }
        }
    }
    return ErrorCode::none;
}

}  // namespace

GroupMember::GroupMember(runtime::Loop& loop, Clusters clusters, GroupOptions options,
                         Events events)
    : x_loop(loop),
      x_clusters(clusters),
      x_options(std::move(options)),
      x_events(std::move(events)) {}

kafka::CoordinatorOf GroupMember::coordinator() const {
    return {kafka::CoordinatorType::group, x_options.group};
}

void GroupMember::subscribe(std::vector<std::string> topics) {
    std::ranges::sort(topics);
    if (x_state == State::left || (x_state != State::outside && topics == x_topics)) {
        return;
    }
    const bool first = x_state == State::outside;
    x_topics = std::move(topics);
    if (!first) {
        rejoin();
        return;
    }
    join();
    commit_later();
}

void GroupMember::check_partitions() {
    if (x_state != State::member || !x_leads) {
        return;
    }
    std::vector<std::string> topics;
    for (const auto& [topic, count] : x_assigned_counts) {
        topics.push_back(topic);
    }
    x_clusters.prompt.refresh(std::move(topics), [this, round = x_round](const Status& status) {
        if (status && round == x_round && partition_counts() != x_assigned_counts) {
            rejoin();
        }
    });
}

// Gives the partitions back first, as the eager protocol wants it.
void GroupMember::rejoin() {
    if (x_state != State::member) {
        ++x_round;
        join();
        return;
    }
    x_state = State::joining;
    commit([this] { join(); });
    // Positions are taken; what was read from here on would be read again by the next owner.
    x_events.on_revoked();
}

void GroupMember::join() {
    if (x_state == State::left) {
        return;
    }
    x_state = State::joining;
    ++x_round;
    kafka::ConsumerProtocolSubscription subscription;
    subscription.topics = x_topics;
    kafka::JoinGroupRequest request;
    request.group_id = x_options.group;
    request.session_timeout_ms = x_options.session_timeout_ms;
    request.rebalance_timeout_ms = x_options.rebalance_timeout_ms;
    request.member_id = x_member_id;
    request.protocol_type = kProtocolType;
    request.protocols.push_back(
        {.name = std::string(kAssignor),
         .metadata = kafka::encode_versioned(subscription, kSubscriptionVersion)});
    x_clusters.patient.call<kafka::JoinGroupRequest>(
        coordinator(), std::move(request),
        [this, round = x_round](const Result<kafka::JoinGroupResponse>& response) {
            if (round == x_round) {
                joined(response);
            }
        });
}

void GroupMember::joined(const Result<kafka::JoinGroupResponse>& response) {
    if (!response) {
        x_events.on_failure(response.error());
        return;
    }
    const ErrorCode code = kafka::error_from_wire(response->error_code);
    if (code == ErrorCode::none) {
        x_member_id = response->member_id;
        x_generation = response->generation_id;
        x_leads = response->leader == x_member_id;
        if (x_leads) {
            lead(*response);
        } else {
            sync({});
        }
    } else if (code == ErrorCode::member_id_required) {
        x_member_id = response->member_id;  // KIP-394
        join();
    } else if (code == ErrorCode::unknown_member_id) {
        x_member_id.clear();
        join();
    } else if (code == ErrorCode::rebalance_in_progress) {
        join();
    } else {
        fail_with(code);
    }
}

void GroupMember::lead(const kafka::JoinGroupResponse& response) {
    x_subscriptions.clear();
    std::set<std::string> topics;
    for (const auto& member : response.members) {
        auto subscription =
            kafka::decode_newest_known<kafka::ConsumerProtocolSubscription>(member.metadata);
        if (!subscription) {
            x_events.on_failure(subscription.error());
            return;
        }
        topics.insert(subscription->topics.begin(), subscription->topics.end());
        x_subscriptions[member.member_id] = std::move(subscription->topics);
    }
    x_clusters.prompt.refresh(std::vector<std::string>(topics.begin(), topics.end()),
                              [this, round = x_round](const Status& status) {
                                  if (round != x_round) {
                                      return;
                                  }
                                  if (!status) {
                                      x_events.on_failure(status.error());
                                      return;
                                  }
                                  x_assigned_counts = partition_counts();
                                  sync(divide());
                              });
}

std::map<std::string, std::int32_t> GroupMember::partition_counts() const {
    std::map<std::string, std::int32_t> counts;
    for (const auto& [member, topics] : x_subscriptions) {
        for (const std::string& topic : topics) {
            const auto* const known = x_clusters.prompt.view().topic(topic);
            if (known != nullptr && !known->partitions.empty()) {
                counts[topic] = static_cast<std::int32_t>(known->partitions.size());
            }
        }
    }
    return counts;
}

std::map<std::string, Bytes> GroupMember::divide() const {
    std::map<std::string, Bytes> encoded;
    for (const auto& [member, assignment] : assign_ranges(x_subscriptions, x_assigned_counts)) {
        kafka::ConsumerProtocolAssignment message;
        for (const auto& [topic, partitions] : assignment) {
            message.assigned_partitions.push_back({.topic = topic, .partitions = partitions});
        }
        encoded[member] = kafka::encode_versioned(message, kAssignmentVersion);
    }
    return encoded;
}

void GroupMember::sync(const std::map<std::string, Bytes>& assignments) {
    kafka::SyncGroupRequest request;
    request.group_id = x_options.group;
    request.generation_id = x_generation;
    request.member_id = x_member_id;
    request.protocol_type = kProtocolType;
    request.protocol_name = kAssignor;
    for (const auto& [member, assignment] : assignments) {
        request.assignments.push_back({.member_id = member, .assignment = assignment});
    }
    x_clusters.patient.call<kafka::SyncGroupRequest>(
        coordinator(), std::move(request),
        [this, round = x_round](const Result<kafka::SyncGroupResponse>& response) {
            if (round == x_round) {
                synced(response);
            }
        });
}

void GroupMember::synced(const Result<kafka::SyncGroupResponse>& response) {
    if (!response) {
        x_events.on_failure(response.error());
        return;
    }
    const ErrorCode code = kafka::error_from_wire(response->error_code);
    if (code == ErrorCode::rebalance_in_progress || code == ErrorCode::unknown_member_id ||
        code == ErrorCode::illegal_generation) {
        if (code != ErrorCode::rebalance_in_progress) {
            x_member_id.clear();
        }
        join();
        return;
    }
    if (code != ErrorCode::none) {
        fail_with(code);
        return;
    }
    Assignment assignment;
    if (!response->assignment.empty()) {
        const auto decoded =
            kafka::decode_newest_known<kafka::ConsumerProtocolAssignment>(response->assignment);
        if (!decoded) {
            x_events.on_failure(decoded.error());
            return;
        }
        for (const auto& topic : decoded->assigned_partitions) {
            assignment[topic.topic] = topic.partitions;
        }
    }
    x_state = State::member;
    heartbeat_later();
    fetch_offsets(assignment);
}

void GroupMember::fetch_offsets(const Assignment& assignment) {
    if (assignment.empty()) {
        x_events.on_assigned({});
        return;
    }
    kafka::OffsetFetchRequest request;
    request.group_id = x_options.group;
    request.topics.emplace();
    for (const auto& [topic, partitions] : assignment) {
        request.topics->push_back({.name = topic, .partition_indexes = partitions});
    }
    kafka::ClusterClient::Plan<kafka::OffsetFetchRequest> plan;
    plan.versions = kOffsetFetchVersions;
    x_clusters.prompt.call<kafka::OffsetFetchRequest>(
        coordinator(), std::move(request),
        [this, round = x_round](const Result<kafka::OffsetFetchResponse>& response) {
            if (round == x_round) {
                offsets_fetched(response);
            }
        },
        std::move(plan));
}

void GroupMember::offsets_fetched(const Result<kafka::OffsetFetchResponse>& response) {
    if (!response) {
        x_events.on_failure(response.error());
        return;
    }
    if (response->error_code != 0) {
        fail_with(kafka::error_from_wire(response->error_code));
        return;
    }
    PartitionFetcher::Starts starts;
    for (const auto& topic : response->topics) {
        for (const auto& partition : topic.partitions) {
            if (partition.error_code != 0) {
                fail_with(kafka::error_from_wire(partition.error_code));
                return;
            }
            auto& start = starts[{topic.name, kafka::PartitionId(partition.partition_index)}];
            if (partition.committed_offset >= 0) {
                start = partition.committed_offset;
            }
        }
    }
    x_events.on_assigned(std::move(starts));
}

void GroupMember::heartbeat_later() {
    x_loop.run_after(x_options.heartbeat_interval, [this, round = x_round] {
        if (round == x_round && x_state == State::member) {
            heartbeat();
        }
    });
}

void GroupMember::heartbeat() {
    kafka::HeartbeatRequest request;
    request.group_id = x_options.group;
    request.generation_id = x_generation;
    request.member_id = x_member_id;
    x_clusters.prompt.call<kafka::HeartbeatRequest>(
        coordinator(), std::move(request),
        [this, round = x_round](const Result<kafka::HeartbeatResponse>& response) {
            if (round == x_round && x_state == State::member) {
                take_heartbeat(response);
            }
        });
}

void GroupMember::take_heartbeat(const Result<kafka::HeartbeatResponse>& response) {
    const ErrorCode code = response ? kafka::error_from_wire(response->error_code)
                                    : ErrorCode::coordinator_not_available;
    if (code == ErrorCode::rebalance_in_progress) {
        rejoin();
    } else if (code == ErrorCode::unknown_member_id || code == ErrorCode::illegal_generation) {
        // Others have the partitions already; nothing may be committed.
        x_member_id.clear();
        x_events.on_revoked();
        join();
    } else if (code == ErrorCode::none || !response) {
        heartbeat_later();
    } else {
        fail_with(code);
    }
}

void GroupMember::commit_later() {
    if (!x_options.auto_commit) {
        return;
    }
    x_loop.run_after(x_options.commit_interval, [this] {
        if (x_state == State::left) {
            return;
        }
        if (x_state != State::member) {
            commit_later();
            return;
        }
        commit([this] { commit_later(); });
    });
}

void GroupMember::commit(Task then) {
    const PartitionFetcher::Positions positions = x_events.positions();
    if (!x_options.auto_commit || positions.empty()) {
        then();
        return;
    }
    kafka::OffsetCommitRequest request;
    request.group_id = x_options.group;
    request.generation_id_or_member_epoch = x_generation;
    request.member_id = x_member_id;
    for (const auto& [partition, offset] : positions) {
        if (request.topics.empty() || request.topics.back().name != partition.topic) {
            request.topics.emplace_back().name = partition.topic;
        }
        auto& item = request.topics.back().partitions.emplace_back();
        item.partition_index = partition.partition.value();
        item.committed_offset = offset;
        item.committed_metadata = "";
    }
    kafka::ClusterClient::Plan<kafka::OffsetCommitRequest> plan;
    plan.versions.least = 2;
    plan.error_of = commit_error;
    // A commit that fails is made up for by the next one.
    x_clusters.prompt.call<kafka::OffsetCommitRequest>(
        coordinator(), std::move(request),
        [then = std::move(then)](const Result<kafka::OffsetCommitResponse>&) mutable { then(); },
        std::move(plan));
}

void GroupMember::leave(Task then) {
    const bool was_member = x_state == State::member;
    const bool known = !x_member_id.empty();
    x_state = State::left;
    ++x_round;
    const auto once = std::make_shared<Task>(std::move(then));
    const auto finish = [once] {
        if (*once != nullptr) {
            std::exchange(*once, nullptr)();
        }
    };
    // A coordinator that does not answer will find out by the session timeout.
    x_loop.run_after(kLeaveTime, finish);
    if (!known) {
        finish();
        return;
    }
    if (!was_member) {
        send_leave(finish);
        return;
    }
    commit([this, finish] { send_leave(finish); });
}

void GroupMember::send_leave(Task then) {
    kafka::LeaveGroupRequest request;
    request.group_id = x_options.group;
    request.member_id = x_member_id;
    kafka::ClusterClient::Plan<kafka::LeaveGroupRequest> plan;
    plan.versions = kLeaveVersions;
    x_clusters.prompt.call<kafka::LeaveGroupRequest>(
        coordinator(), std::move(request),
        [then = std::move(then)](const Result<kafka::LeaveGroupResponse>&) mutable { then(); },
        std::move(plan));
}

void GroupMember::fail_with(ErrorCode code) {
    x_events.on_failure({Errc::invalid_argument,
                         fmt::format("group {}: {}", x_options.group, kafka::message_of(code))});
}

}  // namespace millrace::cli
