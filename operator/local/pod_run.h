// One pod: its volumes, processes, probes and status. Owned by the process runtime; everything happens on the loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/runtime/http_client.h"
#include "lib/runtime/process.h"
#include "lib/runtime/runtime.h"
#include "operator/local/address_pool.h"
#include "operator/local/api_core.h"
#include "operator/local/container_machine.h"
#include "operator/local/log_marks.h"
#include "operator/local/pod_view.h"
#include "operator/local/pod_volumes.h"
#include "operator/local/probe_machine.h"
#include "operator/local/survivors.h"

namespace millrace::kube_operator::local {

// What all pods share. Outlives them.
struct PodContext {
    runtime::Runtime& runtime;
    runtime::ProcessRunner& processes;
    ApiCore& core;
    AddressPool& addresses;
    LogMarks& marks;
    std::string directory;  // DIR
    std::string programs;   // where the programs of pods are looked for first
    std::string node_name;
    Survivors survivors;  // taken out by the pods they belong to
};

std::string pod_directory(const PodContext& context, const ObjectKey& pod);
std::string log_path(const PodContext& context, const ObjectKey& pod, const std::string& container,
                     bool previous);

class PodRun : public std::enable_shared_from_this<PodRun> {
 public:
    // on_over runs when the pod's processes have ended and its object is gone or was removed.
    PodRun(PodContext& context, ObjectKey key, JsonPtr pod, std::function<void()> on_over);
    ~PodRun();

    // Takes its survivors over, then starts what is missing.
    void start();
    // The object has changed.
    void update(JsonPtr pod);
    // The object is gone although processes may run: they are killed.
    void abandon();
    // A ConfigMap or Secret of the namespace has changed.
    void refresh_files();
    // Ends all processes without touching the object (this program stops). Then runs once they have ended.
    void shut_down(std::function<void()> then);

    const std::string& uid() const { return x_uid; }
    bool running(const std::string& container) const;

 private:
    struct Container;
    enum class ProbeKind { startup, readiness, liveness };

    void add_containers();
    void adopt(Container& container);
    void advance();
    void start_due();
    Container* next_init();
    bool initialized() const;
    void launch(Container& container);
    Status prepare(Container& container, ContainerCommand& command);
    std::string program_of(const std::string& word) const;
    void begin_probes(Container& container);
    void on_end(const std::string& name, std::uint64_t run, const runtime::ProcessEnd& end);
    void stop(Container& container, Duration grace);
    void stop_all(Duration grace);
    void run_probes(Container& container);
    void ask(Container& container, ProbeKind kind);
    void ask_http(const ProbeSpec& spec, std::function<void(bool)> answer);
    void ask_https(const ProbeSpec& spec, std::function<void(bool)> answer);
    void ask_tcp(const ProbeSpec& spec, std::function<void(bool)> answer);
    void ask_exec(Container& container, const ProbeSpec& spec, std::function<void(bool)> answer);
    void take_answer(const std::string& name, std::uint64_t run, ProbeKind kind, bool good);
    std::optional<ProbeMachine>& probe(Container& container, ProbeKind kind);
    void publish();
    // An Event about this pod. The same reason and message again only count.
    void tell(const char* type, const char* reason, const std::string& message);
    void plan_next();
    bool any_running() const;
    void end_if_over();
    PodView view() const;
    Container* find(const std::string& name);

    PodContext& x_context;
    ObjectKey x_key;
    JsonPtr x_pod;
    std::string x_uid;
    std::function<void()> x_on_over;
    std::function<void()> x_on_shut_down;
    std::string x_address;
    WallTime x_started{};
    std::vector<std::unique_ptr<Container>> x_init;
    std::vector<std::unique_ptr<Container>> x_containers;
    std::map<std::string, std::string> x_directories;
    std::map<std::string, std::unique_ptr<runtime::HttpClient>>
        x_clients;  // of probes, by base URL
    std::string x_published;
    runtime::TimerId x_timer = runtime::TimerId::none;
    bool x_stopping = false;
    bool x_abandoned = false;
    bool x_over = false;
};

}  // namespace millrace::kube_operator::local
