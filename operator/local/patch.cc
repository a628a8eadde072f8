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

// The items of a list by the text of their key, or of the whole item; the first of those that are alike.
using Places = std::map<std::string, std::size_t>;

std::string place_of(const Json& item, const std::string& key) {
    return kube::to_text(key.empty() ? item : value_at(item, {key}));
}

Places places_of(const Json& list, const std::string& key) {
    Places places;
    for (std::size_t i = 0; i < list.size(); ++i) {
        places.try_emplace(place_of(list[i], key), i);
    }
    return places;
}

Json without_items(const Json& list, const std::set<std::size_t>& gone) {
    Json out = Json::array();
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (!gone.contains(i)) {
            out.push_back(list[i]);
        }
    }
    return out;
}

Json without_values(const Json& list, const Json& values) {
    std::set<std::string> texts;
    for (const Json& value : values) {
        texts.insert(kube::to_text(value));
    }
    Json out = Json::array();
    for (const Json& item : list) {
        if (!texts.contains(kube::to_text(item))) {
            out.push_back(item);
        }
    }
    return out;
}

Json merged_set(const Json& live, const Json& patch) {
    Json out = live.is_array() ? live : Json::array();
    Places places = places_of(out, "");
    for (const Json& item : patch) {
        if (places.try_emplace(place_of(item, ""), out.size()).second) {
            out.push_back(item);
        }
    }
    return out;
}

Json merged_list(const Json& live, const Json& patch, const ShapeContext& at) {
    const std::string key = merge_key(at, patch);
    if (key.empty()) {
        const bool is_set = list_shape(at, patch).kind == ListShape::Kind::set;
        return is_set ? merged_set(live, patch) : without_directives(patch);
    }
    Json out = live.is_array() ? live : Json::array();
    Places places = places_of(out, key);
    std::set<std::size_t> gone;
    for (const Json& item : patch) {
        const std::string directive = text_at(item, {"$patch"});
        if (directive == "replace") {
            return without_directives(patch);
        }
        const auto found = places.find(place_of(item, key));
        if (directive == "delete") {
            if (found != places.end()) {
                gone.insert(found->second);
                places.erase(found);
            }
        } else if (found == places.end()) {
            places.emplace(place_of(item, key), out.size());
            out.push_back(without_directives(item));
        } else {
            out[found->second] = merged(out[found->second], item, at.item());
        }
    }
    return gone.empty() ? out : without_items(out, gone);
}

void reorder(Json& list, const Json& order, const ShapeContext& at) {
    if (!list.is_array() || !order.is_array() || order.empty()) {
        return;
    }
    const std::string key = order[0].is_object() ? merge_key(at, list) : std::string();
    // Items in the order given, then those it does not name.
    Places places = places_of(list, key);
    Json sorted = Json::array();
    std::set<std::size_t> taken;
    for (const Json& wanted : order) {
        const auto found = places.find(place_of(wanted, key));
        if (found != places.end()) {
            sorted.push_back(list[found->second]);
            taken.insert(found->second);
            places.erase(found);
        }
    }
    const Json others = without_items(list, taken);
    sorted.insert(sorted.end(), others.begin(), others.end());
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
            const auto list = out.find(key.substr(kDeletePrimitive.size()));
            if (list != out.end() && list->is_array()) {
                *list = without_values(*list, child);
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
    // Of what "copy" copies: each could double the object.
    constexpr std::size_t kCopiedBytesMax = 3 << 20;
    if (!patch.is_array() || patch.size() > kOperationsMax) {
        return refuse(bad_request("a JSON patch is a list of at most 10000 operations"));
    }
    try {
        Json out = object;
        std::size_t copied = 0;
        for (const Json& operation : patch) {
            if (text_at(operation, {"op"}) == "copy") {
                const Json::json_pointer from(text_at(operation, {"from"}));
                copied += kube::to_text(out.at(from)).size();
            }
            if (copied > kCopiedBytesMax) {
                return refuse(too_large("the copy operations of the JSON patch copy too much"));
            }
            out.patch_inplace(Json::array({operation}));
        }
        return out;
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
