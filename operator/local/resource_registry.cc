#include "operator/local/resource_registry.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/cel_rules.h"

namespace millrace::kube_operator::local {
namespace {

using kube::text_at;
using kube::value_at;

std::vector<std::string> texts(const nlohmann::json& list) {
    std::vector<std::string> out;
    for (const nlohmann::json& one : list) {
        if (one.is_string()) {
            out.push_back(one.get<std::string>());
        }
    }
    return out;
}

std::vector<PrinterColumn> read_columns(const nlohmann::json& version) {
    std::vector<PrinterColumn> columns = {
        {"Name", "string", ".metadata.name", 0, "Name of the object", "name"}};
    const nlohmann::json& declared = value_at(version, {"additionalPrinterColumns"});
    if (!declared.is_array() || declared.empty()) {
        columns.push_back({"Age", "date", ".metadata.creationTimestamp", 0, {}, {}});
        return columns;
    }
    for (const nlohmann::json& one : declared) {
        columns.push_back({text_at(one, {"name"}), text_at(one, {"type"}),
                           text_at(one, {"jsonPath"}),
                           static_cast<int>(kube::number_at(one, {"priority"})),
                           text_at(one, {"description"}), text_at(one, {"format"})});
    }
    return columns;
}

}  // namespace

std::string ResourceInfo::api_version() const {
    return group.empty() ? version : group + "/" + version;
}
std::string ResourceInfo::store_name() const {
    return group.empty() ? plural : plural + "." + group;
}
ErrorSubject ResourceInfo::subject(const std::string& name) const {
    return {group, plural, kind, name};
}

ResourceRegistry::ResourceRegistry() {
    for (ResourceInfo& info : built_in_resources()) {
        auto shared = std::make_shared<const ResourceInfo>(std::move(info));
        x_resources[{shared->group, shared->version, shared->plural}] = shared;
        x_stored[shared->store_name()] = shared;
    }
}

ResourcePtr ResourceRegistry::find(std::string_view group, std::string_view version,
                                   std::string_view plural) const {
    auto found =
        x_resources.find(Key{std::string(group), std::string(version), std::string(plural)});
    return found == x_resources.end() ? nullptr : found->second;
}

ResourcePtr ResourceRegistry::find_kind(std::string_view group, std::string_view kind) const {
    for (const auto& [key, resource] : x_resources) {
        if (resource->group == group && resource->kind == kind) {
            return resource;
        }
    }
    return nullptr;
}

ResourcePtr ResourceRegistry::find_stored(std::string_view store_name) const {
    auto found = x_stored.find(store_name);
    return found == x_stored.end() ? nullptr : found->second;
}

void ResourceRegistry::add_definition(const nlohmann::json& definition) {
    remove_definition(definition);
    for (const nlohmann::json& version : value_at(definition, {"spec", "versions"})) {
        auto info =
            std::make_shared<const ResourceInfo>(resource_of_definition(definition, version));
        if (value_at(version, {"served"}) != nlohmann::json(false)) {
            x_resources[{info->group, info->version, info->plural}] = info;
        }
        if (kube::flag_at(version, {"storage"})) {
            x_stored[info->store_name()] = info;
        }
    }
    ++x_generation;
}

void ResourceRegistry::remove_definition(const nlohmann::json& definition) {
    const std::string group = text_at(definition, {"spec", "group"});
    const std::string plural = text_at(definition, {"spec", "names", "plural"});
    std::erase_if(x_resources, [&](const auto& entry) {
        return entry.second->custom && entry.second->group == group &&
               entry.second->plural == plural;
    });
    x_stored.erase(plural + "." + group);
    ++x_generation;
}

std::vector<ResourcePtr> ResourceRegistry::all() const {
    std::vector<ResourcePtr> out;
    for (const auto& [key, resource] : x_resources) {
        out.push_back(resource);
    }
    return out;
}

ResourceInfo resource_of_definition(const nlohmann::json& definition,
                                    const nlohmann::json& version) {
    const nlohmann::json& names = value_at(definition, {"spec", "names"});
    ResourceInfo info;
    info.custom = true;
    info.group = text_at(definition, {"spec", "group"});
    info.version = text_at(version, {"name"});
    info.plural = text_at(names, {"plural"});
    info.kind = text_at(names, {"kind"});
    info.singular = text_at(names, {"singular"});
    if (info.singular.empty()) {
        info.singular = info.kind;
        std::ranges::transform(info.singular, info.singular.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        });
    }
    info.list_kind = text_at(names, {"listKind"});
    if (info.list_kind.empty()) {
        info.list_kind = info.kind + "List";
    }
    info.short_names = texts(value_at(names, {"shortNames"}));
    info.categories = texts(value_at(names, {"categories"}));
    info.namespaced = text_at(definition, {"spec", "scope"}) != "Cluster";
    info.has_status = value_at(version, {"subresources", "status"}).is_object();
    const nlohmann::json& scale = value_at(version, {"subresources", "scale"});
    if (scale.is_object()) {
        info.scale =
            ScalePaths{text_at(scale, {"specReplicasPath"}), text_at(scale, {"statusReplicasPath"}),
                       text_at(scale, {"labelSelectorPath"})};
    }
    info.columns = read_columns(version);
    for (const nlohmann::json& one : value_at(version, {"selectableFields"})) {
        const std::string path = text_at(one, {"jsonPath"});
        info.selectable.push_back(path.starts_with('.') ? path.substr(1) : path);
    }
    info.schema =
        std::make_shared<const nlohmann::json>(value_at(version, {"schema", "openAPIV3Schema"}));
    Result<CelRules> rules = CelRules::compile(*info.schema);
    if (rules && !rules->empty()) {
        info.rules = std::make_shared<const CelRules>(std::move(*rules));
    }
    return info;
}

}  // namespace millrace::kube_operator::local
