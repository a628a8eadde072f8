#include "operator/server/caches.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/api/kinds.h"
#include "operator/kube/json_text.h"
#include "operator/server/resource_reader.h"
#include "operator/server/resource_types.h"

namespace millrace::kube_operator::server {

namespace {

constexpr std::string_view kNodeKind = "ClusterNode";
constexpr Duration kAssumedFor = 30s;

}  // namespace

Caches::Caches(runtime::Loop& loop, kube::Client& client, const std::string& name_space)
    : x_loop(loop) {
    const auto add = [&](std::string_view kind, std::string_view selector) {
        x_informers.emplace(kind,
                            std::make_unique<kube::Informer>(
                                loop, client, type_of(kind),
                                kube::ListScope{name_space, std::string(selector), std::string()}));
    };
    for (const api::Kind& kind : api::all_kinds()) {
        add(kind.kind, "");
    }
    for (const std::string_view kind :
         {"Pod", "Service", "ConfigMap", "PersistentVolumeClaim", "PodDisruptionBudget"}) {
        add(kind, kManagedSelector);
    }
}

void Caches::start(OnChange on_change, std::function<void()> on_synced) {
    for (auto& [kind, informer] : x_informers) {
        informer->start(
            [this, on_change, is_node = kind == kNodeKind](const kube::ObjectName& name,
                                                           const kube::JsonPtr& before,
                                                           const kube::JsonPtr& after) {
                if (is_node) {
                    x_assumed.erase(name);
                }
                if (!after) {
                    x_deleted_pods.erase(kube::text_at(*before, {"metadata", "uid"}));
                }
                on_change(before, after);
            },
            [this, on_synced] {
                if (synced()) {
                    on_synced();
                }
            });
    }
}

bool Caches::synced() const {
    return unsynced().empty();
}

std::string Caches::unsynced() const {
    std::vector<std::string> kinds;
    for (const auto& [kind, informer] : x_informers) {
        if (!informer->synced()) {
            kinds.push_back(kind);
        }
    }
    return fmt::format("{}", fmt::join(kinds, ", "));
}

kube::JsonPtr Caches::find(std::string_view kind, const kube::ObjectName& name) const {
    const auto found = x_informers.find(kind);
    kube::JsonPtr object = found == x_informers.end() ? nullptr : found->second->find(name);
    if (!object && kind == kNodeKind) {
        const Assumed* made = assumed(name);
        object = made == nullptr ? nullptr : made->object;
    }
    return object;
}

void Caches::assume(const kube::JsonPtr& stored) {
    const kube::ObjectName name = kube::name_of(*stored);
    if (kube::text_at(*stored, {"kind"}) == kNodeKind && !find(kNodeKind, name)) {
        x_assumed[name] = {stored, x_loop.now() + kAssumedFor};
    }
}

const Caches::Assumed* Caches::assumed(const kube::ObjectName& name) const {
    const auto found = x_assumed.find(name);
    return found == x_assumed.end() || found->second.until < x_loop.now() ? nullptr
                                                                          : &found->second;
}

std::vector<kube::JsonPtr> Caches::all(std::string_view kind, const std::string& name_space) const {
    std::vector<kube::JsonPtr> objects = x_informers.find(kind)->second->all();
    for (const auto& [name, made] : x_assumed) {
        if (kind == kNodeKind && assumed(name) != nullptr) {
            objects.push_back(made.object);
        }
    }
    if (!name_space.empty()) {
        std::erase_if(objects, [&](const kube::JsonPtr& object) {
            return kube::name_of(*object).name_space != name_space;
        });
    }
    return objects;
}

std::vector<reconcile::PodView> Caches::pods(const kube::ObjectName& cluster,
                                             resources::Role role) const {
    std::vector<reconcile::PodView> pods;
    for (const kube::JsonPtr& object : all("Pod", cluster.name_space)) {
        reconcile::PodView pod = read_pod(*object);
        if (pod.cluster == cluster.name && pod.role == role) {
            pod.deleting = pod.deleting || x_deleted_pods.contains(pod.uid);
            pods.push_back(std::move(pod));
        }
    }
    return pods;
}

}  // namespace millrace::kube_operator::server
