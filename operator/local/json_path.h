// The JSONPath subset of printer columns and of the scale subresource: ".a.b", ".a['x.y']", ".a[0]", ".a[*].b",
// ".conditions[?(@.type==\"Ready\")].status". Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::kube_operator::local {

// All values at the path, in order; empty when there is none or the path is malformed.
std::vector<const nlohmann::json*> find_path(const nlohmann::json& object, std::string_view path);

// Sets the value at a path of plain fields and makes the objects on the way. False when the path is another kind.
bool set_path(nlohmann::json& object, std::string_view path, nlohmann::json value);

}  // namespace millrace::kube_operator::local
