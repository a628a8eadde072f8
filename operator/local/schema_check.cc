#include "operator/local/schema_check.h"

#include <re2/re2.h>

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

namespace millrace::kube_operator::local {
namespace {

using kube::value_at;

constexpr std::size_t kCausesMax = 100;

const std::set<std::string_view>& known_keywords() {
    static const std::set<std::string_view> words = {"type",
                                                     "properties",
                                                     "required",
                                                     "items",
                                                     "additionalProperties",
                                                     "description",
                                                     "title",
                                                     "default",
                                                     "enum",
                                                     "format",
                                                     "pattern",
                                                     "minimum",
                                                     "maximum",
                                                     "exclusiveMinimum",
                                                     "exclusiveMaximum",
                                                     "multipleOf",
                                                     "minLength",
                                                     "maxLength",
                                                     "minItems",
                                                     "maxItems",
                                                     "minProperties",
                                                     "maxProperties",
                                                     "uniqueItems",
                                                     "nullable",
                                                     "example",
                                                     "externalDocs",
                                                     "anyOf",
                                                     "allOf",
                                                     "oneOf",
                                                     "not",
                                                     "x-kubernetes-int-or-string",
                                                     "x-kubernetes-preserve-unknown-fields",
                                                     "x-kubernetes-embedded-resource",
                                                     "x-kubernetes-list-type",
                                                     "x-kubernetes-list-map-keys",
                                                     "x-kubernetes-map-type",
                                                     "x-kubernetes-validations"};
    return words;
}

void check_list_type(const nlohmann::json& schema, const std::string& path, Causes& causes) {
    const std::string list_type = kube::text_at(schema, {"x-kubernetes-list-type"});
    if (list_type.empty()) {
        return;
    }
    if (list_type != "map" && list_type != "set" && list_type != "atomic") {
        causes.push_back(unsupported_value(path + ".x-kubernetes-list-type", list_type,
                                           {"atomic", "map", "set"}));
    }
    const nlohmann::json& keys = value_at(schema, {"x-kubernetes-list-map-keys"});
    if (list_type == "map" && (!keys.is_array() || keys.empty())) {
        causes.push_back(required_value(path + ".x-kubernetes-list-map-keys",
                                        "must not be empty if x-kubernetes-list-type is map"));
    }
}

void check_keywords(const nlohmann::json& schema, const std::string& path, Causes& causes) {
    for (const auto& [key, value] : schema.items()) {
        if (!known_keywords().contains(key)) {
            causes.push_back(forbidden_field(path + "." + key, "must not be used in this schema"));
        }
    }
    if (const nlohmann::json& pattern = value_at(schema, {"pattern"}); pattern.is_string()) {
        const RE2 compiled(pattern.get<std::string>(), RE2::Quiet);
        if (!compiled.ok()) {
            causes.push_back(invalid_value(
                path + ".pattern", pattern,
                "must be a valid regular expression, but isn't: " + compiled.error()));
        }
    }
}

}  // namespace

void check_structural(const nlohmann::json& schema, const std::string& path, Causes& causes) {
    if (causes.size() >= kCausesMax) {
        return;
    }
    if (!schema.is_object()) {
        causes.push_back(invalid_value(path, schema, "must be an object"));
        return;
    }
    check_keywords(schema, path, causes);
    check_list_type(schema, path, causes);
    const std::string type = kube::text_at(schema, {"type"});
    const bool open = kube::flag_at(schema, {"x-kubernetes-int-or-string"}) ||
                      kube::flag_at(schema, {"x-kubernetes-preserve-unknown-fields"});
    if (type.empty() && !open) {
        causes.push_back(
            required_value(path + ".type", "must not be empty for specified object fields"));
    }
    if (type == "array" && !value_at(schema, {"items"}).is_object()) {
        causes.push_back(required_value(path + ".items", "must be specified"));
    }
    if (const nlohmann::json& items = value_at(schema, {"items"}); items.is_object()) {
        check_structural(items, path + ".items", causes);
    }
    if (const nlohmann::json& more = value_at(schema, {"additionalProperties"}); more.is_object()) {
        check_structural(more, path + ".additionalProperties", causes);
    }
    const nlohmann::json& properties = value_at(schema, {"properties"});
    if (properties.is_object() && value_at(schema, {"additionalProperties"}).is_object()) {
        causes.push_back(
            forbidden_field(path + ".additionalProperties",
                            "additionalProperties and properties are mutual exclusive"));
    }
    if (properties.is_object()) {
        for (const auto& [key, child] : properties.items()) {
            check_structural(child, fmt::format("{}.properties[{}]", path, key), causes);
        }
    }
}

std::string child_path(const std::string& path, const std::string& key) {
    const bool plain = key.find_first_of(".[]/") == std::string::npos;
    if (!plain) {
        return fmt::format("{}[{}]", path, key);
    }
    return path.empty() ? key : path + "." + key;
}

}  // namespace millrace::kube_operator::local
