#include <fmt/format.h>

#include <algorithm>

#include "operator/reconcile/conditions.h"

namespace millrace::kube_operator::reconcile {
namespace {

std::string topic_name(const api::KafkaTopic& topic) {
    return topic.spec.topic_name.empty() ? topic.metadata.name : topic.spec.topic_name;
}

bool has_finalizer(const api::KafkaTopic& topic) {
    return std::ranges::find(topic.metadata.finalizers, kTopicFinalizer) !=
           topic.metadata.finalizers.end();
}

std::string policy(const std::string& own, const std::string& of_cluster) {
    return own.empty() ? of_cluster : own;
}

bool deletes_topic(const TopicInput& input) {
    const api::KafkaTopicSpec& spec = input.topic.spec;
    return spec.management_policy == "Managed" && input.cluster &&
           policy(spec.deletion_policy, input.cluster->spec.topic_deletion_policy) == "Delete";
}

std::vector<api::TopicDrift> drift_of(const api::KafkaTopicSpec& spec,
                                      const ObservedTopic& observed) {
    std::vector<api::TopicDrift> drift;
    if (spec.partitions && *spec.partitions != observed.partitions) {
        drift.push_back(
            {"partitions", std::to_string(*spec.partitions), std::to_string(observed.partitions)});
    }
    if (spec.replicas && *spec.replicas != observed.replicas) {
        drift.push_back(
            {"replicas", std::to_string(*spec.replicas), std::to_string(observed.replicas)});
    }
    for (const auto& [key, value] : spec.config) {
        const auto found = observed.config.find(key);
        if (found == observed.config.end() || found->second != value) {
            drift.push_back({key, value, found == observed.config.end() ? "" : found->second});
        }
    }
    for (const auto& [key, value] : observed.config) {
        if (!spec.config.contains(key)) {
            drift.push_back({key, "", value});
        }
    }
    return drift;
}

// What can be done about the drift, as actions; and what cannot, as text.
std::string mend(const TopicInput& input, const std::vector<api::TopicDrift>& drift,
                 std::vector<TopicAction>& actions) {
    const std::string name = topic_name(input.topic);
    std::string refused;
    AlterTopicConfig alter{.name = name, .changes = {}};
    for (const api::TopicDrift& item : drift) {
        if (item.key == "partitions") {
            const std::int64_t wanted = *input.topic.spec.partitions;
            if (wanted > input.observed->partitions) {
                actions.emplace_back(AddPartitions{name, wanted});
            } else {
                refused = fmt::format("the topic has {} partitions; Kafka cannot take any away",
                                      input.observed->partitions);
            }
        } else if (item.key == "replicas") {
            refused =
                fmt::format("the topic has {} replicas; changing them comes with a later release",
                            input.observed->replicas);
        } else {
            // An empty value is one too: whether the spec has the key decides.
            const auto wanted = input.topic.spec.config.find(item.key);
            alter.changes[item.key] = wanted == input.topic.spec.config.end()
                                          ? std::nullopt
                                          : std::optional(wanted->second);
        }
    }
    if (!alter.changes.empty()) {
        actions.emplace_back(std::move(alter));
    }
    return refused;
}

// Trouble becomes an Event once; that all is well again is seen in the status.
void tell(const TopicInput& input, TopicPlan& plan) {
    for (Announce& one : news(input.topic.status.conditions, plan.status.conditions, "")) {
        if (one.warning) {
            plan.actions.emplace_back(std::move(one));
        }
    }
}

TopicPlan plan_removal(const TopicInput& input, TopicPlan plan) {
    if (!has_finalizer(input.topic)) {
        return plan;
    }
    const bool cluster_goes = !input.cluster || input.cluster->metadata.deleting();
    if (cluster_goes || !deletes_topic(input) || !input.earlier_owner.empty() ||
        (input.cluster_reachable && !input.observed)) {
        plan.actions.emplace_back(SetFinalizer{false});
        return plan;
    }
    if (input.cluster_reachable) {
        plan.actions.emplace_back(Announce{
            false, "TopicDeleted",
            fmt::format("Topic {} is deleted with its resource.", topic_name(input.topic))});
        plan.actions.emplace_back(DeleteTopic{topic_name(input.topic)});
        return plan;
    }
    stamp(plan.status.conditions,
          condition("Ready", false, "ClusterUnreachable",
                    "the topic cannot be deleted: no broker answers"),
          input.topic.metadata.generation, input.environment.now);
    tell(input, plan);
    return plan;
}

api::Condition blocked(const TopicInput& input) {
    const std::string& cluster = input.topic.spec.cluster;
    if (!input.cluster) {
        return condition("Ready", false, "ClusterMissing",
                         fmt::format("there is no KafkaCluster {} in namespace {}", cluster,
                                     input.topic.metadata.namespace_name));
    }
    if (!input.earlier_owner.empty()) {
        return condition("Ready", false, "TopicOwned",
                         fmt::format("topic {} belongs to KafkaTopic {}", topic_name(input.topic),
                                     input.earlier_owner));
    }
    if (!input.cluster_reachable) {
        return condition("Ready", false, "ClusterUnreachable",
                         fmt::format("no broker of {} answers", cluster));
    }
    return {};
}

// Whether what others change is undone: as the policy says, and always for a spec that was not carried out yet.
bool mends_drift(const TopicInput& input) {
    const std::string drift_policy =
        policy(input.topic.spec.drift_policy, input.cluster->spec.topic_drift_policy);
    const bool is_new_spec =
        input.topic.status.observed_generation != input.topic.metadata.generation;
    return input.topic.spec.management_policy == "Managed" &&
           (drift_policy == "Revert" || is_new_spec);
}

void plan_missing(const TopicInput& input, TopicPlan& plan, api::Condition& ready) {
    const api::KafkaTopicSpec& spec = input.topic.spec;
    const std::string name = topic_name(input.topic);
    plan.status.drift.clear();
    plan.status.drift_summary = "-";
    // A topic that was there once and is gone was deleted by somebody else.
    if (!input.topic.status.topic_id.empty() && !mends_drift(input)) {
        plan.status.drift = {{"topic", "present", "deleted"}};
        plan.status.drift_summary = "deleted";
        ready = condition("Ready", false, "TopicMissing",
                          fmt::format("topic {} was deleted by somebody else", name));
        return;
    }
    if (spec.management_policy != "Managed") {
        ready =
            condition("Ready", false, "TopicMissing",
                      fmt::format("there is no topic {}, and this resource only observes", name));
        return;
    }
    const bool was_there = !input.topic.status.topic_id.empty();
    plan.actions.emplace_back(
        was_there ? Announce{true, "TopicRecreated",
                             fmt::format("Topic {} was deleted by somebody else; it is created "
                                         "again, empty.",
                                         name)}
                  : Announce{false, "TopicCreated", fmt::format("Topic {} is created.", name)});
    plan.actions.emplace_back(
        CreateTopic{name, spec.partitions.value_or(-1), spec.replicas.value_or(-1), spec.config});
    ready = condition("Ready", false, "Creating", fmt::format("topic {} is being created", name));
}

void plan_present(const TopicInput& input, TopicPlan& plan, api::Condition& ready) {
    const ObservedTopic& observed = *input.observed;
    plan.status.topic_id = observed.topic_id;
    plan.status.partitions = observed.partitions;
    plan.status.replicas = observed.replicas;
    plan.status.drift = drift_of(input.topic.spec, observed);
    std::vector<std::string> keys;
    for (const api::TopicDrift& item : plan.status.drift) {
        keys.push_back(item.key);
    }
    plan.status.drift_summary = keys.empty() ? "-" : fmt::format("{}", fmt::join(keys, ","));
    ready = condition("Ready", true, "InSync", "the topic is as declared");
    if (keys.empty()) {
        return;
    }
    if (!mends_drift(input)) {
        ready = condition("Ready", true, "Drifted",
                          "differs from the spec: " + plan.status.drift_summary);
        const api::Condition* before = api::find_condition(input.topic.status.conditions, "Ready");
        if (before == nullptr || before->reason != ready.reason) {
            plan.actions.emplace_back(
                Announce{true, "TopicDrift", "The topic " + ready.message + "; it is left alone."});
        }
        return;
    }
    const std::string refused = mend(input, plan.status.drift, plan.actions);
    if (!refused.empty()) {
        ready = condition("Ready", false, "ChangeRefused", refused);
    } else {
        plan.actions.emplace_back(
            Announce{false, "TopicAltered", "Set as declared: " + plan.status.drift_summary + "."});
        ready = condition("Ready", false, "Altering",
                          "being set as declared: " + plan.status.drift_summary);
    }
}

}  // namespace

TopicPlan plan_topic(const TopicInput& input) {
    const api::KafkaTopic& topic = input.topic;
    TopicPlan plan;
    plan.status = topic.status;
    plan.status.topic_name = topic_name(topic);
    if (topic.metadata.deleting()) {
        return plan_removal(input, std::move(plan));
    }
    api::Condition ready = blocked(input);
    if (ready.type.empty() && topic.spec.management_policy == "Unmanaged") {
        ready = condition("Ready", true, "Unmanaged", "left alone as asked");
    } else if (ready.type.empty()) {
        if (deletes_topic(input) != has_finalizer(topic)) {
            plan.actions.emplace_back(SetFinalizer{deletes_topic(input)});
        }
        if (input.observed) {
            plan_present(input, plan, ready);
        } else {
            plan_missing(input, plan, ready);
        }
        plan.status.observed_generation = topic.metadata.generation;
    }
    stamp(plan.status.conditions, std::move(ready), topic.metadata.generation,
          input.environment.now);
    tell(input, plan);
    return plan;
}

}  // namespace millrace::kube_operator::reconcile
