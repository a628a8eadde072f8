// What a CustomResourceDefinition must satisfy before it is served (Kubernetes docs, "Extend the API with
// CustomResourceDefinitions").
#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/cel_rules.h"
#include "operator/local/resource_registry.h"
#include "operator/local/schema_check.h"

namespace millrace::kube_operator::local {
namespace {

using kube::text_at;
using kube::value_at;

bool dns_label(std::string_view text) {
    return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
           std::ranges::all_of(text, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
           });
}

void check_names(const nlohmann::json& definition, Causes& causes) {
    const std::string group = text_at(definition, {"spec", "group"});
    const std::string plural = text_at(definition, {"spec", "names", "plural"});
    if (group.empty() || group.find('.') == std::string::npos) {
        causes.push_back(
            invalid_value("spec.group", group, "should be a domain with at least one dot"));
    }
    if (!dns_label(plural)) {
        causes.push_back(required_value("spec.names.plural"));
    }
    if (text_at(definition, {"spec", "names", "kind"}).empty()) {
        causes.push_back(required_value("spec.names.kind"));
    }
    if (text_at(definition, {"metadata", "name"}) != plural + "." + group) {
        causes.push_back(invalid_value("metadata.name", text_at(definition, {"metadata", "name"}),
                                       "must be spec.names.plural+\".\"+spec.group"));
    }
    const std::string scope = text_at(definition, {"spec", "scope"});
    if (scope != "Namespaced" && scope != "Cluster") {
        causes.push_back(unsupported_value("spec.scope", scope, {"Cluster", "Namespaced"}));
    }
}

void check_version(const nlohmann::json& version, const std::string& where, Causes& causes) {
    if (!dns_label(text_at(version, {"name"}))) {
        causes.push_back(required_value(where + ".name"));
    }
    const nlohmann::json& schema = value_at(version, {"schema", "openAPIV3Schema"});
    const std::string schema_path = where + ".schema.openAPIV3Schema";
    if (!schema.is_object()) {
        causes.push_back(required_value(schema_path, "schemas are required"));
        return;
    }
    check_structural(schema, schema_path, causes);
    Result<CelRules> rules = CelRules::compile(schema);
    if (!rules) {
        causes.push_back({"FieldValueInvalid",
                          "Invalid value: compilation failed: " + rules.error().message,
                          schema_path});
    }
    const nlohmann::json& columns = value_at(version, {"additionalPrinterColumns"});
    for (std::size_t i = 0; columns.is_array() && i < columns.size(); ++i) {
        const std::string path = fmt::format("{}.additionalPrinterColumns[{}]", where, i);
        for (const char* field : {"name", "type", "jsonPath"}) {
            if (text_at(columns[i], {field}).empty()) {
                causes.push_back(required_value(path + "." + field));
            }
        }
    }
    const nlohmann::json& scale = value_at(version, {"subresources", "scale"});
    if (scale.is_object() && (!text_at(scale, {"specReplicasPath"}).starts_with(".spec.") ||
                              !text_at(scale, {"statusReplicasPath"}).starts_with(".status."))) {
        causes.push_back(
            invalid_value(where + ".subresources.scale", scale,
                          "specReplicasPath must be below .spec and statusReplicasPath "
                          "below .status"));
    }
}

}  // namespace

Causes check_definition(const nlohmann::json& definition) {
    Causes causes;
    check_names(definition, causes);
    const nlohmann::json& versions = value_at(definition, {"spec", "versions"});
    if (!versions.is_array() || versions.empty()) {
        causes.push_back(required_value("spec.versions",
                                        "must have exactly one version marked as storage version"));
        return causes;
    }
    int stored = 0;
    for (std::size_t i = 0; i < versions.size(); ++i) {
        check_version(versions[i], fmt::format("spec.versions[{}]", i), causes);
        stored += value_at(versions[i], {"storage"}) == nlohmann::json(true) ? 1 : 0;
    }
    if (stored != 1) {
        causes.push_back(invalid_value("spec.versions", stored,
                                       "must have exactly one version marked as storage version"));
    }
    if (const std::string strategy = text_at(definition, {"spec", "conversion", "strategy"});
        !strategy.empty() && strategy != "None") {
        causes.push_back(unsupported_value("spec.conversion.strategy", strategy, {"None"}));
    }
    return causes;
}

}  // namespace millrace::kube_operator::local
