#include "operator/local/openapi.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::value_at;

constexpr const char* kMetadataName = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

std::string path_of(const std::string& group, const std::string& version) {
    return group.empty() ? "api/" + version : fmt::format("apis/{}/{}", group, version);
}

// "dev.example.kafka.v1alpha1.KafkaTopic" for kafka.example.dev.
std::string schema_name(const ResourceInfo& resource) {
    std::string reversed;
    std::string_view rest =
        resource.group.empty() ? "core.api.k8s.io" : std::string_view(resource.group);
    while (!rest.empty()) {
        const std::size_t dot = rest.rfind('.');
        reversed += dot == std::string_view::npos ? rest : rest.substr(dot + 1);
        reversed += '.';
        rest = dot == std::string_view::npos ? std::string_view() : rest.substr(0, dot);
    }
    return fmt::format("{}{}.{}", reversed, resource.version, resource.kind);
}

Json kind_mark(const ResourceInfo& resource) {
    return {{"group", resource.group}, {"version", resource.version}, {"kind", resource.kind}};
}

Json text_field(const char* description) {
    return {{"type", "string"}, {"description", description}};
}

Json metadata_schema() {
    const Json texts = {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}};
    Json labels = texts;
    labels["description"] = "Keys and values that selectors look at.";
    Json annotations = texts;
    annotations["description"] = "Keys and values that nothing selects by.";
    Json finalizers = {{"type", "array"},
                       {"items", {{"type", "string"}}},
                       {"description", "Must be empty before the object is removed."}};
    Json owners = {
        {"type", "array"},
        {"items", {{"type", "object"}}},
        {"description", "Objects this one depends on; it is removed with the last of them."}};
    return {{"type", "object"},
            {"description", "Metadata that every object has."},
            {"properties",
             {{"name", text_field("Unique within a namespace and kind.")},
              {"generateName", text_field("A prefix; the server adds a random suffix.")},
              {"namespace", text_field("The space names are unique in.")},
              {"uid", text_field("Unique in time and space; set by the server.")},
              {"resourceVersion", text_field("Changes with each write; set by the server.")},
              {"generation",
               {{"type", "integer"}, {"description", "Grows with each change of the spec."}}},
              {"creationTimestamp",
               {{"type", "string"},
                {"format", "date-time"},
                {"description", "When it was created; set by the server."}}},
              {"deletionTimestamp",
               {{"type", "string"},
                {"format", "date-time"},
                {"description", "Since when it is being removed; set by the server."}}},
              {"labels", std::move(labels)},
              {"annotations", std::move(annotations)},
              {"finalizers", std::move(finalizers)},
              {"ownerReferences", std::move(owners)}}}};
}

