// What a pod's texts mean on this machine. Pods have no file system, no network and no name service of their own here, so the
// texts a container sees (command, arguments, environment, files of ConfigMaps and configuration files of Secrets) are rewritten:
//   1. a path that begins with the mount path of one of the container's volumes begins with that volume's directory;
//   2. the address 0.0.0.0 is the pod's own address;
//   3. POD.SERVICE.NAMESPACE.svc[.cluster.local] is the address of that pod, which may not exist yet.
// Names of whole Services are left as they are: nothing forwards connections here. Pure.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace millrace::kube_operator::local {

struct PodView {
    std::map<std::string, std::string>
        mounts;  // mount path without a slash at its end -> directory
    std::string address;
    std::function<std::string(const std::string& name_space, const std::string& pod)> resolve;
};

std::string localized(const std::string& text, const PodView& view);

// One container as a process: what comes before looking for its program.
struct ContainerCommand {
    std::vector<std::string> argv;
    std::map<std::string, std::string> environment;
};

// Reads a key of a ConfigMap or Secret ("configmaps" or "secrets"), decoded; nothing when it is absent.
using KeyReader = std::function<std::optional<std::string>(
    const std::string& plural, const std::string& name, const std::string& key)>;
// All keys of one.
using MapReader = std::function<std::optional<std::map<std::string, std::string>>(
    const std::string& plural, const std::string& name)>;

struct PodSources {
    KeyReader key;
    MapReader map;
};

// Errors as text: what is missing ("configmap \"x\" not found").
struct CommandResult {
    ContainerCommand command;
    std::string missing;
};
CommandResult container_command(const nlohmann::json& pod, const nlohmann::json& container,
                                const PodView& view, const PodSources& sources);

// "$(NAME)" by the environment, "$$" for a dollar sign (Kubernetes API reference, Container.command).
std::string expand_variables(const std::string& text,
                             const std::map<std::string, std::string>& environment);

// A field a fieldRef may name: metadata.name, metadata.namespace, metadata.uid, metadata.labels['x'],
// metadata.annotations['x'], spec.nodeName, spec.serviceAccountName, status.podIP, status.hostIP.
std::optional<std::string> downward_field(const nlohmann::json& pod, const std::string& path);

}  // namespace millrace::kube_operator::local
