// JSON text of an object of the API to a described struct, and back. The API server has validated what comes in; reading is
// tolerant of absent and unknown fields and refuses wrong types.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "operator/api/field_visitor.h"

namespace millrace::kube_operator::api {

using Describe = std::function<void(FieldVisitor&)>;

// Reads one JSON object. Errors: malformed, with the path of the field.
Status read_fields(std::string_view json_object, const Describe& describe);

// The described struct as a JSON object; absent texts, numbers and empty lists and maps are left out.
std::string write_fields(const Describe& describe);

}  // namespace millrace::kube_operator::api
