// Text to JSON and back, and the few reads every user of Kubernetes objects needs. The only adapter around the JSON library's
// exceptions in this module.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "operator/kube/client.h"

namespace millrace::kube_operator::kube {

// Errors: malformed, with the position. Nesting deeper than 128 levels is refused.
Result<nlohmann::json> parse_json(std::string_view text);

// Compact text; bytes that are no UTF-8 become the replacement character.
std::string to_text(const nlohmann::json& value);

// The value at a path of object keys, or a null value that lives as long as the program.
const nlohmann::json& value_at(const nlohmann::json& object,
                               std::initializer_list<std::string_view> path);

// As above, as text; empty when it is absent or no string.
std::string text_at(const nlohmann::json& object, std::initializer_list<std::string_view> path);

// True when the value at the path is the boolean true.
bool flag_at(const nlohmann::json& object, std::initializer_list<std::string_view> path);

// The whole number at the path, or the fallback when it is absent or something else.
std::int64_t number_at(const nlohmann::json& object, std::initializer_list<std::string_view> path,
                       std::int64_t fallback = 0);

// metadata.namespace and metadata.name.
ObjectName name_of(const nlohmann::json& object);

}  // namespace millrace::kube_operator::kube
