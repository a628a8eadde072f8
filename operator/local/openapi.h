// OpenAPI documents for kubectl explain and for clients that validate: version 3 per group and version, and version 2 for all.
// Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "operator/local/resource_registry.h"

namespace millrace::kube_operator::local {

// The index of the documents of version 3.
nlohmann::json openapi_index(const ResourceRegistry& registry);
// Nothing when the group and version are not served.
std::optional<nlohmann::json> openapi_v3(const ResourceRegistry& registry, const std::string& group,
                                         const std::string& version);
nlohmann::json openapi_v2(const ResourceRegistry& registry);
// Version 2 in the only form kubectl before 1.28 asks for, with no schemas: such a client then leaves validation to the server.
std::string openapi_v2_protobuf();

}  // namespace millrace::kube_operator::local
