// Which kinds the embedded API server knows: the built-in ones and those of the CustomResourceDefinitions it holds. Pure.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "operator/kube/client.h"
#include "operator/local/api_error.h"

namespace millrace::kube_operator::local {

using kube::JsonPtr;

class CelRules;  // the compiled x-kubernetes-validations of one schema

struct PrinterColumn {
    std::string name;
    std::string type;       // string, integer, number, boolean, date
    std::string json_path;  // ".status.phase"; a leading @ names a cell that table.cc computes
    int priority = 0;       // above 0: only with -o wide
    std::string description = {};
    std::string format = {};
};

// Dotted paths (".spec.replicas") behind the scale subresource.
struct ScalePaths {
    std::string spec_replicas;
    std::string status_replicas;
    std::string label_selector;  // empty when the kind has none
};

enum class Handling {
    stored,
    absent,  // listed and always empty: clients ask for it in passing, nothing here could bring it to life
    review,  // a POST is answered at once, nothing is kept
};

// One served version of one kind.
struct ResourceInfo {
    std::string group;
    std::string version;
    std::string plural;
    std::string singular;
    std::string kind;
    std::string list_kind;
    std::vector<std::string> short_names;
    std::vector<std::string> categories;
    bool namespaced = true;
    bool has_status = false;
    bool custom = false;
    Handling handling = Handling::stored;
    std::optional<ScalePaths> scale;
    std::vector<PrinterColumn> columns;
    std::vector<std::string>
        selectable;  // what a field selector may name beside name and namespace
    JsonPtr schema;  // the structural schema; null for built-in kinds
    std::shared_ptr<const CelRules> rules;  // null when the schema has none

    std::string api_version() const;
    // The collection in the store: the plural with its group, without the version.
    std::string store_name() const;
    ErrorSubject subject(const std::string& name) const;
};

using ResourcePtr = std::shared_ptr<const ResourceInfo>;

class ResourceRegistry {
 public:
    ResourceRegistry();

    // Null when it is not served.
    ResourcePtr find(std::string_view group, std::string_view version,
                     std::string_view plural) const;
    // Any served version of the kind; built-in kinds first.
    ResourcePtr find_kind(std::string_view group, std::string_view kind) const;
    // The version objects are stored in, by store name.
    ResourcePtr find_stored(std::string_view store_name) const;

    // Serves what the CustomResourceDefinition declares; replaces what it declared before. The definition must have passed
    // check_definition.
    void add_definition(const nlohmann::json& definition);
    void remove_definition(const nlohmann::json& definition);

    // Ordered by group (core first), version and plural.
    std::vector<ResourcePtr> all() const;
    // Grows with each change, for discovery caches.
    std::uint64_t generation() const { return x_generation; }

 private:
    using Key = std::array<std::string, 3>;  // group, version, plural
    std::map<Key, ResourcePtr> x_resources;
    std::map<std::string, ResourcePtr, std::less<>> x_stored;
    std::uint64_t x_generation = 1;
};

// The kinds every server has.
std::vector<ResourceInfo> built_in_resources();

// Reads one entry of spec.versions. The rules are compiled; errors in them come from check_definition.
ResourceInfo resource_of_definition(const nlohmann::json& definition,
                                    const nlohmann::json& version);

// Everything a CustomResourceDefinition must satisfy: names, versions, a structural schema, rules that compile.
Causes check_definition(const nlohmann::json& definition);

}  // namespace millrace::kube_operator::local
