// Processes of containers that an earlier run of this program has left running. Each carries a mark in its environment, so it is
// found however suddenly that run ended: there is no moment between its start and its being written down.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "lib/base/time.h"
#include "lib/runtime/process.h"

namespace millrace::kube_operator::local {

// The variable that holds the mark.
constexpr const char* kContainerMark = "MILLRACE_CONTAINER";

struct ContainerMark {
    std::string directory;  // DIR of the process runtime that started it
    std::string uid;        // of the pod
    std::string container;
    int restarts = 0;  // before this process
    WallTime started{};

    bool operator==(const ContainerMark&) const = default;
};

// One line of JSON. Nothing when the text is no mark.
std::string to_text(const ContainerMark& mark);
std::optional<ContainerMark> read_container_mark(const std::string& text);

struct Survivor {
    runtime::ProcessId process;
    ContainerMark mark;
};

// By uid of the pod and name of the container.
using Survivors = std::map<std::pair<std::string, std::string>, Survivor>;

// Those of this DIR. The oldest of a container is the container; what it has started itself may carry its mark too.
Survivors find_survivors(const runtime::ProcessRunner& processes, const std::string& directory);

}  // namespace millrace::kube_operator::local
