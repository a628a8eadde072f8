#include "operator/reconcile/conditions.h"

#include <algorithm>

namespace millrace::kube_operator::reconcile {
namespace {

// What comes and goes in every life, and is no trouble.
bool is_passing(const std::string& reason) {
    return reason == "Creating" || reason == "Starting" || reason == "Altering" ||
           reason == "WaitingForEnsemble" || reason == "NoController";
}

std::optional<Announce> change_of(const api::Condition* before, const api::Condition& after) {
    const bool holds = after.status == "True";
    const bool held = before != nullptr && before->status == "True";
    const bool same = before != nullptr && held == holds && before->reason == after.reason;
    if (same || (holds && held && after.type == "Ready")) {
        return std::nullopt;
    }
    if (after.type == "Ready" && holds) {
        return Announce{false, "Ready", after.message, ""};
    }
    const bool is_trouble = after.type == "Paused" ? false : !is_passing(after.reason);
    return Announce{is_trouble, after.reason, after.message, ""};
}

}  // namespace

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

void withdraw(std::vector<api::Condition>& conditions, std::string_view type) {
    std::erase_if(conditions, [type](const api::Condition& one) { return one.type == type; });
}

void mark_paused(std::vector<api::Condition>& conditions, bool paused, std::int64_t generation,
                 WallTime now) {
    if (paused) {
        stamp(conditions,
              condition("Paused", true, "Paused", "paused as asked: nothing is changed"),
              generation, now);
    } else {
        withdraw(conditions, "Paused");
    }
}

std::vector<Announce> news(const std::vector<api::Condition>& before,
                           const std::vector<api::Condition>& after, const std::string& pool) {
    std::vector<Announce> told;
    for (const api::Condition& condition : after) {
        if (std::optional<Announce> one =
                change_of(api::find_condition(before, condition.type), condition)) {
            one->pool = pool;
            told.push_back(std::move(*one));
        }
    }
    const bool resumed = api::find_condition(before, "Paused") != nullptr &&
                         api::find_condition(after, "Paused") == nullptr;
    if (resumed) {
        told.push_back({false, "Resumed", "no longer paused", pool});
    }
    return told;
}

}  // namespace millrace::kube_operator::reconcile
