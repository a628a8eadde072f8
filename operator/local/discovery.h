// What kubectl reads to learn which kinds there are: /api, /apis and below, each kind's verbs, short names and categories, and
// the aggregated form (apidiscovery.k8s.io/v2). Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "operator/local/resource_registry.h"

namespace millrace::kube_operator::local {

nlohmann::json core_versions(const std::string& server_address);
nlohmann::json group_list(const ResourceRegistry& registry);
// Nothing when no kind of the group is served.
std::optional<nlohmann::json> group_document(const ResourceRegistry& registry,
                                             const std::string& group);
std::optional<nlohmann::json> resource_list(const ResourceRegistry& registry,
                                            const std::string& group, const std::string& version);
nlohmann::json aggregated_discovery(const ResourceRegistry& registry, bool core);
nlohmann::json server_version();

}  // namespace millrace::kube_operator::local
