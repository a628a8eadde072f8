#include "operator/reconcile/plan.h"

namespace millrace::kube_operator::reconcile {
namespace {

TopicInput input_of(std::optional<ObservedTopic> observed) {
    TopicInput input;
    input.topic.metadata.name = "orders";
    input.topic.metadata.generation = 1;
    input.topic.metadata.finalizers = {std::string(kTopicFinalizer)};
    input.topic.spec.cluster = "demo";
    input.topic.spec.partitions = 6;
    input.topic.spec.management_policy = "Managed";
    input.cluster.emplace();
    input.cluster->spec.topic_deletion_policy = "Delete";
    input.cluster->spec.topic_drift_policy = "Revert";
    input.cluster_reachable = true;
    input.observed = std::move(observed);
    return input;
}

template <class T>
const T* find(const TopicPlan& plan) {
    for (const TopicAction& action : plan.actions) {
        if (const T* found = std::get_if<T>(&action)) {
            return found;
        }
    }
    return nullptr;
}

std::string ready_reason(const TopicPlan& plan) {
    return api::find_condition(plan.status.conditions, "Ready")->reason;
}

}  // namespace

TEST_CASE("a topic that is not there is created with the declared counts") {
    const TopicPlan plan = plan_topic(input_of(std::nullopt));
    REQUIRE(find<CreateTopic>(plan)->partitions == 6);
    REQUIRE(find<CreateTopic>(plan)->replicas == -1);
    REQUIRE(ready_reason(plan) == "Creating");
}

TEST_CASE("a topic as declared is in sync and nothing is done") {
    const TopicPlan plan = plan_topic(input_of(ObservedTopic{"id", 6, 1, {}}));
    REQUIRE(plan.actions.empty());
    REQUIRE(ready_reason(plan) == "InSync");
    REQUIRE(plan.status.drift_summary == "-");
}

TEST_CASE("missing partitions are added, surplus ones are refused") {
    REQUIRE(find<AddPartitions>(plan_topic(input_of(ObservedTopic{"id", 3, 1, {}})))->total == 6);
    const TopicPlan plan = plan_topic(input_of(ObservedTopic{"id", 9, 1, {}}));
    REQUIRE(find<AddPartitions>(plan) == nullptr);
    REQUIRE(ready_reason(plan) == "ChangeRefused");
}

TEST_CASE("settings that others changed are set back, or only reported, as the policy says") {
    TopicInput input = input_of(ObservedTopic{"id", 6, 1, {{"retention.ms", "5"}}});
    input.topic.status.observed_generation = 1;
    const TopicPlan reverted = plan_topic(input);
    REQUIRE(find<AlterTopicConfig>(reverted)->changes.at("retention.ms") == std::nullopt);
    input.topic.spec.drift_policy = "Report";
    const TopicPlan reported = plan_topic(input);
    REQUIRE(find<AlterTopicConfig>(reported) == nullptr);
    REQUIRE(find<Announce>(reported)->reason == "TopicDrift");
    REQUIRE(ready_reason(reported) == "Drifted");
    REQUIRE(reported.status.drift_summary == "retention.ms");
}

TEST_CASE("deleting the resource deletes the topic before the finalizer goes") {
    TopicInput input = input_of(ObservedTopic{"id", 6, 1, {}});
    input.topic.metadata.deletion_timestamp = "2026-01-01T00:00:00Z";
    REQUIRE(find<DeleteTopic>(plan_topic(input)) != nullptr);
    REQUIRE(find<SetFinalizer>(plan_topic(input)) == nullptr);
    input.observed.reset();
    REQUIRE(find<SetFinalizer>(plan_topic(input))->present == false);
}

TEST_CASE("with policy Retain the topic stays and the resource goes at once") {
    TopicInput input = input_of(ObservedTopic{"id", 6, 1, {}});
    input.topic.metadata.deletion_timestamp = "2026-01-01T00:00:00Z";
    input.topic.spec.deletion_policy = "Retain";
    REQUIRE(find<DeleteTopic>(plan_topic(input)) == nullptr);
    REQUIRE(find<SetFinalizer>(plan_topic(input)) != nullptr);
}

TEST_CASE("the resource goes at once when its cluster goes") {
    TopicInput input = input_of(std::nullopt);
    input.cluster_reachable = false;
    input.topic.metadata.deletion_timestamp = "2026-01-01T00:00:00Z";
    REQUIRE(find<SetFinalizer>(plan_topic(input)) == nullptr);
    input.cluster->metadata.deletion_timestamp = "2026-01-01T00:00:00Z";
    REQUIRE(find<SetFinalizer>(plan_topic(input)) != nullptr);
}

TEST_CASE("an unreachable cluster is reported and nothing is tried") {
    TopicInput input = input_of(std::nullopt);
    input.cluster_reachable = false;
    const TopicPlan plan = plan_topic(input);
    REQUIRE(plan.actions.size() == 1);
    REQUIRE(find<Announce>(plan)->reason == "ClusterUnreachable");
    REQUIRE(ready_reason(plan) == "ClusterUnreachable");
    // Said once.
    input.topic.status = plan.status;
    REQUIRE(plan_topic(input).actions.empty());
}

TEST_CASE(
    "a topic that others deleted comes back, or its absence is reported, as the policy says") {
    TopicInput input = input_of(std::nullopt);
    input.topic.status.topic_id = "id";
    input.topic.status.observed_generation = 1;
    REQUIRE(find<CreateTopic>(plan_topic(input)) != nullptr);
    REQUIRE(find<Announce>(plan_topic(input))->reason == "TopicRecreated");
    input.topic.spec.drift_policy = "Report";
    const TopicPlan plan = plan_topic(input);
    REQUIRE(find<CreateTopic>(plan) == nullptr);
    REQUIRE(ready_reason(plan) == "TopicMissing");
    REQUIRE(find<Announce>(plan)->reason == "TopicMissing");
    REQUIRE(plan.status.drift_summary == "deleted");
}

TEST_CASE("an empty value is set like any other") {
    TopicInput input = input_of(ObservedTopic{"id", 6, 1, {}});
    input.topic.spec.config["leader.replication.throttled.replicas"] = "";
    const TopicPlan plan = plan_topic(input);
    const auto& changes = find<AlterTopicConfig>(plan)->changes;
    REQUIRE(changes.at("leader.replication.throttled.replicas") == std::optional<std::string>(""));
}

TEST_CASE("a resource that lost the topic to an earlier one leaves it alone when it goes") {
    TopicInput input = input_of(ObservedTopic{"id", 6, 1, {}});
    input.topic.metadata.deletion_timestamp = "2026-01-01T00:00:00Z";
    input.earlier_owner = "first";
    const TopicPlan plan = plan_topic(input);
    REQUIRE(find<DeleteTopic>(plan) == nullptr);
    REQUIRE_FALSE(find<SetFinalizer>(plan)->present);
}

TEST_CASE("drift that is only reported is told once") {
    TopicInput input = input_of(ObservedTopic{"id", 6, 1, {{"retention.ms", "5"}}});
    input.topic.status.observed_generation = 1;
    input.topic.spec.drift_policy = "Report";
    const TopicPlan plan = plan_topic(input);
    REQUIRE(find<Announce>(plan)->reason == "TopicDrift");
    input.topic.status = plan.status;
    REQUIRE(find<Announce>(plan_topic(input)) == nullptr);
}

}  // namespace millrace::kube_operator::reconcile
