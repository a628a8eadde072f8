#include "broker/controller/topic_creation.h"

#include <fmt/format.h>

#include <algorithm>

#include "broker/controller/topic_config.h"
#include "lib/kafka/topic_name.h"

namespace millrace::broker::controller {
namespace {

using kafka::ErrorCode;

constexpr std::string_view kReplicationComesLater =
    "Millrace supports a replication factor of 1; replication comes with a later release";

template <class Plan>
Decision<Plan> refuse(ErrorCode error, std::string message) {
    return {std::nullopt, {error, std::move(message)}};
}

// The log of a KRaft cluster; no topic of ours, and none of a client's.
constexpr std::string_view kMetadataTopic = "__cluster_metadata";

std::optional<Refusal> check_name(const TopicSpec& spec, const TopicContext& context) {
    if (const Status legal = kafka::check_topic_name(spec.name); !legal) {
        return Refusal{ErrorCode::invalid_topic_exception, legal.error().message};
    }
    if (spec.name == kMetadataTopic) {
        return Refusal{ErrorCode::invalid_request,
                       fmt::format("Creation of internal topic {} is prohibited.", spec.name)};
    }
    if (context.topics.contains(spec.name)) {
        return Refusal{ErrorCode::topic_already_exists,
                       fmt::format("Topic '{}' already exists.", spec.name)};
    }
    // Only names with one of the two characters can collide.
    if (spec.name.find_first_of("._") == std::string::npos) {
        return std::nullopt;
    }
    for (const std::string& other : context.topics) {
        if (kafka::topic_names_collide(spec.name, other)) {
            return Refusal{
                ErrorCode::invalid_topic_exception,
                fmt::format("Topic '{}' collides with existing topic: {}", spec.name, other)};
        }
    }
    return std::nullopt;
}

std::optional<Refusal> check_replicas(const std::vector<std::int32_t>& replicas,
                                      const std::vector<std::int32_t>& brokers) {
    const std::set<std::int32_t> distinct(replicas.begin(), replicas.end());
    if (replicas.empty() || distinct.size() != replicas.size()) {
        return Refusal{ErrorCode::invalid_replica_assignment,
                       "An assignment names every replica of a partition once, and at least one"};
    }
    if (replicas.size() > 1) {
        return Refusal{ErrorCode::invalid_replication_factor, std::string(kReplicationComesLater)};
    }
    for (const std::int32_t id : replicas) {
        if (std::ranges::find(brokers, id) == brokers.end()) {
            return Refusal{ErrorCode::invalid_replica_assignment,
                           fmt::format("Unknown broker id {} in an assignment", id)};
        }
    }
    return std::nullopt;
}

Decision<TopicPlan> plan_assigned(const TopicSpec& spec, const TopicContext& context) {
    if (spec.partitions != -1 || spec.replication_factor != -1) {
        return refuse<TopicPlan>(
            ErrorCode::invalid_request,
            "Both numPartitions or replicationFactor and replicasAssignments were set. Both cannot "
            "be used at the same time.");
    }
    TopicPlan plan;
    std::int32_t expected = 0;
    for (const auto& [partition, replicas] : spec.assignment) {
        if (partition != expected++) {
            return refuse<TopicPlan>(ErrorCode::invalid_replica_assignment,
                                     "Partitions are numbered from 0 without gaps");
        }
        if (std::optional<Refusal> refusal = check_replicas(replicas, context.brokers)) {
            return {std::nullopt, *std::move(refusal)};
        }
        plan.record.partitions[partition] = {replicas, {}, {}};
    }
    return {std::move(plan), {}};
}

Decision<TopicPlan> plan_placed(const TopicSpec& spec, const TopicContext& context,
                                Random& random) {
    const std::int32_t count = spec.partitions == -1 ? context.default_partitions : spec.partitions;
    const std::int16_t factor = spec.replication_factor == -1 ? context.default_replication_factor
                                                              : spec.replication_factor;
    if (count <= 0) {
        return refuse<TopicPlan>(ErrorCode::invalid_partitions,
                                 "Number of partitions must be larger than 0.");
    }
    if (count > context.partitions_max) {
        return refuse<TopicPlan>(
            ErrorCode::invalid_partitions,
            fmt::format("Number of partitions must not exceed {}.", context.partitions_max));
    }
    if (factor <= 0) {
        return refuse<TopicPlan>(ErrorCode::invalid_replication_factor,
                                 "Replication factor must be larger than 0.");
    }
    if (static_cast<std::size_t>(factor) > context.brokers.size()) {
        return refuse<TopicPlan>(
            ErrorCode::invalid_replication_factor,
            fmt::format("Replication factor: {} larger than available brokers: {}.", factor,
                        context.brokers.size()));
    }
    if (factor > 1) {
        return refuse<TopicPlan>(ErrorCode::invalid_replication_factor,
                                 std::string(kReplicationComesLater));
    }
    const auto start = static_cast<std::int32_t>(random.below(context.brokers.size()));
    const auto shift = static_cast<std::int32_t>(random.below(context.brokers.size()));
    auto placed = place_replicas(context.brokers, count, {factor, start, shift, 0});
    TopicPlan plan;
    for (std::int32_t partition = 0; partition < count; ++partition) {
        plan.record.partitions[partition] = {
            std::move(placed[static_cast<std::size_t>(partition)]), {}, {}};
    }
    return {std::move(plan), {}};
}

}  // namespace

std::vector<std::vector<std::int32_t>> place_replicas(const std::vector<std::int32_t>& brokers,
                                                      std::int32_t partitions,
                                                      const Placement& placement) {
    std::vector<std::vector<std::int32_t>> placed;
    const auto count = static_cast<std::int32_t>(brokers.size());
    std::int32_t shift = placement.shift;
    for (std::int32_t i = 0; i < partitions; ++i) {
        const std::int32_t partition = placement.first_partition + i;
        if (partition > 0 && partition % count == 0) {
            ++shift;
        }
        const std::int32_t first = (partition + placement.start) % count;
        std::vector<std::int32_t>& replicas = placed.emplace_back();
        replicas.push_back(brokers[static_cast<std::size_t>(first)]);
        for (std::int32_t j = 0; j + 1 < placement.replication_factor; ++j) {
            const std::int32_t step = 1 + (shift + j) % (count - 1);
            replicas.push_back(brokers[static_cast<std::size_t>((first + step) % count)]);
        }
    }
    return placed;
}

Decision<TopicPlan> plan_topic(const TopicSpec& spec, const TopicContext& context, Random& random) {
    if (std::optional<Refusal> refusal = check_name(spec, context)) {
        return {std::nullopt, *std::move(refusal)};
    }
    Decision<TopicPlan> decision =
        spec.assignment.empty() ? plan_placed(spec, context, random) : plan_assigned(spec, context);
    if (!decision.plan) {
        return decision;
    }
    if (const Status valid = check_topic_configs(spec.configs); !valid) {
        return refuse<TopicPlan>(ErrorCode::invalid_config, valid.error().message);
    }
    decision.plan->name = spec.name;
    decision.plan->record.id = kafka::Uuid::make(random);
    decision.plan->configs = spec.configs;
    return decision;
}

Decision<TopicRecord> plan_partitions(const MorePartitions& request, const TopicRecord& present,
                                      const std::vector<std::int32_t>& brokers) {
    const auto have = static_cast<std::int32_t>(present.partitions.size());
    const std::int32_t more = std::max(request.count, 0) - have;
    if (more > kAddedPartitionsMax) {
        return refuse<TopicRecord>(
            ErrorCode::invalid_partitions,
            fmt::format("At most {} partitions can be added at a time.", kAddedPartitionsMax));
    }
    if (more <= 0) {
        return refuse<TopicRecord>(
            ErrorCode::invalid_partitions,
            more == 0 ? fmt::format("Topic already has {} partitions.", have)
                      : fmt::format("The topic {} currently has {} partition(s); {} would not be "
                                    "an increase.",
                                    request.topic, have, request.count));
    }
    if (have == 0 || brokers.empty()) {
        return refuse<TopicRecord>(ErrorCode::invalid_partitions,
                                   "The topic has no partition 0 to go on from");
    }
    const std::vector<std::int32_t>& first = present.partitions.begin()->second.replicas;
    if (first.size() > brokers.size()) {
        return refuse<TopicRecord>(
            ErrorCode::invalid_replication_factor,
            fmt::format("Replication factor: {} larger than available brokers: {}.", first.size(),
                        brokers.size()));
    }
    std::vector<std::vector<std::int32_t>> added;
    if (request.assignments) {
        if (request.assignments->size() != static_cast<std::size_t>(more)) {
            return refuse<TopicRecord>(
                ErrorCode::invalid_replica_assignment,
                fmt::format(
                    "Increasing the number of partitions by {} but {} assignments provided.", more,
                    request.assignments->size()));
        }
        added = *request.assignments;
    } else {
        // Where partition 0 started, so that the round goes on; a start broker that is gone counts as the first.
        const auto start = std::ranges::find(brokers, first.empty() ? -1 : first.front());
        const auto index =
            start == brokers.end() ? 0 : static_cast<std::int32_t>(start - brokers.begin());
        added = place_replicas(brokers, more,
                               {static_cast<std::int16_t>(first.size()), index, index, have});
    }
    TopicRecord next = present;
    for (std::size_t i = 0; i < added.size(); ++i) {
        if (std::optional<Refusal> refusal = check_replicas(added[i], brokers)) {
            return {std::nullopt, *std::move(refusal)};
        }
        next.partitions[have + static_cast<std::int32_t>(i)] = {std::move(added[i]), {}, {}};
    }
    return {std::move(next), {}};
}

}  // namespace millrace::broker::controller
