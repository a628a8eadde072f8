#include "operator/local/pod_status.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/wall_clock.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::text_at;
using kube::value_at;

std::string image_of(const Json& containers, const std::string& name) {
    for (const Json& container : containers) {
        if (text_at(container, {"name"}) == name) {
            return text_at(container, {"image"});
        }
    }
    return {};
}

std::string phase_of(const PodState& state) {
    using Phase = ContainerMachine::Phase;
    auto failed = [](const ContainerMachine* one) {
        return one->phase() == Phase::ended && one->last_end() && one->last_end()->exit_code != 0;
    };
    if (std::ranges::any_of(state.init_containers, failed)) {
        return "Failed";
    }
    const bool over =
        !state.containers.empty() && std::ranges::all_of(state.containers, [](const auto* one) {
            return one->phase() == Phase::ended;
        });
    if (over) {
        return std::ranges::any_of(state.containers, failed) ? "Failed" : "Succeeded";
    }
    const bool begun = std::ranges::any_of(state.containers, [](const auto* one) {
        return one->phase() != Phase::waiting || one->last_end();
    });
    return begun && state.initialized ? "Running" : "Pending";
}

Json condition(const char* type, bool good, const char* reason, const Json& before, WallTime now) {
    Json out = {{"type", type},
                {"status", good ? "True" : "False"},
                {"lastProbeTime", nullptr},
                {"lastTransitionTime", to_iso8601(now)}};
    if (!good) {
        out["reason"] = reason;
    }
    for (const Json& old : value_at(before, {"conditions"})) {
        if (text_at(old, {"type"}) == type && value_at(old, {"status"}) == out["status"]) {
            out["lastTransitionTime"] = value_at(old, {"lastTransitionTime"});
        }
    }
    return out;
}

}  // namespace

nlohmann::json pod_status(const nlohmann::json& pod, const PodState& state,
                          const nlohmann::json& before, WallTime now) {
    const std::string phase = phase_of(state);
    const bool ready =
        phase == "Running" &&
        std::ranges::all_of(state.containers, [](const auto* one) { return one->ready(); });
    const char* unready = phase == "Succeeded" ? "PodCompleted" : "ContainersNotReady";
    Json out = {{"phase", phase},
                {"hostIP", "127.0.0.1"},
                {"podIP", state.address},
                {"podIPs", Json::array({{{"ip", state.address}}})},
                {"startTime", to_iso8601(state.started)},
                {"qosClass", "BestEffort"}};
    Json statuses = Json::array();
    for (const ContainerMachine* one : state.containers) {
        statuses.push_back(
            one->status(image_of(value_at(pod, {"spec", "containers"}), one->name())));
    }
    out["containerStatuses"] = std::move(statuses);
    if (!state.init_containers.empty()) {
        Json first = Json::array();
        for (const ContainerMachine* one : state.init_containers) {
            first.push_back(
                one->status(image_of(value_at(pod, {"spec", "initContainers"}), one->name())));
        }
        out["initContainerStatuses"] = std::move(first);
    }
    out["conditions"] = Json::array(
        {condition("PodScheduled", true, "", before, now),
         condition("Initialized", state.initialized, "ContainersNotInitialized", before, now),
         condition("ContainersReady", ready, unready, before, now),
         condition("Ready", ready, unready, before, now)});
    if (!value_at(before, {"observedGeneration"}).is_null()) {
        out["observedGeneration"] = value_at(before, {"observedGeneration"});
    }
    return out;
}

std::optional<EarlierRun> earlier_run(const nlohmann::json& status, const std::string& container) {
    for (const Json& one : value_at(status, {"containerStatuses"})) {
        if (text_at(one, {"name"}) != container || text_at(one, {"containerID"}).empty()) {
            continue;
        }
        EarlierRun earlier;
        earlier.restarts = static_cast<int>(kube::number_at(one, {"restartCount"}));
        earlier.started =
            parse_time(text_at(one, {"state", "running", "startedAt"})).value_or(WallTime{});
        return earlier;
    }
    return std::nullopt;
}

}  // namespace millrace::kube_operator::local
