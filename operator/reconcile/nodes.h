// What ensembles and clusters do alike: bring up one node after the other, restart what is outdated, say where a node stands.
#pragma once

#include <functional>

#include "operator/reconcile/plan.h"

namespace millrace::kube_operator::reconcile {

const PodView* find_pod(const std::vector<PodView>& pods, const std::string& name);

// A pod that serves and is not going away.
bool serves(const PodView& pod);

// A pod that ended for good: only a new one helps.
bool ended(const PodView& pod);

// Applies a node's objects in the order they depend on each other. The pod is applied only when it is not there: pods cannot be
// changed, they are replaced.
void build_node(const resources::Node& node, const PodView* pod, bool is_new,
                std::vector<Action>& actions);

// before: the ClusterNode as it is, for its conditions; null when it was not seen yet.
api::ClusterNodeStatus node_status(const api::ClusterNode* before, const PodView* pod,
                                   const std::string& wanted_hash, WallTime now);

// One line that says why a pod does not serve; empty when it does.
std::string trouble(const PodView& pod);

// The state of a roll over the wanted nodes.
struct RollInput {
    std::vector<resources::Node> nodes;
    const std::vector<PodView>* pods = nullptr;
    std::optional<std::int64_t> last_id;  // restarted after all others: the controller
    std::string blocked_by;               // why nothing may be restarted now; empty: it may
    const api::Rollout* rollout = nullptr;
    const api::RolloutStatus* before = nullptr;
    WallTime now;
};
struct RollDecision {
    std::vector<Action> actions;
    api::RolloutStatus status;
};
RollDecision decide_roll(const RollInput& input);

// Sets or withdraws the condition "Stalled".
void mark_stalled(const api::RolloutStatus& rollout, std::vector<api::Condition>& conditions,
                  std::int64_t generation, WallTime now);

}  // namespace millrace::kube_operator::reconcile
