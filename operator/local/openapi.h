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

}  // namespace millrace::kube_operator::local
