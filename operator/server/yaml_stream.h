// YAML streams: files of resources to JSON objects, and JSON objects to YAML that people read.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace millrace::kube_operator::server {

// The documents of a stream; those that hold nothing are left out. Errors: malformed, with the number of the document.
Result<std::vector<nlohmann::json>> read_yaml_stream(std::string_view text);

// One document without its "---", block style, keys in order.
std::string to_yaml(const nlohmann::json& value);

}  // namespace millrace::kube_operator::server
