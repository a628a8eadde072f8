// Defaults and checks of the built-in kinds, as far as this server and its pods need them. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "lib/base/time.h"
#include "operator/local/resource_registry.h"

namespace millrace::kube_operator::local {

void default_built_in(const ResourceInfo& resource, nlohmann::json& object, bool creating,
                      WallTime now);
void check_built_in(const ResourceInfo& resource, const nlohmann::json& object,
                    const nlohmann::json* live, Causes& causes);

}  // namespace millrace::kube_operator::local
