// Deletion: preconditions, finalizers, the grace period of pods, and what happens to dependents.
#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/object_meta.h"
#include "operator/local/object_writer.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::text_at;
using kube::value_at;

// A pod that runs has its time to end; the process runtime removes it afterwards with a grace of 0. A pod that was never
// started goes at once.
std::int64_t grace_of(const ResourceInfo& resource, const Json& object,
                      const DeleteRequest& options) {
    if (resource.kind != "Pod" || text_at(object, {"spec", "nodeName"}).empty()) {
        return 0;
    }
    const std::string phase = text_at(object, {"status", "phase"});
    if (phase == "Succeeded" || phase == "Failed") {
        return 0;
    }
    const std::int64_t own =
        value_at(object, {"spec", "terminationGracePeriodSeconds"}).is_number()
            ? object["spec"]["terminationGracePeriodSeconds"].get<std::int64_t>()
            : 30;
    return std::max<std::int64_t>(options.grace_seconds.value_or(own), 0);
}

void add_finalizer(Json& object, const char* finalizer) {
    Json& list = object["metadata"]["finalizers"];
    if (!list.is_array()) {
        list = Json::array();
    }
    if (std::ranges::find(list, Json(finalizer)) == list.end()) {
        list.push_back(finalizer);
    }
}

}  // namespace

ApiResult<JsonPtr> ObjectWriter::mark_deleted(const WriteRequest& request, const JsonPtr& live,
                                              nlohmann::json next, std::int64_t grace) {
    const Json& before = value_at(*live, {"metadata", "deletionGracePeriodSeconds"});
    const bool sooner =
        !is_being_deleted(*live) || !before.is_number() || grace < before.get<std::int64_t>();
    if (sooner) {
        next["metadata"]["deletionTimestamp"] =
            to_iso8601(WallTime{request.now.millis + grace * 1000});
        next["metadata"]["deletionGracePeriodSeconds"] = grace;
    }
    if (request.resource->kind == "Namespace") {
        next["status"]["phase"] = "Terminating";
    }
    if (next == *live) {
        return live;
    }
    return write(request, live, std::move(next));
}

ApiResult<JsonPtr> ObjectWriter::remove(const WriteRequest& request, const DeleteRequest& options) {
    const JsonPtr live = API_TRY(live_object(request));
    const std::string uid = text_at(*live, {"metadata", "uid"});
    if (!options.uid.empty() && options.uid != uid) {
        return refuse(conflict(
            request.resource->subject(request.name),
            fmt::format("Precondition failed: UID in precondition: {}, UID in object meta: {}",
                        options.uid, uid)));
    }
    const std::string version = text_at(*live, {"metadata", "resourceVersion"});
    if (!options.resource_version.empty() && options.resource_version != version) {
        return refuse(
            conflict(request.resource->subject(request.name),
                     fmt::format("Precondition failed: ResourceVersion in precondition: {}, "
                                 "ResourceVersion in object meta: {}",
                                 options.resource_version, version)));
    }
    if (request.resource->store_name() == "namespaces" &&
        (request.name == "default" || request.name.starts_with("kube-"))) {
        return refuse(forbidden(request.resource->subject(request.name),
                                "this namespace may not be deleted"));
    }
    Json next = *live;
    if (options.propagation == Propagation::foreground && !x_store.dependents(uid).empty()) {
        add_finalizer(next, "foregroundDeletion");
    }
    if (options.propagation == Propagation::orphan && !request.dry_run) {
        release_dependents(uid);
    }
    const std::int64_t grace = grace_of(*request.resource, *live, options);
    if (grace > 0 || has_finalizers(next)) {
        return mark_deleted(request, live, std::move(next), grace);
    }
    if (request.dry_run) {
        return live;
    }
    return x_store.erase({request.resource->store_name(), request.name_space, request.name});
}

void ObjectWriter::release_dependents(const std::string& owner_uid) {
    for (const ObjectKey& key : x_store.dependents(owner_uid)) {
        Json next = *x_store.find(key);
        Json& owners = next["metadata"]["ownerReferences"];
        for (auto it = owners.begin(); it != owners.end();) {
            it = text_at(*it, {"uid"}) == owner_uid ? owners.erase(it) : std::next(it);
        }
        if (owners.empty()) {
            next["metadata"].erase("ownerReferences");
        }
        // An object that shrinks always fits.
        [[maybe_unused]] const Result<JsonPtr> stored = x_store.put(key, std::move(next));
    }
}

void ObjectWriter::drop_finalizer(const ObjectKey& key, const std::string& finalizer) {
    const JsonPtr live = x_store.find(key);
    if (!live) {
        return;
    }
    Json next = *live;
    Json& list =
        key.resource == "namespaces" ? next["spec"]["finalizers"] : next["metadata"]["finalizers"];
    if (!list.is_array()) {
        return;
    }
    for (auto it = list.begin(); it != list.end();) {
        it = *it == Json(finalizer) ? list.erase(it) : std::next(it);
    }
    if (is_being_deleted(next) && !has_finalizers(next)) {
        x_store.erase(key);
        return;
    }
    [[maybe_unused]] const Result<JsonPtr> stored = x_store.put(key, std::move(next));
}

}  // namespace millrace::kube_operator::local
