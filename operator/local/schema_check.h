// Structural schemas (apiextensions/v1): checking a schema itself, then an object against it. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "operator/local/api_error.h"

namespace millrace::kube_operator::local {

// Reports what this server cannot hold objects to: missing types, unknown keywords, patterns RE2 does not read.
void check_structural(const nlohmann::json& schema, const std::string& path, Causes& causes);

// Reports every violation, at most 100. path names the value, "" for a whole object.
void validate_value(const nlohmann::json& schema, const nlohmann::json& value,
                    const std::string& path, Causes& causes);

// Removes fields the schema does not declare and returns their paths, at most 100 of them.
std::vector<std::string> prune_unknown(const nlohmann::json& schema, nlohmann::json& object);

// Fills absent fields that have a default, and drops nulls in their favour.
void apply_defaults(const nlohmann::json& schema, nlohmann::json& value);

// "a.b" for a plain key, "a[b.c]" for others.
std::string child_path(const std::string& path, const std::string& key);

}  // namespace millrace::kube_operator::local
