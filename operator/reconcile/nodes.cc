#include "operator/reconcile/nodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

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

void build_node(const Node& node, const PodView* pod, std::vector<Action>& actions) {
    actions.emplace_back(ApplyObject{resources::cluster_node(node)});
    actions.emplace_back(ApplyObject{resources::config_map(node)});
    if (node.storage.type != "Ephemeral") {
        actions.emplace_back(ApplyObject{resources::volume_claim(node)});
    }
    if (pod == nullptr) {
        actions.emplace_back(ApplyObject{resources::pod(node)});
    } else if (ended(*pod)) {
        actions.emplace_back(
            Announce{true, "PodReplaced",
                     fmt::format("Pod {} ended ({}); it is replaced.", pod->name, pod->phase)});
        actions.emplace_back(DeletePod{pod->name, pod->uid});
    }
}

api::ClusterNodeStatus node_status(const PodView* pod, const std::string& wanted_hash) {
    api::ClusterNodeStatus status;
    if (pod == nullptr) {
        status.phase = "Pending";
        return status;
    }
    status.pod = pod->name;
    status.address = pod->ip;
    status.observed_hash = pod->settings_hash;
    status.restarts = pod->restarts;
    status.last_restart_reason = pod->message;
    if (pod->deleting) {
        status.phase = "Restarting";
    } else if (!pod->waiting_reason.empty() && pod->waiting_reason != "ContainerCreating") {
        status.phase = "Stuck";
    } else if (!pod->ready) {
        status.phase = "Starting";
    } else {
        status.phase = pod->settings_hash == wanted_hash ? "Running" : "Outdated";
    }
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

// Outdated nodes in the order of restart: those that do not serve anyway, then by id, the controller last.
std::vector<const Node*> restart_order(const RollInput& input) {
    std::vector<const Node*> outdated;
    for (const Node& node : input.nodes) {
        const PodView* pod = find_pod(*input.pods, node.name());
        if (pod != nullptr && !pod->deleting && pod->settings_hash != node.settings_hash()) {
            outdated.push_back(&node);
        }
    }
    const auto rank = [&](const Node* node) {
        const PodView* pod = find_pod(*input.pods, node->name());
        const bool is_last = input.last_id && *input.last_id == node->id;
        return std::tuple(serves(*pod), is_last, node->id);
    };
    std::ranges::sort(outdated, [&](const Node* a, const Node* b) { return rank(a) < rank(b); });
    return outdated;
}

// Why the next restart has to wait; empty when it need not.
std::string gate(const RollInput& input, const Node& next) {
    for (const Node& node : input.nodes) {
        const PodView* pod = find_pod(*input.pods, node.name());
        if (pod == nullptr) {
            return fmt::format("{} is being replaced", node.name());
        }
        if (!serves(*pod) && &node != &next) {
            return trouble(*pod);
        }
    }
    // A node that serves nothing may be restarted whatever the others lack: that is how a bad setting is mended.
    return serves(*find_pod(*input.pods, next.name())) ? input.blocked_by : "";
}

}  // namespace

RollDecision decide_roll(const RollInput& input) {
    RollDecision decision;
    const std::vector<const Node*> outdated = restart_order(input);
    api::RolloutStatus& status = decision.status;
    std::int64_t current = 0;
    for (const Node& node : input.nodes) {
        const PodView* pod = find_pod(*input.pods, node.name());
        current += pod != nullptr && serves(*pod) && pod->settings_hash == node.settings_hash();
    }
    const bool was_rolling = input.before->phase == "Rolling" || input.before->phase == "Waiting";
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
    status.phase = "Rolling";
    if (outdated.empty()) {
        return decision;
    }
    if (!was_rolling) {
        decision.actions.emplace_back(
            Announce{false, "RollPlanned",
                     fmt::format("{} of {} nodes run outdated settings.", outdated.size(), total)});
    }
    const Node& next = *outdated.front();
    status.waiting_for = input.rollout->strategy == "OnDelete"
                             ? fmt::format("somebody to delete {} (strategy OnDelete)", next.name())
                             : gate(input, next);
    if (!status.waiting_for.empty()) {
        status.phase = "Waiting";
        return decision;
    }
    const PodView* pod = find_pod(*input.pods, next.name());
    decision.actions.emplace_back(Announce{
        false, "NodeRestarting", fmt::format("{} is restarted: settings changed.", next.name())});
    decision.actions.emplace_back(DeletePod{pod->name, pod->uid});
    return decision;
}

api::Condition condition(std::string type, bool holds, std::string reason, std::string message) {
    return {.type = std::move(type),
            .status = holds ? "True" : "False",
            .reason = std::move(reason),
            .message = std::move(message)};
}

void stamp(std::vector<api::Condition>& conditions, api::Condition condition,
           std::int64_t generation, WallTime now) {
    condition.observed_generation = generation;
    condition.last_transition_time = to_iso8601(now);
    api::set_condition(conditions, std::move(condition));
}

}  // namespace millrace::kube_operator::reconcile
