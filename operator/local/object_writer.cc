#include "operator/local/object_writer.h"

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/built_in_kinds.h"
#include "operator/local/cel_rules.h"
#include "operator/local/managed_fields.h"
#include "operator/local/object_meta.h"
#include "operator/local/patch.h"
#include "operator/local/scale.h"
#include "operator/local/schema_check.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::text_at;
using kube::value_at;

constexpr const char* kModified =
    "the object has been modified; please apply your changes to the latest version and try again";

ShapeContext shape_of(const ResourceInfo& resource) {
    return resource.custom ? ShapeContext{resource.schema.get(), "", false}
                           : ShapeContext{nullptr, "", true};
}

// A write of the status changes nothing else, and a write of the rest leaves the status alone.
void isolate(const WriteRequest& request, const Json* live, Json& next) {
    if (!request.resource->has_status) {
        return;
    }
    if (request.subresource == "status" && live != nullptr) {
        Json kept = *live;
        if (next.contains("status")) {
            kept["status"] = next["status"];
        } else {
            kept.erase("status");
        }
        kept["metadata"]["managedFields"] = value_at(next, {"metadata", "managedFields"});
        next = std::move(kept);
        return;
    }
    next.erase("status");
    if (live != nullptr && live->contains("status")) {
        next["status"] = (*live)["status"];
    }
}

bool spec_changed(const Json& before, const Json& after) {
    Json old_rest = before;
    Json new_rest = after;
    for (Json* one : {&old_rest, &new_rest}) {
        for (const char* apart : {"metadata", "status", "apiVersion"}) {
            one->erase(apart);
        }
    }
    return old_rest != new_rest;
}

// Kinds without a spec have no generation (ConfigMap, Secret, Event, …).
bool has_generation(const ResourceInfo& resource, const Json& object) {
    return resource.custom ||
           (object.contains("spec") && resource.kind != "Namespace" && resource.kind != "Lease");
}

void drop_nulls(Json& managed) {
    if (managed.is_null() || (managed.is_array() && managed.empty())) {
        managed = nullptr;
    }
}

}  // namespace

ApiResult<JsonPtr> ObjectWriter::live_object(const WriteRequest& request) const {
    const JsonPtr live =
        x_store.find({request.resource->store_name(), request.name_space, request.name});
    if (!live) {
        return refuse(not_found(request.resource->subject(request.name)));
    }
    return live;
}

ApiStatus ObjectWriter::check_namespace(const WriteRequest& request) const {
    if (!request.resource->namespaced) {
        return {};
    }
    const JsonPtr space = x_store.find({"namespaces", "", request.name_space});
    if (!space) {
        return refuse(not_found({"", "namespaces", "Namespace", request.name_space}));
    }
    if (is_being_deleted(*space)) {
        return refuse(forbidden(
            request.resource->subject(request.name),
            fmt::format(
                "unable to create new content in namespace {} because it is being terminated",
                request.name_space)));
    }
    return {};
}

