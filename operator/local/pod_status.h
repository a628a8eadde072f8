// status of a Pod from the state of its containers. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operator/local/container_machine.h"

namespace millrace::kube_operator::local {

struct PodState {
    std::vector<const ContainerMachine*> init_containers;
    std::vector<const ContainerMachine*> containers;
    bool initialized = false;
    std::string address;
    WallTime started{};
};

// before is the present status: condition times are kept while a condition does not change.
nlohmann::json pod_status(const nlohmann::json& pod, const PodState& state,
                          const nlohmann::json& before, WallTime now);

// What the status says of a container that was started once. Nothing when it never was.
struct EarlierRun {
    int restarts = 0;
    WallTime started{};  // of its latest process; 0 when that has ended
};
std::optional<EarlierRun> earlier_run(const nlohmann::json& status, const std::string& container);

}  // namespace millrace::kube_operator::local
