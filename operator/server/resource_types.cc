#include "operator/server/resource_types.h"

#include <algorithm>
#include <vector>

#include "lib/base/check.h"
#include "operator/api/kinds.h"

namespace millrace::kube_operator::server {
namespace {

using kube::ResourceType;

std::vector<ResourceType> make_types() {
    std::vector<ResourceType> types{
        {"", "v1", "pods", "Pod", true},
        {"", "v1", "services", "Service", true},
        {"", "v1", "configmaps", "ConfigMap", true},
        {"", "v1", "secrets", "Secret", true},
        {"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true},
        {"", "v1", "namespaces", "Namespace", false},
        {"policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true},
        {"apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition",
         false},
    };
    for (const api::Kind& kind : api::all_kinds()) {
        types.push_back({std::string(api::kGroup), std::string(api::kVersion),
                         std::string(kind.plural), std::string(kind.kind), true});
    }
    return types;
}

}  // namespace

const ResourceType* find_type(std::string_view kind) {
    static const std::vector<ResourceType> types = make_types();
    const auto found = std::ranges::find(types, kind, &ResourceType::kind);
    return found == types.end() ? nullptr : &*found;
}

const ResourceType& type_of(std::string_view kind) {
    const ResourceType* type = find_type(kind);
    CHECK(type != nullptr, "the kind is one that the operator knows");
    return *type;
}

}  // namespace millrace::kube_operator::server
