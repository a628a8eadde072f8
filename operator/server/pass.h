// One pass over one resource: look, decide, act, write the status. What all passes share, and the three entry points.
#pragma once

#include <functional>

#include "operator/kube/events.h"
#include "operator/server/applier.h"
#include "operator/server/caches.h"
#include "operator/server/config_check.h"
#include "operator/server/node_probe.h"
#include "operator/server/resource_reader.h"
#include "operator/server/topic_link.h"

namespace millrace::kube_operator::server {

struct World {
    runtime::Loop& loop;
    kube::Client& client;
    Caches& caches;
    Applier& applier;
    NodeProbe& probe;
    TopicLinks& links;
    kube::EventRecorder& events;
    reconcile::Addressing addressing{};
    std::string default_image;
    ConfigCheck* config_check = nullptr;  // null: settings are not checked beforehand

    reconcile::Environment environment() const {
        return {addressing, default_image, loop.wall_now()};
    }
};

struct PassEnd {
    Status status;     // failed: the pass comes again after a growing pause
    Duration again{};  // otherwise: look again after this time; zero: when something changes
};
using PassDone = std::move_only_function<void(PassEnd)>;

// Pauses between looks when nothing is reported from outside.
inline constexpr Duration kWhileUnsettled = 1s;  // not ready, or rolling
inline constexpr Duration kWhileSettled = 10s;
inline constexpr Duration kTopicDriftCheck = 30s;

// A resource that is gone needs no pass: that is a success. The world outlives the pass; done runs exactly once.
void run_ensemble_pass(World& world, const kube::ObjectName& name, PassDone done);
void run_cluster_pass(World& world, const kube::ObjectName& name, PassDone done);
void run_topic_pass(World& world, const kube::ObjectName& name, PassDone done);

// The ClusterNodes of a role in a cluster or an ensemble.
std::vector<api::ClusterNode> nodes_of(const Caches& caches, const kube::ObjectName& cluster,
                                       resources::Role role);

// What is stored about the nodes; nothing about refused settings yet. file: the file of settings in their ConfigMaps.
reconcile::NodeKnowledge knowledge_of(const Caches& caches, const kube::ObjectName& cluster,
                                      resources::Role role, std::string_view file);

// Settings to be checked, by pool. An image of its own may hold another version of the program, which only it can check.
using SettingsTexts = std::map<std::string, std::string>;
void check_settings(World& world, resources::Role role, const std::string& image,
                    SettingsTexts texts,
                    std::move_only_function<void(std::map<std::string, std::string> refused)> then);

// Adds what is to be written when the status differs from what the object shows. An object that is not cached yet is left out:
// its arrival leads to the next pass.
template <class Resource, class StatusOf>
void add_status_write(const Caches& caches, std::string_view kind, const kube::ObjectName& name,
                      const StatusOf& status, std::vector<Applier::StatusWrite>& writes) {
    const kube::JsonPtr object = caches.find(kind, name);
    if (!object) {
        return;
    }
    const Result<Resource> before = read_resource<Resource>(object);
    std::string text = text_of(status);
    if (!before || text_of(before->status) != text) {
        writes.push_back({object, std::move(text)});
    }
}

// Performs the actions, then writes the statuses even when an action failed: they say what is so.
void finish_pass(World& world, kube::JsonPtr about, std::vector<reconcile::Action> actions,
                 std::vector<Applier::StatusWrite> writes,
                 std::move_only_function<void(Status)> done);

}  // namespace millrace::kube_operator::server
