// YAML request bodies to JSON. The only adapter around the YAML library.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "lib/base/result.h"

namespace millrace::kube_operator::local {

// One document. At most 200,000 nodes, aliases expanded. Errors: malformed.
Result<nlohmann::json> parse_yaml(const std::string& text);

}  // namespace millrace::kube_operator::local
