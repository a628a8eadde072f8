// Conditions of a status, and the Events that tell of their changes.
#pragma once

#include <optional>

#include "operator/reconcile/plan.h"

namespace millrace::kube_operator::reconcile {

// Condition "Ready" and its like.
api::Condition condition(std::string type, bool holds, std::string reason, std::string message);

// Sets the condition of its type.
void stamp(std::vector<api::Condition>& conditions, api::Condition condition,
           std::int64_t generation, WallTime now);
// Removes it: nothing is to be said about it any more.
void withdraw(std::vector<api::Condition>& conditions, std::string_view type);

// Sets or withdraws the condition "Paused".
void mark_paused(std::vector<api::Condition>& conditions, bool paused, std::int64_t generation,
                 WallTime now);

// One Event for each condition of a status that became true or false, or false for another reason. pool: the BrokerPool they are
// about; empty: the resource of the plan.
std::vector<Announce> news(const std::vector<api::Condition>& before,
                           const std::vector<api::Condition>& after, const std::string& pool);

}  // namespace millrace::kube_operator::reconcile
