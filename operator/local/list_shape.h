// How the items of a list are told apart: by keys, by value, or not at all (the list is one unit). Server-side apply and
// strategic merge patch both ask this. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::kube_operator::local {

// What is known about a value while walking down an object: its schema for custom resources; for built-in kinds only the name
// of the field it stands in.
struct ShapeContext {
    const nlohmann::json* schema = nullptr;  // null for built-in kinds
    std::string field;                       // the nearest field name above
    bool built_in = false;

    ShapeContext child(const std::string& key) const;
    ShapeContext item() const;
    // An object that is one unit for apply (x-kubernetes-map-type: atomic).
    bool atomic_object() const;
};

struct ListShape {
    enum class Kind { atomic, set, map };
    Kind kind = Kind::atomic;
    std::vector<std::string> keys;  // of a map, with their defaults in `defaults`
    std::vector<std::string> defaults;
};

ListShape list_shape(const ShapeContext& at, const nlohmann::json& list);

// The key of an item as managedFields write it: {"name":"a"}. Absent keys take their default.
nlohmann::json item_key(const ListShape& shape, const nlohmann::json& item);

}  // namespace millrace::kube_operator::local
