#include "operator/server/apply_memory.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

namespace millrace::kube_operator::server {
namespace {

using nlohmann::json;

std::size_t hash_of(const json& wanted) {
    return std::hash<std::string>()(kube::to_text(wanted));
}

std::string resource_version(const json& object) {
    return kube::text_at(object, {"metadata", "resourceVersion"});
}

bool carries_members(const json& actual, const json& wanted) {
    for (const auto& [key, value] : wanted.items()) {
        const auto found = actual.find(key);
        if (found == actual.end() || !carries(*found, value)) {
            return false;
        }
    }
    return true;
}

}  // namespace

bool carries(const json& actual, const json& wanted) {
    if (wanted.is_object() && actual.is_object()) {
        return carries_members(actual, wanted);
    }
    if (!wanted.is_array() || !actual.is_array()) {
        return actual == wanted;
    }
    return std::ranges::equal(actual, wanted, carries);
}

bool ApplyMemory::holds(const ObjectId& id, const json& wanted, const json* cached) const {
    const auto found = x_entries.find(id);
    if (cached == nullptr || found == x_entries.end() || found->second.hash != hash_of(wanted)) {
        return false;
    }
    return found->second.resource_version == resource_version(*cached) || carries(*cached, wanted);
}

void ApplyMemory::applied(const ObjectId& id, const json& wanted, const json& stored) {
    if (x_entries.size() >= kObjectsMax) {
        x_entries.clear();
    }
    x_entries[id] = {hash_of(wanted), resource_version(stored)};
}

}  // namespace millrace::kube_operator::server
