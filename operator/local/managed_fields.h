// Who set which field (metadata.managedFields), and server-side apply built on it (KEP-555). Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "lib/base/time.h"
#include "operator/local/api_error.h"
#include "operator/local/list_shape.h"

namespace millrace::kube_operator::local {

struct FieldWriter {
    std::string manager;
    std::string api_version;
    std::string subresource;  // empty, "status" or "scale"
    WallTime now{};
};

// Records the change from before to after under the writer (operation Update), and takes changed fields from all others.
// before is null for a new object. Sets after.metadata.managedFields. Entries of Update are bounded to 10; older ones are joined.
void record_update(const nlohmann::json& before, nlohmann::json& after, const FieldWriter& writer,
                   const ShapeContext& shape);

// Merges an applied configuration into the live object: its fields win, fields this manager applied before and no longer names
// are removed unless another manager has them, and managedFields are brought up to date. live is null for a new object.
// Errors: 409 Conflict with one cause per field that another manager set to another value, unless force.
ApiResult<nlohmann::json> apply_configuration(const nlohmann::json& live,
                                              const nlohmann::json& applied,
                                              const FieldWriter& writer, bool force,
                                              const ShapeContext& shape);

}  // namespace millrace::kube_operator::local
