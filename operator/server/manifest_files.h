// Files of resources that are to be applied at start.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lib/runtime/file_system.h"
#include "operator/kube/client.h"

namespace millrace::kube_operator::server {

// One object of a file, ready to be applied.
struct ManifestObject {
    std::string file;
    kube::ResourceType type;
    kube::JsonPtr object;
};

// In the order of files and documents. Objects without a namespace go to "default". Errors: invalid_argument, with the file and
// what is wrong.
Result<std::vector<ManifestObject>> read_manifests(runtime::FileSystem& files,
                                                   const std::vector<std::string>& paths);

// One after the other; the first refusal ends it. The client outlives the work.
void apply_manifests(kube::Client& client, std::vector<ManifestObject> objects,
                     std::move_only_function<void(Status)> then);

}  // namespace millrace::kube_operator::server
