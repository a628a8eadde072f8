// The patch formats of the API besides server-side apply. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "operator/local/api_error.h"

namespace millrace::kube_operator::local {

// RFC 7386.
nlohmann::json merge_patched(const nlohmann::json& object, const nlohmann::json& patch);

// RFC 6902. Errors: 422 when an operation does not apply, 400 when the patch is malformed.
ApiResult<nlohmann::json> json_patched(const nlohmann::json& object, const nlohmann::json& patch);

// Strategic merge of built-in kinds: lists with a merge key are merged item by item, with the directives $patch (delete,
// replace, merge), $retainKeys, $deleteFromPrimitiveList and $setElementOrder.
nlohmann::json strategic_patched(const nlohmann::json& object, const nlohmann::json& patch);

}  // namespace millrace::kube_operator::local
