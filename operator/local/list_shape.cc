#include "operator/local/list_shape.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

namespace millrace::kube_operator::local {
namespace {

using kube::text_at;
using kube::value_at;

// Lists of built-in kinds with their keys, as the API reference gives them ("patch merge key").
struct KnownList {
    std::string_view field;
    std::vector<std::string> keys;
    std::vector<std::string> defaults;
};

const std::vector<KnownList>& known_lists() {
    static const std::vector<KnownList> lists = {
        {"containers", {"name"}, {""}},
        {"initContainers", {"name"}, {""}},
        {"ephemeralContainers", {"name"}, {""}},
        {"env", {"name"}, {""}},
        {"volumes", {"name"}, {""}},
        {"volumeMounts", {"mountPath"}, {""}},
        {"volumeDevices", {"devicePath"}, {""}},
        {"conditions", {"type"}, {""}},
        {"ownerReferences", {"uid"}, {""}},
        {"imagePullSecrets", {"name"}, {""}},
        {"secrets", {"name"}, {""}},
        {"hostAliases", {"ip"}, {""}},
        {"podIPs", {"ip"}, {""}},
        {"topologySpreadConstraints", {"topologyKey", "whenUnsatisfiable"}, {"", ""}},
    };
    return lists;
}

ListShape ports_shape(const nlohmann::json& list) {
    const bool container = std::ranges::any_of(list, [](const nlohmann::json& port) {
        return port.is_object() && port.contains("containerPort");
    });
    return {ListShape::Kind::map, {container ? "containerPort" : "port", "protocol"}, {"", "TCP"}};
}

bool all_objects(const nlohmann::json& list) {
    return std::ranges::all_of(list, [](const nlohmann::json& item) { return item.is_object(); });
}

}  // namespace

ShapeContext ShapeContext::child(const std::string& key) const {
    ShapeContext out = *this;
    out.field = key;
    if (schema == nullptr) {
        return out;
    }
    if (field.empty() && key == "metadata") {
        return {nullptr, key, true};
    }
    const nlohmann::json& declared = value_at(*schema, {"properties", key});
    const nlohmann::json& others = value_at(*schema, {"additionalProperties"});
    out.schema = declared.is_object() ? &declared : others.is_object() ? &others : nullptr;
    return out;
}

ShapeContext ShapeContext::item() const {
    ShapeContext out = *this;
    if (schema != nullptr) {
        const nlohmann::json& items = value_at(*schema, {"items"});
        out.schema = items.is_object() ? &items : nullptr;
    }
    return out;
}

bool ShapeContext::atomic_object() const {
    if (built_in) {
        return field == "selector" || field == "labelSelector" || field == "fieldRef" ||
               field == "configMapKeyRef" || field == "secretKeyRef";
    }
    return schema != nullptr && text_at(*schema, {"x-kubernetes-map-type"}) == "atomic";
}

ListShape list_shape(const ShapeContext& at, const nlohmann::json& list) {
    if (!at.built_in) {
        ListShape shape;
        if (at.schema == nullptr) {
            return shape;
        }
        const std::string type = text_at(*at.schema, {"x-kubernetes-list-type"});
        if (type == "set") {
            shape.kind = ListShape::Kind::set;
        } else if (type == "map" && all_objects(list)) {
            shape.kind = ListShape::Kind::map;
            for (const nlohmann::json& key : value_at(*at.schema, {"x-kubernetes-list-map-keys"})) {
                const auto& word = key.get_ref<const std::string&>();
                shape.keys.push_back(word);
                shape.defaults.push_back(
                    text_at(*at.schema, {"items", "properties", word, "default"}));
            }
        }
        return shape;
    }
    if (at.field == "finalizers") {
        return {ListShape::Kind::set, {}, {}};
    }
    if (!all_objects(list)) {
        return {};
    }
    if (at.field == "ports") {
        return ports_shape(list);
    }
    for (const KnownList& known : known_lists()) {
        if (known.field == at.field) {
            return {ListShape::Kind::map, known.keys, known.defaults};
        }
    }
    return {};
}

nlohmann::json item_key(const ListShape& shape, const nlohmann::json& item) {
    nlohmann::json key = nlohmann::json::object();
    for (std::size_t i = 0; i < shape.keys.size(); ++i) {
        const nlohmann::json& value = value_at(item, {shape.keys[i]});
        if (!value.is_null()) {
            key[shape.keys[i]] = value;
        } else if (!shape.defaults[i].empty()) {
            key[shape.keys[i]] = shape.defaults[i];
        }
    }
    return key;
}

}  // namespace millrace::kube_operator::local
