#include "operator/local/discovery.h"

#include <nlohmann/json.hpp>

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;

Json verbs_of(const ResourceInfo& resource) {
    switch (resource.handling) {
        case Handling::stored:
            break;
        case Handling::absent:
            return {"get", "list", "watch"};
        case Handling::review:
            return Json::array({"create"});
    }
    return {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
}

const Json& subresource_verbs() {
    static const Json list = {"get", "patch", "update"};
    return list;
}

struct Subresource {
    std::string name;
    std::string group;
    std::string version;
    std::string kind;
    Json verbs;
};

std::vector<Subresource> subresources_of(const ResourceInfo& resource) {
    std::vector<Subresource> out;
    if (resource.has_status) {
        out.push_back(
            {"status", resource.group, resource.version, resource.kind, subresource_verbs()});
    }
    if (resource.scale) {
        out.push_back({"scale", "autoscaling", "v1", "Scale", subresource_verbs()});
    }
    if (resource.store_name() == "pods") {
        out.push_back({"log", "", "v1", "Pod", Json{"get"}});
    }
    return out;
}

// Versions of each group, in the order the registry has them.
std::map<std::string, std::vector<std::string>> groups_of(const ResourceRegistry& registry) {
    std::map<std::string, std::vector<std::string>> groups;
    for (const ResourcePtr& resource : registry.all()) {
        std::vector<std::string>& versions = groups[resource->group];
        if (std::ranges::find(versions, resource->version) == versions.end()) {
            versions.push_back(resource->version);
        }
    }
    return groups;
}

Json group_entry(const std::string& group, const std::vector<std::string>& versions) {
    Json list = Json::array();
    for (const std::string& version : versions) {
        list.push_back({{"groupVersion", group + "/" + version}, {"version", version}});
    }
    Json preferred = list.back();
    return {
        {"name", group}, {"versions", std::move(list)}, {"preferredVersion", std::move(preferred)}};
}

Json list_entry(const ResourceInfo& resource) {
    Json entry = {{"name", resource.plural},           {"singularName", resource.singular},
                  {"namespaced", resource.namespaced}, {"kind", resource.kind},
                  {"verbs", verbs_of(resource)},       {"storageVersionHash", ""}};
    if (!resource.short_names.empty()) {
        entry["shortNames"] = resource.short_names;
    }
    if (!resource.categories.empty()) {
        entry["categories"] = resource.categories;
    }
    return entry;
}

Json aggregated_entry(const ResourceInfo& resource) {
    Json entry = {
        {"resource", resource.plural},
        {"responseKind",
         {{"group", resource.group}, {"version", resource.version}, {"kind", resource.kind}}},
        {"scope", resource.namespaced ? "Namespaced" : "Cluster"},
        {"singularResource", resource.singular},
        {"verbs", verbs_of(resource)}};
    if (!resource.short_names.empty()) {
        entry["shortNames"] = resource.short_names;
    }
    if (!resource.categories.empty()) {
        entry["categories"] = resource.categories;
    }
    Json below = Json::array();
    for (const Subresource& sub : subresources_of(resource)) {
        below.push_back(
            {{"subresource", sub.name},
             {"responseKind", {{"group", sub.group}, {"version", sub.version}, {"kind", sub.kind}}},
             {"verbs", sub.verbs}});
    }
    if (!below.empty()) {
        entry["subresources"] = std::move(below);
    }
    return entry;
}

}  // namespace

nlohmann::json core_versions(const std::string& server_address) {
    return {{"kind", "APIVersions"},
            {"versions", {"v1"}},
            {"serverAddressByClientCIDRs",
             Json::array({{{"clientCIDR", "0.0.0.0/0"}, {"serverAddress", server_address}}})}};
}

nlohmann::json group_list(const ResourceRegistry& registry) {
    Json groups = Json::array();
    for (const auto& [group, versions] : groups_of(registry)) {
        if (!group.empty()) {
            groups.push_back(group_entry(group, versions));
        }
    }
    return {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}};
}

std::optional<nlohmann::json> group_document(const ResourceRegistry& registry,
                                             const std::string& group) {
    const auto groups = groups_of(registry);
    auto found = groups.find(group);
    if (found == groups.end()) {
        return std::nullopt;
    }
    Json out = group_entry(group, found->second);
    out["kind"] = "APIGroup";
    out["apiVersion"] = "v1";
    return out;
}

std::optional<nlohmann::json> resource_list(const ResourceRegistry& registry,
                                            const std::string& group, const std::string& version) {
    Json resources = Json::array();
    for (const ResourcePtr& resource : registry.all()) {
        if (resource->group != group || resource->version != version) {
            continue;
        }
        resources.push_back(list_entry(*resource));
        for (const Subresource& sub : subresources_of(*resource)) {
            Json entry = {{"name", resource->plural + "/" + sub.name},
                          {"singularName", ""},
                          {"namespaced", resource->namespaced},
                          {"kind", sub.kind},
                          {"verbs", sub.verbs}};
            if (sub.group != resource->group || sub.version != resource->version) {
                entry["group"] = sub.group;
                entry["version"] = sub.version;
            }
            resources.push_back(std::move(entry));
        }
    }
    if (resources.empty()) {
        return std::nullopt;
    }
    return Json{{"kind", "APIResourceList"},
                {"apiVersion", "v1"},
                {"groupVersion", group.empty() ? version : group + "/" + version},
                {"resources", std::move(resources)}};
}

nlohmann::json aggregated_discovery(const ResourceRegistry& registry, bool core) {
    Json items = Json::array();
    for (const auto& [group, versions] : groups_of(registry)) {
        if (group.empty() != core) {
            continue;
        }
        Json listed = Json::array();
        for (const std::string& version : versions) {
            Json resources = Json::array();
            for (const ResourcePtr& resource : registry.all()) {
                if (resource->group == group && resource->version == version) {
                    resources.push_back(aggregated_entry(*resource));
                }
            }
            listed.push_back({{"version", version},
                              {"freshness", "Current"},
                              {"resources", std::move(resources)}});
        }
        Json metadata = {{"creationTimestamp", nullptr}};
        if (!group.empty()) {
            metadata["name"] = group;
        }
        items.push_back({{"metadata", std::move(metadata)}, {"versions", std::move(listed)}});
    }
    return {{"kind", "APIGroupDiscoveryList"},
            {"apiVersion", "apidiscovery.k8s.io/v2"},
            {"metadata", Json::object()},
            {"items", std::move(items)}};
}

nlohmann::json server_version() {
    // The level of the API that is offered; clients compare their own version with it.
    return {{"major", "1"},        {"minor", "30"},           {"gitVersion", "v1.30.0-millrace"},
            {"gitCommit", ""},     {"gitTreeState", "clean"}, {"buildDate", ""},
            {"goVersion", "none"}, {"compiler", "none"},      {"platform", "linux/amd64"}};
}

}  // namespace millrace::kube_operator::local
