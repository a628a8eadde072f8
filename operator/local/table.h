// Objects as the tables kubectl prints ("application/json;as=Table", meta.k8s.io/v1). Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "lib/base/time.h"
#include "operator/local/resource_registry.h"

namespace millrace::kube_operator::local {

enum class TableObjects { none, metadata, full };

// definitions: false for the later events of one watch.
nlohmann::json make_table(const ResourceInfo& resource, const std::vector<JsonPtr>& objects,
                          TableObjects include, WallTime now, bool definitions = true);

// One cell, also for tests.
nlohmann::json table_cell(const PrinterColumn& column, const nlohmann::json& object, WallTime now);

// Cells of built-in kinds whose column path begins with @ ("@pod-status").
nlohmann::json computed_cell(const std::string& what, const nlohmann::json& object, WallTime now);

// metadata only, under kind PartialObjectMetadata.
nlohmann::json partial_object(const nlohmann::json& object);

}  // namespace millrace::kube_operator::local
