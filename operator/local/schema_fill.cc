// Pruning and defaulting by a structural schema.
#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/schema_check.h"

namespace millrace::kube_operator::local {
namespace {

using kube::value_at;

constexpr std::size_t kReportedMax = 100;

void prune(const nlohmann::json& schema, nlohmann::json& value, const std::string& path,
           std::vector<std::string>& removed);

void prune_object(const nlohmann::json& schema, nlohmann::json& value, const std::string& path,
                  std::vector<std::string>& removed) {
    const nlohmann::json& properties = value_at(schema, {"properties"});
    const nlohmann::json& others = value_at(schema, {"additionalProperties"});
    const bool keep = kube::flag_at(schema, {"x-kubernetes-preserve-unknown-fields"}) ||
                      others == nlohmann::json(true);
    const bool embedded = kube::flag_at(schema, {"x-kubernetes-embedded-resource"});
    for (auto it = value.begin(); it != value.end();) {
        const bool head =
            (path.empty() || embedded) &&
            (it.key() == "apiVersion" || it.key() == "kind" || it.key() == "metadata");
        const nlohmann::json& declared = value_at(properties, {it.key()});
        if (head) {
            ++it;
        } else if (declared.is_object() || others.is_object()) {
            prune(declared.is_object() ? declared : others, *it, child_path(path, it.key()),
                  removed);
            ++it;
        } else if (keep) {
            ++it;
        } else {
            if (removed.size() < kReportedMax) {
                removed.push_back(child_path(path, it.key()));
            }
            it = value.erase(it);
        }
    }
}

void prune(const nlohmann::json& schema, nlohmann::json& value, const std::string& path,
           std::vector<std::string>& removed) {
    if (!schema.is_object()) {
        return;
    }
    if (value.is_object()) {
        prune_object(schema, value, path, removed);
    } else if (value.is_array()) {
        const nlohmann::json& items = value_at(schema, {"items"});
        for (std::size_t i = 0; i < value.size(); ++i) {
            prune(items, value[i], fmt::format("{}[{}]", path, i), removed);
        }
    }
}

}  // namespace

std::vector<std::string> prune_unknown(const nlohmann::json& schema, nlohmann::json& object) {
    std::vector<std::string> removed;
    prune(schema, object, "", removed);
    return removed;
}

void apply_defaults(const nlohmann::json& schema, nlohmann::json& value) {
    if (!schema.is_object()) {
        return;
    }
    if (value.is_array()) {
        for (nlohmann::json& item : value) {
            apply_defaults(value_at(schema, {"items"}), item);
        }
        return;
    }
    if (!value.is_object()) {
        return;
    }
    const nlohmann::json& properties = value_at(schema, {"properties"});
    if (properties.is_object()) {
        for (const auto& [key, child] : properties.items()) {
            const nlohmann::json& fallback = value_at(child, {"default"});
            const bool absent = !value.contains(key) ||
                                (value[key].is_null() && !kube::flag_at(child, {"nullable"}));
            if (absent && !fallback.is_null()) {
                value[key] = fallback;
            }
            if (value.contains(key)) {
                apply_defaults(child, value[key]);
            }
        }
    }
    const nlohmann::json& others = value_at(schema, {"additionalProperties"});
    for (auto& [key, child] : value.items()) {
        if (!properties.is_object() || !properties.contains(key)) {
            apply_defaults(others, child);
        }
    }
}

}  // namespace millrace::kube_operator::local
