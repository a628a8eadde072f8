// The volumes of a pod as directories: files of ConfigMaps and Secrets are written, claims get a directory that stays until the
// claim is deleted, emptyDir one that goes with the pod.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "lib/runtime/file_system.h"
#include "operator/local/pod_view.h"
#include "operator/local/store.h"

namespace millrace::kube_operator::local {

struct VolumePlaces {
    std::string pod_directory;     // DIR/pods/NAMESPACE_POD
    std::string claims_directory;  // DIR/volumes
};

// Directories by volume name. Nothing is written. Errors: not_found names what is missing (a claim), unsupported a kind of volume
// that is not offered.
Result<std::map<std::string, std::string>> volume_directories(const nlohmann::json& pod,
                                                              const VolumePlaces& places,
                                                              const Store& store);

// Makes the directories and writes files whose content has changed. Content is localized by the view. Errors: not_found (a
// ConfigMap, Secret or key that is not optional), io_error.
Status fill_volumes(runtime::FileSystem& files, const nlohmann::json& pod,
                    const std::map<std::string, std::string>& directories, const PodView& view,
                    const PodSources& sources);

// The directory of a claim: NAMESPACE_NAME_UID, so that a claim made anew starts empty.
std::string claim_directory(const std::string& claims_directory, const nlohmann::json& claim);

// The view of one container: its mounts over the pod's volumes.
std::map<std::string, std::string> container_mounts(
    const nlohmann::json& container, const std::map<std::string, std::string>& directories);

// Reads ConfigMaps and Secrets of a namespace from the store.
PodSources sources_of(const Store& store, const std::string& name_space);

}  // namespace millrace::kube_operator::local
