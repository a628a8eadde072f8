// Values of CEL expressions.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <variant>

#include "lib/base/time.h"
#include "operator/local/quantity.h"

namespace millrace::kube_operator::local {

// An evaluation that went wrong ("no such key: x"). && and || may still have an answer.
struct CelFailure {
    std::string message;
};

// JSON values share the document they stand in; nothing is copied to look at a field.
using CelJson = std::shared_ptr<const nlohmann::json>;
using CelValue = std::variant<CelJson, Quantity, Duration, CelFailure>;

CelValue cel_json(nlohmann::json value);
inline CelValue cel_failure(std::string message) {
    return CelFailure{std::move(message)};
}
inline bool failed(const CelValue& value) {
    return std::holds_alternative<CelFailure>(value);
}
// The JSON behind a value, or null when it is another kind of value.
const nlohmann::json* json_of(const CelValue& value);

// Calls a function that known_function accepts. receiver is the first argument of methods.
CelValue call_cel_function(const std::string& name, const std::vector<CelValue>& arguments);

// -1, 0, 1; nothing when the two cannot be ordered.
std::optional<int> compare_cel(const CelValue& left, const CelValue& right);
bool equal_cel(const CelValue& left, const CelValue& right);

}  // namespace millrace::kube_operator::local
