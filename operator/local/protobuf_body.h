// Request bodies in Kubernetes' protobuf envelope. kubectl 1.32 and later send the objects of its own generators so ("kubectl
// create configmap"): Namespaces, ConfigMaps, Secrets, ServiceAccounts and access reviews are read. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "lib/base/result.h"

namespace millrace::kube_operator::local {

// Errors: malformed; unsupported for other kinds, with their name.
Result<nlohmann::json> parse_protobuf(std::string_view body);

// True for "application/vnd.kubernetes.protobuf".
bool is_protobuf(std::string_view content_type);

}  // namespace millrace::kube_operator::local
