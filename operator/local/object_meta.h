// The metadata every object carries: names, uids, what the server keeps for itself. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "lib/base/random.h"
#include "operator/local/resource_registry.h"

namespace millrace::kube_operator::local {

// Reports malformed names, labels, annotations and finalizers.
void check_metadata(const ResourceInfo& resource, const nlohmann::json& object, Causes& causes);

// "base" and five letters or digits, at most 63 characters.
std::string generated_name(const std::string& base, Random& random);
// A version 4 UUID. For identity, not for secrets.
std::string new_uid(Random& random);

// Copies the members that only the server sets from the live object, or sets them for a new one.
void keep_server_metadata(const nlohmann::json* live, nlohmann::json& object);

bool has_finalizers(const nlohmann::json& object);
bool is_being_deleted(const nlohmann::json& object);

}  // namespace millrace::kube_operator::local
