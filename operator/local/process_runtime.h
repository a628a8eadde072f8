// Pods as processes of this machine: what a kubelet is to a node. Watches the store of the embedded API server, runs the
// containers of every pod, probes and restarts them, reports their status, keeps volumes and logs below one directory:
//   DIR/pods/NAMESPACE_POD/          working directory, files of ConfigMaps and Secrets, emptyDir volumes
//   DIR/volumes/NAMESPACE_CLAIM_UID/ claims; removed when the claim is deleted and no pod uses it
//   DIR/logs/NAMESPACE_POD_CONTAINER[.previous].log
// A pod's processes start once the pod is on the disk, so a crash never leaves processes of a pod that was forgotten.
// pod_view.h says how paths, addresses and names in a pod's texts are understood. Processes outlive this program when it dies
// and are found again by the next one.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "lib/runtime/process.h"
#include "lib/runtime/runtime.h"
#include "operator/local/api_server.h"

namespace millrace::kube_operator::local {

struct ProcessRuntimeOptions {
    std::string directory;  // absolute
    std::string
        programs;  // the operator's own folder: commands are looked for there by their last part
    std::string node_name = "millrace-local";
    // For stop: pods of a lower stage end before those of a higher one. Empty: all at once.
    std::function<int(const nlohmann::json& pod)> stop_stage = {};
};

class ProcessRuntime : public PodLogs {
 public:
    // Starts with the pods that are there. The address of a pod, also before it exists.
    virtual void start() = 0;
    virtual std::string address_of(const std::string& name_space, const std::string& pod) = 0;
    // Ends all processes with their grace periods; the pods stay in the store and run again at the next start.
    virtual void stop(std::function<void()> then) = 0;
};

// Runtime, processes and server outlive the process runtime.
std::unique_ptr<ProcessRuntime> make_process_runtime(runtime::Runtime& runtime,
                                                     runtime::ProcessRunner& processes,
                                                     ApiServer& server,
                                                     const ProcessRuntimeOptions& options);

}  // namespace millrace::kube_operator::local
