// The driver of the operator: definitions, watches, the queue of resources to look at, and the passes over them.
#pragma once

#include <memory>
#include <string>

#include "lib/runtime/metrics.h"
#include "lib/runtime/runtime.h"
#include "operator/kube/work_queue.h"
#include "operator/server/definitions.h"
#include "operator/server/pass.h"
#include "operator/server/work_key.h"

namespace millrace::kube_operator::server {

struct NodeOptions {
    std::string name_space;  // empty: all
    reconcile::Addressing addressing = reconcile::Addressing::dns;
    std::string default_image;
    DefinitionPolicy definitions = DefinitionPolicy::apply;
    ConfigCheck* config_check = nullptr;  // outlives the node; null: settings are not checked
};

class Node {
 public:
    // Passes under way at once; never two over the same resource.
    static constexpr std::size_t kPassesMax = 16;

    // Runtime, client and metrics outlive the node; metrics takes series of this one node only.
    Node(runtime::Runtime runtime, kube::Client& client, runtime::Metrics& metrics,
         NodeOptions options);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    void start();
    // Begins no further pass; calls back when those under way are done.
    void stop(runtime::Task then);
    // ok once everything was read and resources are being looked at.
    Status ready() const;

    // For tests and for the mode that ends everything it started.
    const Caches& caches() const { return x_caches; }
    const kube::WorkQueue& queue() const { return x_queue; }

 private:
    void changed(const kube::JsonPtr& before, const kube::JsonPtr& after);
    void pump_soon();
    void pump();
    void run(const std::string& key);
    void take_end(const std::string& key, Instant started, const PassEnd& end);
    void set_timer();
    void register_metrics();
    std::vector<runtime::MetricSample> count_resources() const;

    runtime::Runtime x_runtime;
    runtime::Metrics& x_metrics;
    NodeOptions x_options;
    std::unique_ptr<kube::Client> x_client;
    Definitions x_definitions;
    Caches x_caches;
    kube::EventRecorder x_events;
    Applier x_applier;
    NodeProbe x_probe;
    TopicLinks x_links;
    World x_world;
    kube::WorkQueue x_queue;
    runtime::TimerId x_timer = runtime::TimerId::none;
    runtime::Task x_on_stopped;
    bool x_pump_posted = false;
    bool x_serving = false;
    bool x_stopping = false;
    std::shared_ptr<int> x_alive;
};

}  // namespace millrace::kube_operator::server
