#include "operator/local/garbage_collector.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/local/object_meta.h"
#include "operator/local/wall_clock.h"

namespace millrace::kube_operator::local {

using kube::text_at;
using kube::value_at;

GarbageCollector::GarbageCollector(Store& store, ResourceRegistry& registry, ObjectWriter& writer)
    : x_store(store), x_registry(registry), x_writer(writer) {
    store.observe([this](const Change& change) { note(change); });
}

void GarbageCollector::suspect_all() {
    for (const ResourcePtr& resource : x_registry.all()) {
        for (const ObjectKey& key : x_store.keys(resource->store_name(), "")) {
            x_suspects.insert(key);
        }
    }
}

void GarbageCollector::expire_events(WallTime now) {
    constexpr std::int64_t kKeptMillis = 3'600'000;
    for (const JsonPtr& event : x_store.list("events", "")) {
        std::string seen = text_at(*event, {"lastTimestamp"});
        if (seen.empty()) {
            seen = text_at(*event, {"metadata", "creationTimestamp"});
        }
        const std::optional<WallTime> time = parse_time(seen);
        if (!time || now.millis - time->millis > kKeptMillis) {
            x_store.erase(key_of("events", *event));
        }
    }
}

void GarbageCollector::note(const Change& change) {
    const std::string uid = text_at(*change.object, {"metadata", "uid"});
    if (change.kind != Change::Kind::deleted) {
        const bool matters =
            is_being_deleted(*change.object) || !owner_uids(*change.object).empty();
        if (matters) {
            x_suspects.insert(change.key);
        }
        return;
    }
    x_suspects.erase(change.key);
    for (const ObjectKey& key : x_store.dependents(uid)) {
        x_suspects.insert(key);
    }
    for (const std::string& owner : owner_uids(*change.object)) {
        if (const ObjectKey* key = x_store.key_of_uid(owner)) {
            x_suspects.insert(*key);
        }
    }
    if (!change.key.name_space.empty()) {
        x_suspects.insert({"namespaces", "", change.key.name_space});
    }
    const ResourcePtr resource = x_registry.find_stored(change.key.resource);
    if (resource && resource->custom) {
        x_suspects.insert(
            {"customresourcedefinitions.apiextensions.k8s.io", "", change.key.resource});
    }
}

bool GarbageCollector::run(WallTime now, std::size_t objects_max) {
    for (std::size_t done = 0; !x_suspects.empty(); ++done) {
        if (done == objects_max) {
            return true;
        }
        const ObjectKey key = *x_suspects.begin();
        x_suspects.erase(x_suspects.begin());
        examine(key, now);
    }
    return false;
}

void GarbageCollector::examine(const ObjectKey& key, WallTime now) {
    const JsonPtr object = x_store.find(key);
    if (!object) {
        return;
    }
    if (is_being_deleted(*object)) {
        const std::string uid = text_at(*object, {"metadata", "uid"});
        const std::vector<ObjectKey> dependents = x_store.dependents(uid);
        const nlohmann::json& finalizers = value_at(*object, {"metadata", "finalizers"});
        const bool waits =
            finalizers.is_array() &&
            std::ranges::find(finalizers, nlohmann::json("foregroundDeletion")) != finalizers.end();
        if (waits && dependents.empty()) {
            x_writer.drop_finalizer(key, "foregroundDeletion");
        } else if (waits) {
            for (const ObjectKey& dependent : dependents) {
                const JsonPtr below = x_store.find(dependent);
                if (below && !is_being_deleted(*below)) {
                    remove(dependent, now);
                }
            }
        }
        if (key.resource == "namespaces") {
            empty_namespace(key, now);
        } else if (key.resource == "customresourcedefinitions.apiextensions.k8s.io") {
            empty_definition(key, *object, now);
        }
        return;
    }
    const std::vector<std::string> owners = owner_uids(*object);
    const bool orphaned =
        !owners.empty() && std::ranges::none_of(owners, [this](const std::string& uid) {
            return x_store.has_uid(uid);
        });
    if (orphaned) {
        remove(key, now);
    }
}

void GarbageCollector::empty_namespace(const ObjectKey& key, WallTime now) {
    const std::vector<ObjectKey> inside = x_store.keys_in_namespace(key.name);
    for (const ObjectKey& one : inside) {
        const JsonPtr object = x_store.find(one);
        if (object && !is_being_deleted(*object)) {
            remove(one, now);
        }
    }
    if (x_store.keys_in_namespace(key.name).empty()) {
        x_writer.drop_finalizer(key, "kubernetes");
    }
}

void GarbageCollector::empty_definition(const ObjectKey& key, const nlohmann::json& definition,
                                        WallTime now) {
    const std::string store_name = text_at(definition, {"spec", "names", "plural"}) + "." +
                                   text_at(definition, {"spec", "group"});
    for (const ObjectKey& one : x_store.keys(store_name, "")) {
        const JsonPtr object = x_store.find(one);
        if (object && !is_being_deleted(*object)) {
            remove(one, now);
        }
    }
    if (x_store.keys(store_name, "").empty()) {
        x_writer.drop_finalizer(key, "customresourcecleanup.apiextensions.k8s.io");
    }
}

void GarbageCollector::remove(const ObjectKey& key, WallTime now) {
    WriteRequest request;
    request.resource = x_registry.find_stored(key.resource);
    request.name_space = key.name_space;
    request.name = key.name;
    request.manager = "garbage-collector";
    request.now = now;
    if (request.resource) {
        // A refusal is of no consequence: the object is gone or held by a finalizer, and its end is noted again.
        [[maybe_unused]] const ApiResult<JsonPtr> removed = x_writer.remove(request, {});
    }
}

}  // namespace millrace::kube_operator::local