ApiStatus ObjectWriter::check_identity(const WriteRequest& request,
                                       const nlohmann::json& object) const {
    if (!object.is_object() || !value_at(object, {"metadata"}).is_object()) {
        return refuse(bad_request("the object provided is unrecognized (must be of type " +
                                  request.resource->kind + " with metadata)"));
    }
    const std::string kind = text_at(object, {"kind"});
    const std::string version = text_at(object, {"apiVersion"});
    if ((!kind.empty() && kind != request.resource->kind) ||
        (!version.empty() && version != request.resource->api_version())) {
        return refuse(bad_request(
            fmt::format("{}, Kind={} in the request does not match the endpoint of {}, Kind={}",
                        version, kind, request.resource->api_version(), request.resource->kind)));
    }
    const std::string name = text_at(object, {"metadata", "name"});
    if (!request.name.empty() && !name.empty() && name != request.name) {
        return refuse(bad_request(
            fmt::format("the name of the object ({}) does not match the name on the URL ({})", name,
                        request.name)));
    }
    const std::string space = text_at(object, {"metadata", "namespace"});
    if (!space.empty() && space != request.name_space) {
        return refuse(bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"));
    }
    return {};
}

ApiStatus ObjectWriter::prune(const WriteRequest& request, nlohmann::json& object) const {
    if (!request.resource->custom) {
        return {};
    }
    const std::vector<std::string> unknown = prune_unknown(*request.resource->schema, object);
    if (unknown.empty() || request.unknown_fields == UnknownFields::ignore) {
        return {};
    }
    std::vector<std::string> lines;
    for (const std::string& path : unknown) {
        lines.push_back(fmt::format("unknown field \"{}\"", path));
    }
    if (request.unknown_fields == UnknownFields::warn) {
        if (request.warnings != nullptr) {
            std::ranges::move(lines, std::back_inserter(*request.warnings));
        }
        return {};
    }
    return refuse(bad_request(
        fmt::format("{} in version \"{}\" cannot be handled as a {}: strict decoding error: {}",
                    request.resource->kind, request.resource->version, request.resource->kind,
                    fmt::join(lines, ", "))));
}

ApiStatus ObjectWriter::validate(const WriteRequest& request, const JsonPtr& object,
                                 const JsonPtr& live) const {
    Causes causes;
    const ResourceInfo& resource = *request.resource;
    check_metadata(resource, *object, causes);
    if (resource.custom) {
        validate_value(*resource.schema, *object, "", causes);
        if (causes.empty() && resource.rules) {
            resource.rules->evaluate(*resource.schema, object, live, causes);
        }
    } else if (!is_being_deleted(*object)) {
        check_built_in(resource, *object, live.get(), causes);
    }
    if (!causes.empty()) {
        return refuse(invalid(resource.subject(kube::name_of(*object).name), std::move(causes)));
    }
    return {};
}

ApiResult<JsonPtr> ObjectWriter::write(const WriteRequest& request, const JsonPtr& live,
                                       nlohmann::json next) {
    const ObjectKey key = key_of(request.resource->store_name(), next);
    if (request.dry_run) {
        return std::make_shared<const Json>(std::move(next));
    }
    // The last finalizer of an object that is being deleted takes the object with it.
    const bool waits_for_pod =
        request.resource->kind == "Pod" &&
        kube::number_at(next, {"metadata", "deletionGracePeriodSeconds"}) > 0;
    if (live && is_being_deleted(next) && !has_finalizers(next) && !waits_for_pod) {
        Result<JsonPtr> last = x_store.put(key, std::move(next));
        if (!last) {
            return refuse(too_large(last.error().message));
        }
        return x_store.erase(key);
    }
    Result<JsonPtr> stored = x_store.put(key, std::move(next));
    if (!stored) {
        return refuse(stored.error().code == Errc::too_large
                          ? too_large(stored.error().message)
                          : too_many_requests(stored.error().message));
    }
    return *stored;
}

ApiResult<JsonPtr> ObjectWriter::commit(const WriteRequest& request, const JsonPtr& live,
                                        nlohmann::json next, bool applied) {
    const ResourceInfo& resource = *request.resource;
    isolate(request, live.get(), next);
    keep_server_metadata(live.get(), next);
    next["apiVersion"] = resource.api_version();
    next["kind"] = resource.kind;
    if (!live) {
        next["metadata"]["uid"] = new_uid(x_random);
        next["metadata"]["creationTimestamp"] = to_iso8601(request.now);
    }
    API_TRY(prune(request, next));
    if (resource.custom) {
        apply_defaults(*resource.schema, next);
    } else {
        default_built_in(resource, next, live == nullptr, request.now);
    }
    if (!live && has_generation(resource, next)) {
        next["metadata"]["generation"] = 1;
    } else if (live && has_generation(resource, next) && spec_changed(*live, next)) {
        next["metadata"]["generation"] =
            value_at(*live, {"metadata", "generation"}).is_number()
                ? (*live)["metadata"]["generation"].get<std::int64_t>() + 1
                : 1;
    }
    if (!applied) {
        if (live && value_at(next, {"metadata", "managedFields"}).is_null()) {
            next["metadata"]["managedFields"] = value_at(*live, {"metadata", "managedFields"});
        }
        record_update(live ? *live : Json(), next,
                      {request.manager, resource.api_version(), request.subresource, request.now},
                      shape_of(resource));
    }
    drop_nulls(next["metadata"]["managedFields"]);
    if (next["metadata"]["managedFields"].is_null()) {
        next["metadata"].erase("managedFields");
    }
    auto checked = std::make_shared<const Json>(next);
    API_TRY(validate(request, checked, live));
    if (live && *live == next) {
        return live;
    }
    return write(request, live, std::move(next));
}

ApiResult<JsonPtr> ObjectWriter::create(const WriteRequest& request, nlohmann::json object) {
    API_TRY(check_identity(request, object));
    Json& metadata = object["metadata"];
    if (text_at(object, {"metadata", "name"}).empty()) {
        const std::string base = text_at(object, {"metadata", "generateName"});
        if (!base.empty()) {
            metadata["name"] = generated_name(base, x_random);
        }
    }
    WriteRequest named = request;
    named.name = text_at(object, {"metadata", "name"});
    API_TRY(check_namespace(named));
    if (request.resource->namespaced) {
        metadata["namespace"] = request.name_space;
    } else {
        metadata.erase("namespace");
    }
    if (x_store.find({request.resource->store_name(), request.name_space, named.name})) {
        return refuse(already_exists(request.resource->subject(named.name)));
    }
    if (!text_at(object, {"metadata", "resourceVersion"}).empty()) {
        return refuse(bad_request("resourceVersion should not be set on objects to be created"));
    }
    return commit(named, nullptr, std::move(object), false);
}

ApiResult<JsonPtr> ObjectWriter::replace(const WriteRequest& request, nlohmann::json object) {
    const JsonPtr live = API_TRY(live_object(request));
    if (request.subresource == "scale") {
        const std::string seen = text_at(object, {"metadata", "resourceVersion"});
        if (!seen.empty() && seen != text_at(*live, {"metadata", "resourceVersion"})) {
            return refuse(conflict(request.resource->subject(request.name), kModified));
        }
        Json scaled = API_TRY(with_scale(*request.resource, *live, object));
        return commit(request, live, std::move(scaled), false);
    }
    API_TRY(check_identity(request, object));
    const std::string seen = text_at(object, {"metadata", "resourceVersion"});
    if (request.resource->custom && seen.empty()) {
        return refuse(invalid(
            request.resource->subject(request.name),
            {invalid_value("metadata.resourceVersion", 0, "must be specified for an update")}));
    }
    const std::string uid = text_at(object, {"metadata", "uid"});
    if (!uid.empty() && uid != text_at(*live, {"metadata", "uid"})) {
        return refuse(conflict(
            request.resource->subject(request.name),
            fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}", uid,
                        text_at(*live, {"metadata", "uid"}))));
    }
    if (!seen.empty() && seen != text_at(*live, {"metadata", "resourceVersion"})) {
        return refuse(conflict(request.resource->subject(request.name), kModified));
    }
    object["metadata"]["name"] = request.name;
    if (request.resource->namespaced) {
        object["metadata"]["namespace"] = request.name_space;
    }
    return commit(request, live, std::move(object), false);
}

