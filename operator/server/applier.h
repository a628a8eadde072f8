// Performs what plans decide: applies objects, deletes pods, records events, writes statuses. In order, one call after the
// other; the first failure ends the rest.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "operator/kube/events.h"
#include "operator/reconcile/plan.h"
#include "operator/server/apply_memory.h"
#include "operator/server/caches.h"

namespace millrace::kube_operator::server {

class Applier {
 public:
    using Done = std::move_only_function<void(Status)>;

    // All outlive the applier.
    Applier(kube::Client& client, Caches& caches, kube::EventRecorder& events)
        : x_client(client), x_caches(caches), x_events(events) {}

    // about: the resource that events are recorded for. Objects that hold what is to be applied are left alone.
    void perform(kube::JsonPtr about, std::vector<reconcile::Action> actions, Done done);

    struct StatusWrite {
        kube::JsonPtr object;  // as cached
        std::string status;    // JSON text
    };
    // An object that is gone needs no status: that is no failure.
    void write_statuses(std::vector<StatusWrite> writes, Done done);

    // The watch reported the object removed.
    void forget(const ObjectId& id) { x_memory.forget(id); }

 private:
    struct Run;
    struct StatusRun;
    using RunPtr = std::shared_ptr<Run>;

    void step(const RunPtr& run);
    bool apply(const RunPtr& run, const std::string& text);
    void delete_pod(const RunPtr& run, const reconcile::DeletePod& pod);
    void next_status(const std::shared_ptr<StatusRun>& run);
    void send(const kube::ResourceType& type, kube::JsonPtr object, kube::Subresource subresource,
              kube::Client::Reply reply);

    kube::Client& x_client;
    Caches& x_caches;
    kube::EventRecorder& x_events;
    ApplyMemory x_memory;
};

}  // namespace millrace::kube_operator::server
