// Sets of fields as managedFields write them ("FieldsV1": f:name, k:{keys}, v:value, "." for the node itself). Pure.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "operator/local/list_shape.h"

namespace millrace::kube_operator::local {

struct FieldSet {
    bool member = false;
    std::map<std::string, FieldSet> children;  // by path element

    bool empty() const { return !member && children.empty(); }
    bool operator==(const FieldSet&) const = default;

    static FieldSet from_json(const nlohmann::json& fields);
    nlohmann::json to_json() const;

    // The fields of a value: leaves, items, and objects that are empty or one unit.
    static FieldSet of(const nlohmann::json& value, const ShapeContext& at);
    // The fields whose values differ between two values, or exist on one side only.
    static FieldSet changed(const nlohmann::json& before, const nlohmann::json& after,
                            const ShapeContext& at);

    void add(const FieldSet& other);
    // Removes the members of other and what stands below them.
    void remove(const FieldSet& other);
    FieldSet intersection(const FieldSet& other) const;
    // Members only, in order, as paths for people: ".spec.ports[name=\"a\"].port".
    void each(const std::function<void(const std::string&)>& visit,
              const std::string& prefix = "") const;
    bool has_member_below() const;
};

// The part of a managed object that field sets cover: without apiVersion, kind and the server's own metadata.
nlohmann::json managed_part(const nlohmann::json& object);

// "f:name" of an object's field; "k:{…}" or "v:…" of an item.
std::string item_element(const ListShape& shape, const nlohmann::json& item);

}  // namespace millrace::kube_operator::local
