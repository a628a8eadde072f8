// The part of the API that decisions are made from, kept current by watches: the custom resources, and what the operator made
// for them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "operator/kube/informer.h"
#include "operator/reconcile/plan.h"

namespace millrace::kube_operator::server {

// Everything the operator makes carries this label, and nothing else is watched of the built-in kinds.
inline constexpr std::string_view kManagedSelector =
    "app.kubernetes.io/managed-by=millrace-operator";

class Caches {
 public:
    using OnChange = std::function<void(const kube::JsonPtr& before, const kube::JsonPtr& after)>;

    // name_space: empty for all. Loop and client outlive the caches.
    Caches(runtime::Loop& loop, kube::Client& client, const std::string& name_space);

    void start(OnChange on_change, std::function<void()> on_synced);
    bool synced() const;
    // Kinds that are not read yet, for people who wait.
    std::string unsynced() const;

    // Null when absent or when the kind is not cached.
    kube::JsonPtr find(std::string_view kind, const kube::ObjectName& name) const;
    // Of one namespace (empty: all), by name.
    std::vector<kube::JsonPtr> all(std::string_view kind, const std::string& name_space) const;
    // The nodes of a cluster or an ensemble.
    std::vector<reconcile::PodView> pods(const kube::ObjectName& cluster,
                                         resources::Role role) const;

    // A pod that was deleted counts as going away before the watch says so: a decision in between must not take it for serving.
    void mark_deleted(const std::string& pod_uid) { x_deleted_pods.insert(pod_uid); }
    // A ClusterNode that was just made counts as there before its watch says so: the watch of its cluster may be ahead, and an id that
    // looks used and free at once would be passed over. Other kinds are left to their watches.
    void assume(const kube::JsonPtr& stored);

 private:
    struct Assumed {
        kube::JsonPtr object;
        Instant until;
    };
    const Assumed* assumed(const kube::ObjectName& name) const;

    runtime::Loop& x_loop;
    std::map<kube::ObjectName, Assumed> x_assumed;
    std::map<std::string, std::unique_ptr<kube::Informer>, std::less<>> x_informers;
    std::set<std::string> x_deleted_pods;  // by uid, until the watch reports them removed
};

}  // namespace millrace::kube_operator::server
