#include "operator/server/node.h"

#include <nlohmann/json.hpp>

#include "lib/base/check.h"
#include "lib/base/log.h"
#include "operator/api/kinds.h"
#include "operator/kube/json_text.h"
#include "operator/server/counted_client.h"
#include "operator/server/touched_keys.h"

namespace millrace::kube_operator::server {
namespace {

constexpr const char* kComponent = "millrace-operator";

std::vector<double> pass_bounds_seconds() {
    return {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60};
}

bool is_ready(const nlohmann::json& object) {
    for (const nlohmann::json& condition : kube::value_at(object, {"status", "conditions"})) {
        if (kube::text_at(condition, {"type"}) == "Ready") {
            return kube::text_at(condition, {"status"}) == "True";
        }
    }
    return kube::text_at(object, {"status", "phase"}) == "Running";
}

}  // namespace

Node::Node(runtime::Runtime runtime, kube::Client& client, runtime::Metrics& metrics,
           NodeOptions options)
    : x_runtime(runtime),
      x_metrics(metrics),
      x_options(std::move(options)),
      x_client(make_counted_client(client, metrics)),
      x_definitions(runtime.loop, *x_client, x_options.definitions),
      x_caches(runtime.loop, *x_client, x_options.name_space),
      x_events(runtime.loop, *x_client, kComponent),
      x_applier(*x_client, x_caches, x_events),
      x_probe(runtime.loop),
      x_links(runtime.loop, runtime.network),
      x_world{runtime.loop,
              *x_client,
              x_caches,
              x_applier,
              x_probe,
              x_links,
              x_events,
              x_options.addressing,
              x_options.default_image,
              x_options.config_check},
      x_alive(std::make_shared<int>(0)) {
    register_metrics();
}

Node::~Node() {
    x_runtime.loop.cancel(x_timer);
}

void Node::start() {
    x_definitions.start([this] {
        x_caches.start([this](const kube::JsonPtr& before,
                              const kube::JsonPtr& after) { changed(before, after); },
                       [this] {
                           log_info("operator", "all kinds are read; looking after the resources");
                           x_serving = true;
                           pump_soon();
                       });
    });
}

void Node::stop(runtime::Task then) {
    x_stopping = true;
    x_on_stopped = std::move(then);
    pump_soon();
}

Status Node::ready() const {
    if (x_stopping) {
        return fail(Errc::shutting_down, "the operator is stopping");
    }
    if (!x_serving) {
        const std::string missing = x_caches.unsynced();
        return fail(Errc::busy, "not read yet: " + missing);
    }
    return {};
}

void Node::changed(const kube::JsonPtr& before, const kube::JsonPtr& after) {
    if (!after) {
        x_applier.forget({kube::text_at(*before, {"kind"}), kube::name_of(*before)});
    }
    if (kube::text_at(after ? *after : *before, {"kind"}) == "Pod") {
        // What brokers said before a restart must not count as said after it.
        x_probe.outdate();
    }
    for (const WorkKey& key : touched_keys(x_caches, before, after)) {
        x_queue.add(key.to_string());
    }
    pump_soon();
}

void Node::pump_soon() {
    if (x_pump_posted) {
        return;
    }
    x_pump_posted = true;
    x_runtime.loop.post([this, alive = std::weak_ptr<int>(x_alive)] {
        if (!alive.expired()) {
            x_pump_posted = false;
            pump();
        }
    });
}

void Node::pump() {
    if (x_stopping) {
        if (x_queue.in_work() == 0 && x_on_stopped) {
            std::exchange(x_on_stopped, nullptr)();
        }
        return;
    }
    // Decisions from a half-read API could take what is not read yet for missing.
    while (x_serving && x_queue.in_work() < kPassesMax) {
        const std::optional<std::string> key = x_queue.take(x_runtime.loop.now());
        if (!key) {
            break;
        }
        run(*key);
    }
    set_timer();
}

void Node::set_timer() {
    x_runtime.loop.cancel(x_timer);
    x_timer = runtime::TimerId::none;
    const std::optional<Instant> due = x_queue.next_due();
    if (due && x_serving && x_queue.in_work() < kPassesMax) {
        x_timer = x_runtime.loop.run_at(*due, [this] { pump(); });
    }
}

void Node::run(const std::string& text) {
    const std::optional<WorkKey> key = WorkKey::parse(text);
    CHECK(key.has_value(), "only keys of resources enter the queue");
    PassDone done = [this, text, started = x_runtime.loop.now(),
                     alive = std::weak_ptr<int>(x_alive)](PassEnd end) {
        if (!alive.expired()) {
            take_end(text, started, end);
        }
    };
    switch (key->subject) {
        case Subject::ensemble:
            run_ensemble_pass(x_world, key->name, std::move(done));
            break;
        case Subject::cluster:
            run_cluster_pass(x_world, key->name, std::move(done));
            break;
        case Subject::topic:
            run_topic_pass(x_world, key->name, std::move(done));
            break;
    }
}

void Node::take_end(const std::string& text, Instant started, const PassEnd& end) {
    const std::string_view subject = name_of(WorkKey::parse(text)->subject);
    const std::string kind(subject);
    x_metrics
        .counter("millrace_operator_reconcile_total", "Passes over resources.",
                 {{"kind", kind}, {"result", end.status ? "ok" : "error"}})
        .add();
    x_metrics
        .histogram("millrace_operator_reconcile_duration_seconds", "How long passes took.",
                   pass_bounds_seconds(), {{"kind", kind}})
        .observe(x_runtime.loop.now() - started);
    if (end.status) {
        x_queue.done(text);
        if (end.again > Duration{}) {
            x_queue.add_at(text, x_runtime.loop.now() + end.again);
        }
    } else {
        log_warning("operator", "{}: {}; it is tried again", text, end.status.error().message);
        x_queue.failed(text, x_runtime.loop.now());
    }
    pump_soon();
}

std::vector<runtime::MetricSample> Node::count_resources() const {
    std::vector<runtime::MetricSample> samples;
    for (const api::Kind& kind : api::all_kinds()) {
        double ready = 0;
        const std::vector<kube::JsonPtr> objects = x_caches.all(kind.kind, "");
        for (const kube::JsonPtr& object : objects) {
            ready += is_ready(*object) ? 1 : 0;
        }
        const std::string name(kind.kind);
        samples.push_back({{{"kind", name}, {"ready", "true"}}, ready});
        samples.push_back(
            {{{"kind", name}, {"ready", "false"}}, static_cast<double>(objects.size()) - ready});
    }
    return samples;
}

void Node::register_metrics() {
    const auto depth = [this](const char* state, std::size_t (kube::WorkQueue::*read)() const) {
        x_metrics.gauge_callback(
            "millrace_operator_queue_keys", "Resources in the work queue, by what they wait for.",
            {{"state", state}}, [this, read] { return static_cast<double>((x_queue.*read)()); });
    };
    depth("ready", &kube::WorkQueue::ready);
    depth("waiting", &kube::WorkQueue::waiting);
    depth("in_work", &kube::WorkQueue::in_work);
    x_metrics.counter_callback("millrace_operator_events_total", "Events written.", {},
                               [this] { return static_cast<double>(x_events.written()); });
    x_metrics.counter_callback("millrace_operator_events_dropped_total",
                               "Events left out because too many were under way.", {},
                               [this] { return static_cast<double>(x_events.dropped()); });
    x_metrics.family_callback(runtime::MetricKind::gauge, "millrace_operator_resources",
                              "Resources by kind and readiness.",
                              [this] { return count_resources(); });
}

}  // namespace millrace::kube_operator::server
