#include "operator/reconcile/nodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "operator/reconcile/conditions.h"

namespace millrace::kube_operator::reconcile {

using resources::Node;

const PodView* find_pod(const std::vector<PodView>& pods, const std::string& name) {
    const auto found = std::ranges::find(pods, name, &PodView::name);
    return found == pods.end() ? nullptr : &*found;
}

bool serves(const PodView& pod) {
    return pod.ready && !pod.deleting;
}

bool ended(const PodView& pod) {
    return !pod.deleting && (pod.phase == "Failed" || pod.phase == "Succeeded");
}

void build_node(const Node& node, const PodView* pod, bool is_new, std::vector<Action>& actions) {
    actions.emplace_back(ApplyObject{resources::cluster_node(node)});
    actions.emplace_back(ApplyObject{resources::config_map(node)});
    if (node.storage.type != "Ephemeral") {
        actions.emplace_back(ApplyObject{resources::volume_claim(node)});
    }
    if (pod == nullptr) {
        actions.emplace_back(ApplyObject{resources::pod(node)});
        actions.emplace_back(
            Announce{false, is_new ? "NodeCreated" : "PodCreated",
                     fmt::format("{} {} is started as pod {}.", is_new ? "A new" : "The",
                                 resources::name_of(node.role), node.name()),
                     node.pool});
    } else if (ended(*pod)) {
        actions.emplace_back(Announce{
            true, "PodReplaced",
            fmt::format("Pod {} ended ({}); it is replaced.", pod->name, pod->phase), node.pool});
        actions.emplace_back(DeletePod{pod->name, pod->uid});
    }
}

namespace {

std::string phase_of(const PodView& pod, const std::string& wanted_hash) {
    if (pod.deleting) {
        return "Restarting";
    }
    if (!pod.waiting_reason.empty() && pod.waiting_reason != "ContainerCreating") {
        return "Stuck";
    }
    if (!pod.ready) {
        return "Starting";
    }
    return pod.settings_hash == wanted_hash ? "Running" : "Outdated";
}

}  // namespace

api::ClusterNodeStatus node_status(const api::ClusterNode* before, const PodView* pod,
                                   const std::string& wanted_hash, WallTime now) {
    api::ClusterNodeStatus status;
    status.phase = "Pending";
    if (before != nullptr) {
        status.conditions = before->status.conditions;
        status.observed_generation = before->metadata.generation;
    }
    if (pod != nullptr) {
        status.phase = phase_of(*pod, wanted_hash);
        status.pod = pod->name;
        status.address = pod->ip;
        status.observed_hash = pod->settings_hash;
        status.restarts = pod->restarts;
        status.last_restart_reason = pod->message;
    }
    const bool ready = pod != nullptr && serves(*pod);
    const std::string why = pod == nullptr ? "there is no pod" : trouble(*pod);
    stamp(status.conditions,
          condition("Ready", ready, status.phase, ready ? "the node serves" : why),
          status.observed_generation, now);
    return status;
}

std::string trouble(const PodView& pod) {
    if (serves(pod)) {
        return "";
    }
    if (pod.deleting) {
        return fmt::format("{} is stopping", pod.name);
    }
    if (!pod.waiting_reason.empty() && pod.waiting_reason != "ContainerCreating") {
        return fmt::format("{}: {}{}{}", pod.name, pod.waiting_reason,
                           pod.message.empty() ? "" : ": ", pod.message);
    }
    return fmt::format("{} is starting", pod.name);
}

namespace {

// Nodes whose pods run other settings than wanted.
std::vector<const Node*> outdated_nodes(const RollInput& input) {
    std::vector<const Node*> outdated;
    for (const Node& node : input.nodes) {
        const PodView* pod = find_pod(*input.pods, node.name());
        if (pod != nullptr && !pod->deleting && pod->settings_hash != node.settings_hash()) {
            outdated.push_back(&node);
        }
    }
    return outdated;
}

// By id, the controller last.
const Node* next_serving(const RollInput& input, const std::vector<const Node*>& outdated) {
    const auto rank = [&](const Node* node) {
        return std::tuple(input.last_id && *input.last_id == node->id, node->id);
    };
    const Node* next = nullptr;
    for (const Node* node : outdated) {
        const bool is_serving = serves(*find_pod(*input.pods, node->name()));
        if (is_serving && (next == nullptr || rank(node) < rank(next))) {
            next = node;
        }
    }
    return next;
}

// Which node is not serving, and why; empty when all do.
std::string missing_node(const RollInput& input) {
    for (const Node& node : input.nodes) {
        const PodView* pod = find_pod(*input.pods, node.name());
        if (pod == nullptr) {
            return fmt::format("{} is being replaced", node.name());
        }
        if (!serves(*pod)) {
            return trouble(*pod);
        }
    }
    return "";
}

void restart(const RollInput& input, const Node& node, std::vector<Action>& actions) {
    const PodView* pod = find_pod(*input.pods, node.name());
    actions.emplace_back(Announce{false, "NodeRestarting",
                                  fmt::format("{} is restarted: settings changed.", node.name())});
    actions.emplace_back(DeletePod{pod->name, pod->uid});
}

// Restarts what may be restarted now. Returns what the rest waits for; empty when nothing does.
std::string advance(const RollInput& input, const std::vector<const Node*>& outdated,
                    std::vector<Action>& actions) {
    if (outdated.empty()) {
        return missing_node(input);
    }
    if (input.rollout->strategy == "OnDelete") {
        return fmt::format("somebody to delete {} (strategy OnDelete)", outdated.front()->name());
    }
    // Nodes that serve nothing are restarted whatever the others lack: that is how a bad setting is mended.
    const std::size_t before = actions.size();
    for (const Node* node : outdated) {
        if (!serves(*find_pod(*input.pods, node->name()))) {
            restart(input, *node, actions);
        }
    }
    if (actions.size() > before) {
        return "";
    }
    const std::string missing = missing_node(input);
    if (!missing.empty() || !input.blocked_by.empty()) {
        return missing.empty() ? input.blocked_by : missing;
    }
    restart(input, *next_serving(input, outdated), actions);
    return "";
}

bool is_rolling(const api::RolloutStatus& rollout) {
    return rollout.phase == "Rolling" || rollout.phase == "Waiting" || rollout.phase == "Stalled";
}

// Notes progress; without any for too long the roll is stalled.
void watch_progress(const RollInput& input, bool progressed, RollDecision& decision) {
    api::RolloutStatus& status = decision.status;
    constexpr std::int64_t kMillisPerSecond = 1000;
    const bool counts = progressed || input.before->last_progress.empty();
    status.last_progress = counts ? to_iso8601(input.now) : input.before->last_progress;
    const WallTime limit{input.now.millis - input.rollout->stall_timeout_s * kMillisPerSecond};
    // Both are written alike, so they compare as texts.
    const bool stalled =
        input.rollout->strategy != "OnDelete" && status.last_progress < to_iso8601(limit);
    if (!stalled) {
        return;
    }
    status.phase = "Stalled";
    if (input.before->phase != "Stalled") {
        decision.actions.emplace_back(Announce{
            true, "RollStalled",
            fmt::format("No progress for {} s: waiting for {}.", input.rollout->stall_timeout_s,
                        status.waiting_for.empty() ? "nodes" : status.waiting_for)});
    }
}

}  // namespace

RollDecision decide_roll(const RollInput& input) {
    RollDecision decision;
    const std::vector<const Node*> outdated = outdated_nodes(input);
    api::RolloutStatus& status = decision.status;
    std::int64_t current = 0;
    for (const Node& node : input.nodes) {
        const PodView* pod = find_pod(*input.pods, node.name());
        current += pod != nullptr && serves(*pod) && pod->settings_hash == node.settings_hash();
    }
    const bool was_rolling = is_rolling(*input.before);
    const auto total = static_cast<std::int64_t>(input.nodes.size());
    if (outdated.empty() && (!was_rolling || current == total)) {
        if (was_rolling) {
            decision.actions.emplace_back(
                Announce{false, "RollCompleted",
                         fmt::format("All {} nodes run the wanted settings.", total)});
        }
        status.phase = "Idle";
        status.summary = "-";
        return decision;
    }
    status.total = total;
    status.done = current;
    status.reason = "settings changed";
    status.summary = fmt::format("{}/{}", current, total);
    if (!was_rolling) {
        decision.actions.emplace_back(
            Announce{false, "RollPlanned",
                     fmt::format("{} of {} nodes run outdated settings.", outdated.size(), total)});
    }
    const std::size_t announced = decision.actions.size();
    status.waiting_for = advance(input, outdated, decision.actions);
    status.phase = status.waiting_for.empty() || outdated.empty() ? "Rolling" : "Waiting";
    const bool blocked = !status.waiting_for.empty() && status.waiting_for == input.blocked_by;
    if (blocked && input.before->waiting_for != status.waiting_for) {
        decision.actions.emplace_back(
            Announce{false, "RollBlocked", "The roll waits: " + status.waiting_for + "."});
    }
    watch_progress(
        input, !was_rolling || decision.actions.size() > announced || current != input.before->done,
        decision);
    return decision;
}

void mark_stalled(const api::RolloutStatus& rollout, std::vector<api::Condition>& conditions,
                  std::int64_t generation, WallTime now) {
    if (rollout.phase == "Stalled") {
        stamp(conditions, condition("Stalled", true, "NoProgress", rollout.waiting_for), generation,
              now);
    } else {
        withdraw(conditions, "Stalled");
    }
}

}  // namespace millrace::kube_operator::reconcile
