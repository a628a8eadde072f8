// Removes what nothing owns any more, empties namespaces and definitions that are being deleted, and lets go of owners that
// waited for their dependents. Pure; runs between requests.
#pragma once

#include <set>

#include "operator/local/object_writer.h"

namespace millrace::kube_operator::local {

class GarbageCollector {
 public:
    // Watches the store from now on. All three outlive the collector.
    GarbageCollector(Store& store, ResourceRegistry& registry, ObjectWriter& writer);

    bool pending() const { return !x_suspects.empty(); }
    // Works off what is pending, at most objects_max objects; true when more is left.
    bool run(WallTime now, std::size_t objects_max = 1000);
    // Looks at every object again, after a restart.
    void suspect_all();
    // Removes Events that were last seen an hour ago, as a cluster does.
    void expire_events(WallTime now);

 private:
    void note(const Change& change);
    void examine(const ObjectKey& key, WallTime now);
    void empty_namespace(const ObjectKey& key, WallTime now);
    void empty_definition(const ObjectKey& key, const nlohmann::json& definition, WallTime now);
    void remove(const ObjectKey& key, WallTime now);

    Store& x_store;
    ResourceRegistry& x_registry;
    ObjectWriter& x_writer;
    std::set<ObjectKey> x_suspects;
};

}  // namespace millrace::kube_operator::local
