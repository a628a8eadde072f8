// The objects of the embedded API server, in memory, with one resource version for all and a bounded history for watches. Pure:
// object_files.h keeps it on a disk, watch_hub.h tells the watchers.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "operator/kube/client.h"

namespace millrace::kube_operator::local {

using kube::JsonPtr;

struct ObjectKey {
    std::string resource;    // plural with its group: "pods", "kafkatopics.kafka.example.dev"
    std::string name_space;  // empty for kinds of the cluster
    std::string name;

    auto operator<=>(const ObjectKey&) const = default;
    // "resource/namespace/name" without empty parts.
    std::string to_string() const;
};

struct Change {
    enum class Kind { added, modified, deleted };
    Kind kind = Kind::added;
    ObjectKey key;
    JsonPtr object;  // of a deletion: the last state, under the resource version of the deletion
    JsonPtr before;  // null when added
    std::shared_ptr<const std::string> text;  // object as compact JSON
    std::uint64_t revision = 0;
};

struct StoreLimits {
    std::size_t objects_max = 50'000;
    std::size_t object_bytes_max = 1536 * 1024;
    std::size_t history_max = 1000;
};

class Store {
 public:
    using Observer = std::function<void(const Change&)>;
    explicit Store(StoreLimits limits = {}) : x_limits(limits) {}

    // Null when absent.
    JsonPtr find(const ObjectKey& key) const;
    // Ordered by namespace and name; an empty namespace means all.
    std::vector<JsonPtr> list(const std::string& resource, const std::string& name_space) const;
    std::vector<ObjectKey> keys(const std::string& resource, const std::string& name_space) const;
    // Every object of one namespace, whatever its kind.
    std::vector<ObjectKey> keys_in_namespace(const std::string& name_space) const;

    // Adds or replaces, sets metadata.resourceVersion and returns what is stored. Errors: too_large, busy (too many objects).
    Result<JsonPtr> put(const ObjectKey& key, nlohmann::json object);
    // Removes; nothing happens when it is absent. Returns the last state.
    JsonPtr erase(const ObjectKey& key);

    // Takes an object read back from a disk, with the resource version it carries. Before any put.
    void restore(const ObjectKey& key, JsonPtr object);
    // Continues the numbering above a revision; history before it is gone.
    void continue_after(std::uint64_t revision);

    std::uint64_t revision() const { return x_revision; }
    std::size_t size() const { return x_objects.size(); }

    // Changes after a revision, oldest first. Errors: not_found when the history does not reach back that far.
    Result<std::vector<Change>> changes_after(std::uint64_t revision) const;

    // Called after each change, in the order of registration.
    void observe(Observer observer) { x_observers.push_back(std::move(observer)); }

    // Owner references, for garbage collection.
    bool has_uid(const std::string& uid) const { return x_by_uid.contains(uid); }
    const ObjectKey* key_of_uid(const std::string& uid) const;
    std::vector<ObjectKey> dependents(const std::string& owner_uid) const;

    // Aborts when the indexes contradict the objects.
    void invariants() const;

 private:
    void index(const ObjectKey& key, const nlohmann::json& object);
    void forget(const ObjectKey& key, const nlohmann::json& object);
    void record(Change change);

    StoreLimits x_limits;
    std::map<ObjectKey, JsonPtr> x_objects;
    std::map<std::string, ObjectKey> x_by_uid;
    std::map<std::string, std::set<ObjectKey>> x_dependents;
    std::deque<Change> x_history;
    std::uint64_t x_history_start = 0;  // changes after it are in the history
    std::uint64_t x_revision = 0;
    std::vector<Observer> x_observers;
};

// The key of an object as the store files it.
ObjectKey key_of(const std::string& resource, const nlohmann::json& object);

// The uids of metadata.ownerReferences.
std::vector<std::string> owner_uids(const nlohmann::json& object);

}  // namespace millrace::kube_operator::local
