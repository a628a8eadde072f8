#include "operator/local/field_set.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;

std::string shown_element(const std::string& element) {
    const std::string body = element.size() > 2 ? element.substr(2) : std::string();
    if (element.starts_with("f:")) {
        return "." + body;
    }
    if (element.starts_with("v:")) {
        return fmt::format("[={}]", body);
    }
    const Result<Json> keys = kube::parse_json(body);
    if (!element.starts_with("k:") || !keys || !keys->is_object()) {
        return fmt::format("[{}]", body);
    }
    std::string out;
    for (const auto& [key, value] : keys->items()) {
        out += fmt::format("{}{}={}", out.empty() ? "" : ",", key, kube::to_text(value));
    }
    return "[" + out + "]";
}

// Items by their element, in order of appearance.
std::map<std::string, const Json*> items_of(const ListShape& shape, const Json& list) {
    std::map<std::string, const Json*> out;
    for (const Json& item : list) {
        out.emplace(item_element(shape, item), &item);
    }
    return out;
}

FieldSet changed_list(const Json& before, const Json& after, const ShapeContext& at,
                      const ListShape& shape) {
    FieldSet out;
    const auto old_items = items_of(shape, before);
    const auto new_items = items_of(shape, after);
    for (const auto& [element, item] : new_items) {
        auto found = old_items.find(element);
        FieldSet below;
        if (found == old_items.end()) {
            below =
                shape.kind == ListShape::Kind::map ? FieldSet::of(*item, at.item()) : FieldSet();
            below.member = true;
        } else if (shape.kind == ListShape::Kind::map) {
            below = FieldSet::changed(*found->second, *item, at.item());
        }
        if (!below.empty()) {
            out.children[element] = std::move(below);
        }
    }
    for (const auto& [element, item] : old_items) {
        if (!new_items.contains(element)) {
            out.children[element] =
                shape.kind == ListShape::Kind::map ? FieldSet::of(*item, at.item()) : FieldSet();
            out.children[element].member = true;
        }
    }
    return out;
}

FieldSet leaf() {
    FieldSet out;
    out.member = true;
    return out;
}

}  // namespace

std::string item_element(const ListShape& shape, const nlohmann::json& item) {
    return shape.kind == ListShape::Kind::map ? "k:" + kube::to_text(item_key(shape, item))
                                              : "v:" + kube::to_text(item);
}

FieldSet FieldSet::from_json(const nlohmann::json& fields) {
    FieldSet out;
    if (!fields.is_object() || fields.empty()) {
        out.member = true;
        return out;
    }
    for (const auto& [key, below] : fields.items()) {
        if (key == ".") {
            out.member = true;
        } else {
            out.children[key] = from_json(below);
        }
    }
    return out;
}

nlohmann::json FieldSet::to_json() const {
    Json out = Json::object();
    if (member && !children.empty()) {
        out["."] = Json::object();
    }
    for (const auto& [key, below] : children) {
        out[key] = below.to_json();
    }
    return out;
}

FieldSet FieldSet::of(const nlohmann::json& value, const ShapeContext& at) {
    FieldSet out;
    if (value.is_object() && !value.empty() && !at.atomic_object()) {
        for (const auto& [key, child] : value.items()) {
            out.children["f:" + key] = of(child, at.child(key));
        }
        return out;
    }
    if (value.is_array() && !value.empty()) {
        const ListShape shape = list_shape(at, value);
        if (shape.kind != ListShape::Kind::atomic) {
            for (const Json& item : value) {
                FieldSet below =
                    shape.kind == ListShape::Kind::map ? of(item, at.item()) : FieldSet();
                below.member = true;
                out.children[item_element(shape, item)] = std::move(below);
            }
            return out;
        }
    }
    return leaf();
}

FieldSet FieldSet::changed(const nlohmann::json& before, const nlohmann::json& after,
                           const ShapeContext& at) {
    if (before == after) {
        return {};
    }
    if (before.is_object() && after.is_object() && !at.atomic_object()) {
        FieldSet out;
        for (const auto& [key, child] : after.items()) {
            FieldSet below = before.contains(key) ? changed(before[key], child, at.child(key))
                                                  : of(child, at.child(key));
            if (!below.empty()) {
                out.children["f:" + key] = std::move(below);
            }
        }
        for (const auto& [key, child] : before.items()) {
            if (!after.contains(key)) {
                out.children["f:" + key] = of(child, at.child(key));
            }
        }
        return out;
    }
    if (before.is_array() && after.is_array()) {
        const ListShape shape = list_shape(at, after.empty() ? before : after);
        if (shape.kind != ListShape::Kind::atomic) {
            return changed_list(before, after, at, shape);
        }
    }
    return after.is_null() ? of(before, at) : of(after, at);
}

void FieldSet::add(const FieldSet& other) {
    member = member || other.member;
    for (const auto& [key, below] : other.children) {
        children[key].add(below);
    }
}

void FieldSet::remove(const FieldSet& other) {
    for (const auto& [key, below] : other.children) {
        auto found = children.find(key);
        if (found == children.end()) {
            continue;
        }
        if (below.member) {
            found->second.member = false;
        }
        if (below.member && below.children.empty()) {
            children.erase(found);
            continue;
        }
        found->second.remove(below);
        if (found->second.empty()) {
            children.erase(found);
        }
    }
}

FieldSet FieldSet::intersection(const FieldSet& other) const {
    FieldSet out;
    out.member = member && other.member;
    for (const auto& [key, below] : children) {
        auto found = other.children.find(key);
        if (found == other.children.end()) {
            continue;
        }
        FieldSet both = below.intersection(found->second);
        if (!both.empty()) {
            out.children[key] = std::move(both);
        }
    }
    return out;
}

void FieldSet::each(const std::function<void(const std::string&)>& visit,
                    const std::string& prefix) const {
    if (member) {
        visit(prefix);
    }
    for (const auto& [key, below] : children) {
        below.each(visit, prefix + shown_element(key));
    }
}

bool FieldSet::has_member_below() const {
    return std::ranges::any_of(children, [](const auto& entry) {
        return entry.second.member || entry.second.has_member_below();
    });
}

nlohmann::json managed_part(const nlohmann::json& object) {
    Json out = object;
    out.erase("apiVersion");
    out.erase("kind");
    auto metadata = out.find("metadata");
    if (metadata == out.end() || !metadata->is_object()) {
        return out;
    }
    for (const char* own : {"name", "namespace", "uid", "creationTimestamp", "resourceVersion",
                            "generation", "managedFields", "selfLink", "deletionTimestamp",
                            "deletionGracePeriodSeconds", "generateName"}) {
        metadata->erase(own);
    }
    if (metadata->empty()) {
        out.erase("metadata");
    }
    return out;
}

}  // namespace millrace::kube_operator::local
