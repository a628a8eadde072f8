// One container of a PodRun. Shared by the source files of PodRun only.
#pragma once

#include "operator/local/pod_run.h"

namespace millrace::kube_operator::local {

struct PodRun::Container {
    Container(std::string name, RestartPolicy policy, JsonPtr declared)
        : machine(std::move(name), policy), spec(std::move(declared)) {}

    ContainerMachine machine;
    JsonPtr spec;  // the entry of spec.containers
    std::optional<runtime::ProcessId> process;
    std::uint64_t run = 0;  // counts starts; answers and ends of earlier runs are told apart by it
    std::optional<ProbeMachine> startup;
    std::optional<ProbeMachine> readiness;
    std::optional<ProbeMachine> liveness;
    runtime::TimerId kill_timer = runtime::TimerId::none;
    bool stopping = false;
    ContainerCommand command;
};

}  // namespace millrace::kube_operator::local
