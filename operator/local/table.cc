#include "operator/local/table.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/json_path.h"
#include "operator/local/wall_clock.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::text_at;
using kube::value_at;

std::string joined(const std::vector<const Json*>& values) {
    std::string out;
    for (const Json* value : values) {
        out += out.empty() ? "" : ",";
        out += value->is_string() ? value->get<std::string>() : kube::to_text(*value);
    }
    return out;
}

}  // namespace

nlohmann::json table_cell(const PrinterColumn& column, const nlohmann::json& object, WallTime now) {
    if (column.json_path.starts_with('@')) {
        return computed_cell(column.json_path, object, now);
    }
    const std::vector<const Json*> values = find_path(object, column.json_path);
    if (values.empty() || values[0]->is_null()) {
        // kubectl prints nothing for a null cell of custom columns and <none> for empty built-in ones.
        return nullptr;
    }
    if (column.type == "date") {
        return values[0]->is_string() ? Json(age_since(values[0]->get<std::string>(), now))
                                      : Json("<invalid>");
    }
    if (column.type == "integer" || column.type == "number" || column.type == "boolean") {
        const bool fits =
            column.type == "boolean" ? values[0]->is_boolean() : values[0]->is_number();
        return fits ? *values[0] : Json(nullptr);
    }
    return joined(values);
}

nlohmann::json partial_object(const nlohmann::json& object) {
    return {{"kind", "PartialObjectMetadata"},
            {"apiVersion", "meta.k8s.io/v1"},
            {"metadata", value_at(object, {"metadata"})}};
}

nlohmann::json make_table(const ResourceInfo& resource, const std::vector<JsonPtr>& objects,
                          TableObjects include, WallTime now, bool definitions) {
    Json columns = Json::array();
    if (definitions) {
        for (const PrinterColumn& column : resource.columns) {
            columns.push_back({{"name", column.name},
                               {"type", column.type},
                               {"format", column.format},
                               {"description", column.description},
                               {"priority", column.priority}});
        }
    }
    Json rows = Json::array();
    for (const JsonPtr& object : objects) {
        Json cells = Json::array();
        for (const PrinterColumn& column : resource.columns) {
            cells.push_back(table_cell(column, *object, now));
        }
        Json row = {{"cells", std::move(cells)}};
        if (include == TableObjects::full) {
            row["object"] = *object;
        } else if (include == TableObjects::metadata) {
            row["object"] = partial_object(*object);
        }
        rows.push_back(std::move(row));
    }
    return {{"kind", "Table"},
            {"apiVersion", "meta.k8s.io/v1"},
            {"metadata", Json::object()},
            {"columnDefinitions", std::move(columns)},
            {"rows", std::move(rows)}};
}

}  // namespace millrace::kube_operator::local