Json kind_schema(const ResourceInfo& resource, const std::string& reference_prefix) {
    Json schema = resource.schema ? *resource.schema : Json{{"type", "object"}};
    if (!resource.schema) {
        const Json open = {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
        schema["x-kubernetes-preserve-unknown-fields"] = true;
        schema["properties"] = {{"spec", open}, {"status", open}};
        schema["description"] = resource.kind + " of the embedded API server.";
    }
    Json& properties = schema["properties"];
    properties["apiVersion"] = text_field("The group and version of this object's schema.");
    properties["kind"] = text_field("The kind of this object.");
    properties["metadata"] = {
        {"allOf", Json::array({{{"$ref", reference_prefix + kMetadataName}}})},
        {"description", "Standard object's metadata."},
        {"default", Json::object()}};
    schema["x-kubernetes-group-version-kind"] = Json::array({kind_mark(resource)});
    return schema;
}

Json query_parameter(const char* name, const char* description) {
    return {{"name", name},
            {"in", "query"},
            {"description", description},
            {"schema", {{"type", "string"}, {"uniqueItems", true}}}};
}

Json operation(const ResourceInfo& resource, const char* action, bool writes) {
    const Json reference = {
        {"schema", {{"$ref", "#/components/schemas/" + schema_name(resource)}}}};
    Json out = {
        {"x-kubernetes-action", action},
        {"x-kubernetes-group-version-kind", kind_mark(resource)},
        {"responses",
         {{"200", {{"description", "OK"}, {"content", {{"application/json", reference}}}}}}}};
    if (writes) {
        out["parameters"] =
            Json::array({query_parameter("dryRun", "All: nothing is stored."),
                         query_parameter("fieldManager", "Who writes."),
                         query_parameter("fieldValidation", "Ignore, Warn or Strict.")});
        out["requestBody"] = {{"content", {{"*/*", reference}}}};
    }
    return out;
}

Json paths_of(const ResourceInfo& resource) {
    const std::string base =
        fmt::format("/{}{}/{}", path_of(resource.group, resource.version),
                    resource.namespaced ? "/namespaces/{namespace}" : "", resource.plural);
    Json patch = operation(resource, "patch", true);
    // Strategic patches of built-in kinds are taken but not listed: clients would then work them out from these schemas, which
    // are open, and not from the types they are built with.
    Json types = Json::object();
    for (const char* type : {"application/apply-patch+yaml", "application/json-patch+json",
                             "application/merge-patch+json"}) {
        types[type] = {{"schema", {{"type", "object"}}}};
    }
    patch["requestBody"] = {{"content", std::move(types)}};
    return {{base,
             {{"get", operation(resource, "list", false)},
              {"post", operation(resource, "post", true)}}},
            {base + "/{name}",
             {{"get", operation(resource, "get", false)},
              {"put", operation(resource, "put", true)},
              {"patch", std::move(patch)},
              {"delete", operation(resource, "delete", false)}}}};
}

Json information() {
    return {{"title", "Millrace embedded Kubernetes API"}, {"version", "v1.30.0-millrace"}};
}

}  // namespace

nlohmann::json openapi_index(const ResourceRegistry& registry) {
    Json paths = Json::object();
    for (const ResourcePtr& resource : registry.all()) {
        const std::string path = path_of(resource->group, resource->version);
        paths[path] = {{"serverRelativeURL",
                        fmt::format("/openapi/v3/{}?hash={}", path, registry.generation())}};
    }
    return {{"paths", std::move(paths)}};
}

std::optional<nlohmann::json> openapi_v3(const ResourceRegistry& registry, const std::string& group,
                                         const std::string& version) {
    Json paths = Json::object();
    Json schemas = {{kMetadataName, metadata_schema()}};
    for (const ResourcePtr& resource : registry.all()) {
        if (resource->group == group && resource->version == version) {
            paths.update(paths_of(*resource));
            schemas[schema_name(*resource)] = kind_schema(*resource, "#/components/schemas/");
        }
    }
    if (paths.empty()) {
        return std::nullopt;
    }
    return Json{{"openapi", "3.0.0"},
                {"info", information()},
                {"paths", std::move(paths)},
                {"components", {{"schemas", std::move(schemas)}}}};
}

std::string openapi_v2_protobuf() {
    // openapi.v2.Document: swagger = 1, info = 2 {title = 1, version = 2}, paths = 8. Every length is below 128.
    auto field = [](char tag, const std::string& content) {
        return std::string(1, tag) + static_cast<char>(content.size()) + content;
    };
    const std::string info =
        field(0x0A, "Millrace embedded Kubernetes API") + field(0x12, "v1.30.0-millrace");
    return field(0x0A, "2.0") + field(0x12, info) + field(0x42, "");
}

nlohmann::json openapi_v2(const ResourceRegistry& registry) {
    Json definitions = {{kMetadataName, metadata_schema()}};
    for (const ResourcePtr& resource : registry.all()) {
        Json schema = kind_schema(*resource, "#/definitions/");
        schema["properties"]["metadata"] = {
            {"$ref", std::string("#/definitions/") + kMetadataName}};
        definitions[schema_name(*resource)] = std::move(schema);
    }
    return {{"swagger", "2.0"},
            {"info", information()},
            {"paths", Json::object()},
            {"definitions", std::move(definitions)}};
}

}  // namespace millrace::kube_operator::local
