#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"
#include "operator/reconcile/broker_nodes.h"
#include "operator/server/pass.h"
#include "operator/server/resource_types.h"

namespace millrace::kube_operator::server {
namespace {

using kube::ObjectName;
using reconcile::BrokerReport;
using reconcile::ClusterInput;
using reconcile::ClusterPlan;

std::int64_t integer_at(const nlohmann::json& object, std::string_view name) {
    const nlohmann::json& value = kube::value_at(object, {name});
    return value.is_number_integer() ? value.get<std::int64_t>() : -1;
}

BrokerReport report_of(const nlohmann::json& answer) {
    BrokerReport report;
    report.broker_id = integer_at(answer, "brokerId");
    const std::int64_t controller = integer_at(answer, "controllerId");
    report.controller_id = controller < 0 ? std::nullopt : std::optional(controller);
    report.cluster_id = kube::text_at(answer, {"clusterId"});
    report.version = kube::text_at(answer, {"version"});
    report.leaders = std::max<std::int64_t>(integer_at(answer, "leaders"), 0);
    report.offline_partitions = std::max<std::int64_t>(integer_at(answer, "offlinePartitions"), 0);
    report.under_replicated = std::max<std::int64_t>(integer_at(answer, "underReplicated"), 0);
    return report;
}

std::vector<api::BrokerPool> pools_of(const Caches& caches, const ObjectName& cluster) {
    std::vector<api::BrokerPool> pools;
    for (const kube::JsonPtr& object : caches.all("BrokerPool", cluster.name_space)) {
        Result<api::BrokerPool> pool = read_resource<api::BrokerPool>(object);
        if (pool && pool->spec.cluster == cluster.name && !pool->metadata.deleting()) {
            pools.push_back(std::move(*pool));
        }
    }
    return pools;
}

Duration pause_after(const ClusterPlan& plan) {
    const api::Condition* ready = api::find_condition(plan.status.conditions, "Ready");
    const bool settled = ready != nullptr && ready->status == "True" &&
                         plan.status.rollout.phase != "Rolling" &&
                         plan.status.rollout.phase != "Waiting";
    return settled ? kWhileSettled : kWhileUnsettled;
}

void act(World& world, const kube::JsonPtr& object, const ClusterInput& input, PassDone done) {
    ClusterPlan plan = reconcile::plan_cluster(input);
    const ObjectName name = kube::name_of(*object);
    std::vector<Applier::StatusWrite> writes;
    add_status_write<api::KafkaCluster>(world.caches, "KafkaCluster", name, plan.status, writes);
    for (const auto& [pool, status] : plan.pools) {
        add_status_write<api::BrokerPool>(world.caches, "BrokerPool", {name.name_space, pool},
                                          status, writes);
    }
    for (const auto& [node, status] : plan.nodes) {
        add_status_write<api::ClusterNode>(world.caches, "ClusterNode", {name.name_space, node},
                                           status, writes);
    }
    finish_pass(world, object, std::move(plan.actions), std::move(writes),
                [again = pause_after(plan), done = std::move(done)](Status status) mutable {
                    done({std::move(status), again});
                });
}

// Stops the brokers of one pool whose cluster is gone.
void stop_orphans(World& world, const ObjectName& cluster, const kube::JsonPtr& object,
                  PassDone done) {
    const Result<api::BrokerPool> pool = read_resource<api::BrokerPool>(object);
    if (!pool) {
        done({fail(pool.error()), {}});
        return;
    }
    reconcile::OrphanPlan plan = reconcile::plan_orphan(
        *pool, nodes_of(world.caches, cluster, resources::Role::broker),
        world.caches.pods(cluster, resources::Role::broker), world.environment().now);
    std::vector<Applier::StatusWrite> writes;
    add_status_write<api::BrokerPool>(world.caches, "BrokerPool", kube::name_of(*object),
                                      plan.status, writes);
    for (const auto& [node, status] : plan.nodes) {
        add_status_write<api::ClusterNode>(world.caches, "ClusterNode", {cluster.name_space, node},
                                           status, writes);
    }
    finish_pass(world, object, std::move(plan.actions), std::move(writes),
                [done = std::move(done)](Status status) mutable { done({std::move(status), {}}); });
}

void stop_next(World& world, const ObjectName& cluster, std::vector<kube::JsonPtr> pools,
               PassDone done) {
    if (pools.empty()) {
        done({});
        return;
    }
    const kube::JsonPtr pool = pools.back();
    pools.pop_back();
    stop_orphans(
        world, cluster, pool,
        [&world, cluster, pools = std::move(pools), done = std::move(done)](PassEnd end) mutable {
            end.status ? stop_next(world, cluster, std::move(pools), std::move(done))
                       : done(std::move(end));
        });
}

// A cluster that is not cached. Before anything is stopped the API itself is asked: a cache may be behind.
void settle_absence(World& world, const ObjectName& cluster, PassDone done) {
    std::vector<kube::JsonPtr> pools;
    for (const kube::JsonPtr& object : world.caches.all("BrokerPool", cluster.name_space)) {
        const bool goes = !kube::text_at(*object, {"metadata", "deletionTimestamp"}).empty();
        if (!goes && kube::text_at(*object, {"spec", "clusterRef", "name"}) == cluster.name) {
            pools.push_back(object);
        }
    }
    world.links.forget(cluster);
    if (pools.empty()) {
        done({});
        return;
    }
    world.client.get(type_of("KafkaCluster"), cluster,
                     [&world, cluster, pools = std::move(pools),
                      done = std::move(done)](const Result<kube::JsonPtr>& found) mutable {
                         if (found) {
                             done({});  // the watch is about to report it
                         } else if (found.error().code != Errc::not_found) {
                             done({fail(found.error()), {}});
                         } else {
                             stop_next(world, cluster, std::move(pools), std::move(done));
                         }
                     });
}

// Another cluster, there before this one, with the same coordinators and the same chroot; empty: none.
std::string state_owner(const Caches& caches, const kube::JsonPtr& object,
                        const api::KafkaCluster& cluster) {
    const auto age = [](const nlohmann::json& of) {
        return std::tuple(kube::text_at(of, {"metadata", "creationTimestamp"}), kube::name_of(of));
    };
    for (const kube::JsonPtr& other : caches.all("KafkaCluster", "")) {
        const Result<api::KafkaCluster> read = read_resource<api::KafkaCluster>(other);
        if (!read || read->metadata.uid == cluster.metadata.uid) {
            continue;
        }
        const bool same_ensemble = !cluster.spec.ensemble.empty() &&
                                   read->spec.ensemble == cluster.spec.ensemble &&
                                   read->metadata.namespace_name == cluster.metadata.namespace_name;
        const bool same_source = same_ensemble || (!cluster.spec.connect.empty() &&
                                                   read->spec.connect == cluster.spec.connect);
        if (same_source && reconcile::chroot_of(*read) == reconcile::chroot_of(cluster) &&
            age(*other) < age(*object)) {
            return kube::name_of(*other).to_string();
        }
    }
    return "";
}

void ask_brokers(World& world, const kube::JsonPtr& object,
                 const std::shared_ptr<ClusterInput>& input, PassDone done) {
    std::vector<NodeProbe::Question> questions;
    for (const reconcile::PodView& pod : input->pods) {
        if (pod.phase == "Running" && !pod.ip.empty() && !pod.deleting) {
            questions.push_back({pod.ip, resources::kBrokerAdminPort, "/v1/status"});
        }
    }
    world.probe.ask(questions, [&world, object, input,
                                done = std::move(done)](const NodeProbe::Answers& answers) mutable {
        for (const auto& [host, answer] : answers) {
            input->reports.push_back(report_of(*answer));
        }
        act(world, object, *input, std::move(done));
    });
}

}  // namespace

void run_cluster_pass(World& world, const ObjectName& name, PassDone done) {
    const kube::JsonPtr object = world.caches.find("KafkaCluster", name);
    if (!object) {
        settle_absence(world, name, std::move(done));
        return;
    }
    Result<api::KafkaCluster> cluster = read_resource<api::KafkaCluster>(object);
    if (!cluster) {
        done({fail(cluster.error()), {}});
        return;
    }
    auto input = std::make_shared<ClusterInput>();
    input->cluster = std::move(*cluster);
    input->pools = pools_of(world.caches, name);
    input->nodes = nodes_of(world.caches, name, resources::Role::broker);
    input->known = knowledge_of(world.caches, name, resources::Role::broker, "server.properties");
    input->pods = world.caches.pods(name, resources::Role::broker);
    input->environment = world.environment();
    input->state_owner = state_owner(world.caches, object, input->cluster);
    const ObjectName ensemble{name.name_space, input->cluster.spec.ensemble};
    if (const kube::JsonPtr found = world.caches.find("CoordinatorEnsemble", ensemble)) {
        Result<api::CoordinatorEnsemble> read = read_resource<api::CoordinatorEnsemble>(found);
        if (read) {
            input->ensemble = std::move(*read);
        }
    }
    SettingsTexts texts;
    for (const api::BrokerPool& pool : input->pools) {
        texts[pool.metadata.name] = reconcile::settings_text(*input, pool);
    }
    check_settings(world, resources::Role::broker, input->cluster.spec.image, std::move(texts),
                   [&world, object, input,
                    done = std::move(done)](std::map<std::string, std::string> refused) mutable {
                       input->known.refused_settings = std::move(refused);
                       ask_brokers(world, object, input, std::move(done));
                   });
}

}  // namespace millrace::kube_operator::server
