// One pass over one resource: look, decide, act, write the status. What all passes share, and the three entry points.
#pragma once

#include <functional>

#include "operator/kube/events.h"
#include "operator/server/applier.h"
#include "operator/server/caches.h"
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
