// The scale subresource (autoscaling/v1 Scale) over the paths a definition declares. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "operator/local/resource_registry.h"

namespace millrace::kube_operator::local {

nlohmann::json make_scale(const ResourceInfo& resource, const nlohmann::json& object);
// The object with the replicas of a Scale. Errors: 422 when they are negative or missing.
ApiResult<nlohmann::json> with_scale(const ResourceInfo& resource, const nlohmann::json& object,
                                     const nlohmann::json& scale);

}  // namespace millrace::kube_operator::local