ApiResult<JsonPtr> ObjectWriter::patch(const WriteRequest& request, PatchKind kind,
                                       const nlohmann::json& patch) {
    const JsonPtr live = API_TRY(live_object(request));
    const bool scale = request.subresource == "scale";
    const Json base = scale ? make_scale(*request.resource, *live) : *live;
    Json next;
    switch (kind) {
        case PatchKind::merge:
            next = merge_patched(base, patch);
            break;
        case PatchKind::json:
            next = API_TRY(json_patched(base, patch));
            break;
        case PatchKind::strategic:
            if (request.resource->custom && !scale) {
                return refuse(unsupported_media_type(
                    "the body of the request was in an unknown format - accepted media types include: "
                    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"));
            }
            next = strategic_patched(base, patch);
            break;
    }
    if (!next.is_object()) {
        return refuse(bad_request("the patch does not leave an object"));
    }
    return replace(request, std::move(next));
}

ApiResult<JsonPtr> ObjectWriter::apply(const WriteRequest& request, const nlohmann::json& applied,
                                       bool force) {
    API_TRY(check_identity(request, applied));
    if (request.manager.empty()) {
        return refuse(bad_request(
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is "
            "required for apply patch"));
    }
    if (!value_at(applied, {"metadata", "managedFields"}).is_null()) {
        return refuse(bad_request("metadata.managedFields must be nil"));
    }
    const JsonPtr live =
        x_store.find({request.resource->store_name(), request.name_space, request.name});
    if (!live && !request.subresource.empty()) {
        return refuse(not_found(request.resource->subject(request.name)));
    }
    Json part = applied;
    part["metadata"]["name"] = request.name;
    if (request.resource->namespaced) {
        part["metadata"]["namespace"] = request.name_space;
    }
    const std::string seen = text_at(applied, {"metadata", "resourceVersion"});
    if (live && !seen.empty() && seen != text_at(*live, {"metadata", "resourceVersion"})) {
        return refuse(conflict(request.resource->subject(request.name), kModified));
    }
    if (!live) {
        API_TRY(check_namespace(request));
    }
    if (request.subresource == "status") {
        part = {{"metadata", {{"name", request.name}}}, {"status", value_at(applied, {"status"})}};
    } else if (request.resource->has_status) {
        part.erase("status");
    }
    API_TRY(prune(request, part));
    Json next = API_TRY(apply_configuration(
        live ? *live : Json(), part,
        {request.manager, request.resource->api_version(), request.subresource, request.now}, force,
        shape_of(*request.resource)));
    return commit(request, live, std::move(next), true);
}

}  // namespace millrace::kube_operator::local
