#include "operator/local/scale.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/json_path.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::value_at;

Json first_or_zero(const Json& object, const std::string& path) {
    const std::vector<const Json*> found = find_path(object, path);
    return found.empty() || !found[0]->is_number_integer() ? Json(0) : *found[0];
}

}  // namespace

nlohmann::json make_scale(const ResourceInfo& resource, const nlohmann::json& object) {
    Json metadata = Json::object();
    for (const char* field : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}) {
        if (const Json& value = value_at(object, {"metadata", field}); !value.is_null()) {
            metadata[field] = value;
        }
    }
    Json scale = {
        {"kind", "Scale"},
        {"apiVersion", "autoscaling/v1"},
        {"metadata", std::move(metadata)},
        {"spec", {{"replicas", first_or_zero(object, resource.scale->spec_replicas)}}},
        {"status", {{"replicas", first_or_zero(object, resource.scale->status_replicas)}}}};
    if (!resource.scale->label_selector.empty()) {
        const std::vector<const Json*> selector = find_path(object, resource.scale->label_selector);
        if (!selector.empty() && selector[0]->is_string()) {
            scale["status"]["selector"] = *selector[0];
        }
    }
    return scale;
}

ApiResult<nlohmann::json> with_scale(const ResourceInfo& resource, const nlohmann::json& object,
                                     const nlohmann::json& scale) {
    const Json& replicas = value_at(scale, {"spec", "replicas"});
    if (!replicas.is_number_integer() || replicas < 0) {
        ErrorSubject subject = resource.subject(kube::name_of(object).name);
        return refuse(invalid(subject, {invalid_value("spec.replicas", replicas,
                                                      "must be greater than or equal to 0")}));
    }
    Json out = object;
    set_path(out, resource.scale->spec_replicas, replicas);
    return out;
}

}  // namespace millrace::kube_operator::local
