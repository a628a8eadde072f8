#include "operator/local/patch.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/list_shape.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::text_at;
using kube::value_at;

constexpr std::string_view kDeletePrimitive = "$deleteFromPrimitiveList/";
constexpr std::string_view kElementOrder = "$setElementOrder/";

Json merged(const Json& live, const Json& patch, const ShapeContext& at);

// Strategic merge looks at the first merge key only.
std::string merge_key(const ShapeContext& at, const Json& list) {
    const ListShape shape = list_shape(at, list);
    return shape.kind == ListShape::Kind::map && !shape.keys.empty() ? shape.keys.front()
                                                                     : std::string();
}

Json without_directives(Json value) {
    if (value.is_object()) {
        for (auto it = value.begin(); it != value.end();) {
            it = it.key().starts_with('$') || it->is_null() ? value.erase(it) : std::next(it);
        }
        for (auto& [key, child] : value.items()) {
            child = without_directives(std::move(child));
        }
    } else if (value.is_array()) {
        for (Json& item : value) {
            item = without_directives(std::move(item));
        }
    }
    return value;
}

Json merged_list(const Json& live, const Json& patch, const ShapeContext& at) {
    const std::string key = merge_key(at, patch);
    if (key.empty()) {
        return list_shape(at, patch).kind == ListShape::Kind::set ? [&] {
            Json out = live;
            for (const Json& item : patch) {
                if (std::ranges::find(out, item) == out.end()) {
                    out.push_back(item);
                }
            }
            return out;
        }()
                                                                  : without_directives(patch);
    }
    Json out = live.is_array() ? live : Json::array();
    for (const Json& item : patch) {
        const std::string directive = text_at(item, {"$patch"});
        if (directive == "replace") {
            return without_directives(patch);
        }
        auto found = std::ranges::find_if(
            out, [&](const Json& one) { return value_at(one, {key}) == value_at(item, {key}); });
        if (directive == "delete") {
            if (found != out.end()) {
                out.erase(found);
            }
        } else if (found == out.end()) {
            out.push_back(without_directives(item));
        } else {
            *found = merged(*found, item, at.item());
        }
    }
    return out;
}

void reorder(Json& list, const Json& order, const ShapeContext& at) {
    if (!list.is_array() || !order.is_array() || order.empty()) {
        return;
    }
    const std::string key = order[0].is_object() ? merge_key(at, list) : std::string();
    // Items in the order given, then those it does not name.
    Json sorted = Json::array();
    for (const Json& wanted : order) {
        auto found = std::ranges::find_if(list, [&](const Json& item) {
            return key.empty() ? item == wanted : value_at(item, {key}) == value_at(wanted, {key});
        });
        if (found != list.end()) {
            sorted.push_back(std::move(*found));
            list.erase(found);
        }
    }
    sorted.insert(sorted.end(), list.begin(), list.end());
    list = std::move(sorted);
}

Json merged(const Json& live, const Json& patch, const ShapeContext& at) {
    if (patch.is_array()) {
        return merged_list(live, patch, at);
    }
    if (!patch.is_object()) {
        return patch;
    }
    if (text_at(patch, {"$patch"}) == "replace") {
        return without_directives(patch);
    }
    Json out = live.is_object() ? live : Json::object();
    if (const Json& retained = value_at(patch, {"$retainKeys"}); retained.is_array()) {
        for (auto it = out.begin(); it != out.end();) {
            it = std::ranges::find(retained, Json(it.key())) == retained.end() ? out.erase(it)
                                                                               : std::next(it);
        }
    }
    for (const auto& [key, child] : patch.items()) {
        if (key.starts_with(kDeletePrimitive)) {
            Json& list = out[key.substr(kDeletePrimitive.size())];
            for (const Json& gone : child) {
                for (auto it = list.begin(); list.is_array() && it != list.end();) {
                    it = *it == gone ? list.erase(it) : std::next(it);
                }
            }
        } else if (key.starts_with('$')) {
            continue;
        } else if (child.is_null()) {
            out.erase(key);
        } else if (child.is_object() && text_at(child, {"$patch"}) == "delete") {
            out.erase(key);
        } else {
            out[key] = out.contains(key) ? merged(out[key], child, at.child(key))
                                         : merged(Json(), child, at.child(key));
        }
    }
    for (const auto& [key, child] : patch.items()) {
        if (key.starts_with(kElementOrder) && out.contains(key.substr(kElementOrder.size()))) {
            const std::string field = key.substr(kElementOrder.size());
            reorder(out[field], child, at.child(field));
        }
    }
    return out;
}

}  // namespace

nlohmann::json merge_patched(const nlohmann::json& object, const nlohmann::json& patch) {
    Json out = object;
    out.merge_patch(patch);
    return out;
}

ApiResult<nlohmann::json> json_patched(const nlohmann::json& object, const nlohmann::json& patch) {
    constexpr std::size_t kOperationsMax = 10'000;
    if (!patch.is_array() || patch.size() > kOperationsMax) {
        return refuse(bad_request("a JSON patch is a list of at most 10000 operations"));
    }
    try {
        return object.patch(patch);
    } catch (const Json::exception&) {
        ApiError error = bad_request(
            "the server rejected our request due to an error in our request: an operation of the JSON patch "
            "does not apply to the object");
        error.code = 422;
        error.reason = "Invalid";
        return refuse(std::move(error));
    }
}

nlohmann::json strategic_patched(const nlohmann::json& object, const nlohmann::json& patch) {
    return merged(object, patch, ShapeContext{nullptr, "", true});
}

}  // namespace millrace::kube_operator::local
