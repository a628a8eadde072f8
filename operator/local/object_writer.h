// Every change of an object: create, replace, patch, apply, delete. Defaults, pruning, validation, conflicts, ownership of fields,
// generation and finalizers are decided here, over the store. Pure: time and randomness are handed in.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/base/random.h"
#include "lib/base/time.h"
#include "operator/local/resource_registry.h"
#include "operator/local/store.h"

namespace millrace::kube_operator::local {

enum class UnknownFields { ignore, warn, strict };
enum class PatchKind { merge, json, strategic };
enum class Propagation { background, foreground, orphan };

struct WriteRequest {
    ResourcePtr resource;
    std::string name_space;
    std::string name;         // empty for create
    std::string subresource;  // empty, "status" or "scale"
    std::string manager = "unknown";
    UnknownFields unknown_fields = UnknownFields::ignore;
    bool dry_run = false;
    WallTime now{};
    std::vector<std::string>* warnings = nullptr;  // takes what a client should show; may be null
};

struct DeleteRequest {
    std::string uid;
    std::string resource_version;
    std::optional<std::int64_t> grace_seconds;
    Propagation propagation = Propagation::background;
    bool dry_run = false;  // as the body of the request says; the request itself may say so too
};

class ObjectWriter {
 public:
    // Store and registry outlive the writer.
    ObjectWriter(Store& store, ResourceRegistry& registry, Random random)
        : x_store(store), x_registry(registry), x_random(random) {}

    // Each returns the object as stored (or as it would be, in a dry run).
    ApiResult<JsonPtr> create(const WriteRequest& request, nlohmann::json object);
    ApiResult<JsonPtr> replace(const WriteRequest& request, nlohmann::json object);
    ApiResult<JsonPtr> patch(const WriteRequest& request, PatchKind kind,
                             const nlohmann::json& patch);
    // Server-side apply; creates the object when it is absent.
    ApiResult<JsonPtr> apply(const WriteRequest& request, const nlohmann::json& applied,
                             bool force);
    // Removes at once, or marks the object as being deleted while finalizers or a grace period hold it.
    ApiResult<JsonPtr> remove(const WriteRequest& request, const DeleteRequest& options);

    // Drops finalizers the server itself placed, and removes the object when none is left.
    void drop_finalizer(const ObjectKey& key, const std::string& finalizer);

    Random& random() { return x_random; }

 private:
    ApiResult<JsonPtr> live_object(const WriteRequest& request) const;
    ApiStatus check_namespace(const WriteRequest& request) const;
    ApiStatus check_identity(const WriteRequest& request, const nlohmann::json& object) const;
    ApiStatus prune(const WriteRequest& request, nlohmann::json& object) const;
    ApiStatus validate(const WriteRequest& request, const JsonPtr& object,
                       const JsonPtr& live) const;
    ApiResult<JsonPtr> commit(const WriteRequest& request, const JsonPtr& live, nlohmann::json next,
                              bool applied);
    ApiResult<JsonPtr> write(const WriteRequest& request, const JsonPtr& live, nlohmann::json next);
    ApiResult<JsonPtr> mark_deleted(const WriteRequest& request, const JsonPtr& live,
                                    nlohmann::json next, std::int64_t grace);
    void release_dependents(const std::string& owner_uid);

    Store& x_store;
    ResourceRegistry& x_registry;
    Random x_random;
};

}  // namespace millrace::kube_operator::local
