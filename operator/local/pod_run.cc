#include "operator/local/pod_run.h"

#include <csignal>
#include <nlohmann/json.hpp>

#include "lib/base/log.h"
#include "operator/kube/json_text.h"
#include "operator/local/log_reader.h"
#include "operator/local/object_meta.h"
#include "operator/local/pod_container.h"
#include "operator/local/pod_status.h"

namespace millrace::kube_operator::local {
namespace {

using Json = nlohmann::json;
using kube::text_at;
using kube::value_at;

RestartPolicy policy_of(const Json& pod) {
    const std::string policy = text_at(pod, {"spec", "restartPolicy"});
    return policy == "Never"       ? RestartPolicy::never
           : policy == "OnFailure" ? RestartPolicy::on_failure
                                   : RestartPolicy::always;
}

ContainerEnd end_of(const runtime::ProcessEnd& end, WallTime now) {
    constexpr int kSignalBase = 128;
    ContainerEnd out;
    out.finished = now;
    if (!end.known) {
        // Only the parent hears how a process ended, and that was an earlier run of this program.
        out.exit_code = kSignalBase + SIGKILL;
        out.reason = "ContainerStatusUnknown";
        return out;
    }
    out.signal = end.signal;
    out.exit_code = end.signal != 0 ? kSignalBase + end.signal : end.exit_code;
    out.reason = out.exit_code == 0 ? "Completed" : "Error";
    return out;
}

}  // namespace

std::string pod_directory(const PodContext& context, const ObjectKey& pod) {
    return fmt::format("{}/pods/{}_{}", context.directory, pod.name_space, pod.name);
}

std::string log_path(const PodContext& context, const ObjectKey& pod, const std::string& container,
                     bool previous) {
    return fmt::format("{}/logs/{}_{}_{}{}.log", context.directory, pod.name_space, pod.name,
                       container, previous ? ".previous" : "");
}

PodRun::PodRun(PodContext& context, ObjectKey key, JsonPtr pod, std::function<void()> on_over)
    : x_context(context),
      x_key(std::move(key)),
      x_pod(std::move(pod)),
      x_uid(text_at(*x_pod, {"metadata", "uid"})),
      x_on_over(std::move(on_over)),
      x_address(context.addresses.address_of(x_key.name_space, x_key.name)),
      x_started(context.runtime.loop.wall_now()) {
    add_containers();
}

PodRun::~PodRun() {
    x_context.runtime.loop.cancel(x_timer);
    for (auto* list : {&x_init, &x_containers}) {
        for (const std::unique_ptr<Container>& container : *list) {
            x_context.runtime.loop.cancel(container->kill_timer);
        }
    }
}

void PodRun::add_containers() {
    const RestartPolicy policy = policy_of(*x_pod);
    const RestartPolicy init =
        policy == RestartPolicy::never ? RestartPolicy::never : RestartPolicy::on_failure;
    for (const Json& spec : value_at(*x_pod, {"spec", "initContainers"})) {
        x_init.push_back(std::make_unique<Container>(text_at(spec, {"name"}), init,
                                                     std::make_shared<const Json>(spec)));
    }
    for (const Json& spec : value_at(*x_pod, {"spec", "containers"})) {
        x_containers.push_back(std::make_unique<Container>(text_at(spec, {"name"}), policy,
                                                           std::make_shared<const Json>(spec)));
    }
}

PodRun::Container* PodRun::find(const std::string& name) {
    for (auto* list : {&x_init, &x_containers}) {
        for (const std::unique_ptr<Container>& container : *list) {
            if (container->machine.name() == name) {
                return container.get();
            }
        }
    }
    return nullptr;
}

bool PodRun::running(const std::string& container) const {
    return std::ranges::any_of(x_containers, [&container](const auto& one) {
        return one->machine.name() == container &&
               one->machine.phase() == ContainerMachine::Phase::running;
    });
}

bool PodRun::any_running() const {
    auto runs = [](const auto& one) { return one->process.has_value(); };
    return std::ranges::any_of(x_init, runs) || std::ranges::any_of(x_containers, runs);
}

PodView PodRun::view() const {
    PodView out;
    out.address = x_address;
    out.resolve = [this](const std::string& name_space, const std::string& pod) {
        return x_context.addresses.address_of(name_space, pod);
    };
    return out;
}

void PodRun::start() {
    for (const std::unique_ptr<Container>& container : x_containers) {
        adopt(*container);
    }
    if (text_at(*x_pod, {"spec", "nodeName"}).empty()) {
        WriteRequest request;
        request.resource = x_context.core.registry().find("", "v1", "pods");
        request.name_space = x_key.name_space;
        request.name = x_key.name;
        request.manager = "millrace-local";
        request.now = x_context.runtime.loop.wall_now();
        const Json binding = {{"spec", {{"nodeName", x_context.node_name}}}};
        if (!x_context.core.writer().patch(request, PatchKind::merge, binding)) {
            log_debug("pods", "{} went away before it was started", x_key.to_string());
        }
    }
    advance();
}

void PodRun::adopt(Container& container) {
    runtime::Loop& loop = x_context.runtime.loop;
    const std::string& name = container.machine.name();
    const auto survivor = x_context.survivors.extract({x_uid, name});
    if (!survivor.empty()) {
        const auto& [process, mark] = survivor.mapped();
        const std::uint64_t run = ++container.run;
        auto on_end_of_process = [self = weak_from_this(), name,
                                  run](const runtime::ProcessEnd& end) {
            if (auto pod = self.lock()) {
                pod->on_end(name, run, end);
            }
        };
        if (x_context.processes.adopt(process, on_end_of_process)) {
            container.process = process;
            container.machine.on_adopted(mark.restarts, loop.now(), mark.started);
            // Its files may have changed meanwhile, and commands of probes want its environment.
            if (const Status prepared = prepare(container, container.command); !prepared) {
                log_warning("pods", "{}/{} goes on with the files it has: {}", x_key.to_string(),
                            name, prepared.error().to_string());
            }
            begin_probes(container);
            log_info("pods", "{}/{} is running since an earlier start, pid {}", x_key.to_string(),
                     name, process.pid);
            return;
        }
    }
    const std::optional<EarlierRun> earlier = earlier_run(value_at(*x_pod, {"status"}), name);
    if (earlier) {
        ++container.run;
        runtime::ProcessEnd unknown;
        unknown.known = false;
        container.machine.on_adopted(earlier->restarts, loop.now(), earlier->started);
        container.machine.on_ended(end_of(unknown, loop.wall_now()), loop.now());
    }
}

void PodRun::update(JsonPtr pod) {
    x_pod = std::move(pod);
    if (!is_being_deleted(*x_pod)) {
        return;
    }
    const std::int64_t grace =
        kube::number_at(*x_pod, {"metadata", "deletionGracePeriodSeconds"}, 30);
    if (!x_stopping) {
        log_info("pods", "{} is being deleted, grace {} s", x_key.to_string(), grace);
        tell("Normal", "Killing", "Stopping the containers of pod " + x_key.name);
    }
    x_stopping = true;
    stop_all(std::chrono::seconds(grace));
    advance();
}

void PodRun::abandon() {
    x_abandoned = true;
    x_stopping = true;
    stop_all(Duration{});
    advance();
}

void PodRun::shut_down(std::function<void()> then) {
    x_on_shut_down = std::move(then);
    x_abandoned = true;
    x_stopping = true;
    stop_all(std::chrono::seconds(
        kube::number_at(*x_pod, {"spec", "terminationGracePeriodSeconds"}, 30)));
    end_if_over();
}

void PodRun::stop_all(Duration grace) {
    for (auto* list : {&x_init, &x_containers}) {
        for (const std::unique_ptr<Container>& container : *list) {
            container->machine.stop();
            stop(*container, grace);
        }
    }
}

void PodRun::stop(Container& container, Duration grace) {
    if (!container.process) {
        return;
    }
    const runtime::ProcessId process = *container.process;
    if (!std::exchange(container.stopping, true) && grace > Duration{}) {
        [[maybe_unused]] const Status sent = x_context.processes.signal(process, SIGTERM);
    }
    x_context.runtime.loop.cancel(container.kill_timer);
    if (grace <= Duration{}) {
        [[maybe_unused]] const Status sent = x_context.processes.signal(process, SIGKILL);
        return;
    }
    container.kill_timer =
        x_context.runtime.loop.run_after(grace, [self = weak_from_this(), process] {
            if (auto pod = self.lock()) {
                [[maybe_unused]] const Status sent =
                    pod->x_context.processes.signal(process, SIGKILL);
            }
        });
}

void PodRun::on_end(const std::string& name, std::uint64_t run, const runtime::ProcessEnd& end) {
    Container* container = find(name);
    if (container == nullptr || container->run != run) {
        return;
    }
    log_info("pods", "{}/{} ended: {}", x_key.to_string(), name, end.to_string());
    x_context.runtime.loop.cancel(container->kill_timer);
    container->process.reset();
    container->stopping = false;
    container->startup.reset();
    container->readiness.reset();
    container->liveness.reset();
    ContainerEnd ended = end_of(end, x_context.runtime.loop.wall_now());
    const bool shows_log =
        text_at(*container->spec, {"terminationMessagePolicy"}) == "FallbackToLogsOnError";
    if (ended.exit_code != 0 && shows_log) {
        ended.message =
            last_words(x_context.runtime.files, log_path(x_context, x_key, name, false));
    }
    container->machine.on_ended(std::move(ended), x_context.runtime.loop.now());
    const std::optional<Instant> next = container->machine.next_start();
    if (next && *next > x_context.runtime.loop.now()) {
        tell("Warning", "BackOff",
             fmt::format("Back-off restarting failed container {} in pod {}", name, x_key.name));
    }
    advance();
}

bool PodRun::initialized() const {
    return std::ranges::all_of(x_init, [](const auto& one) {
        return one->machine.phase() == ContainerMachine::Phase::ended && one->machine.last_end() &&
               one->machine.last_end()->exit_code == 0;
    });
}

PodRun::Container* PodRun::next_init() {
    for (const std::unique_ptr<Container>& one : x_init) {
        const bool finished = one->machine.phase() == ContainerMachine::Phase::ended &&
                              one->machine.last_end() && one->machine.last_end()->exit_code == 0;
        if (!finished) {
            return one.get();
        }
    }
    return nullptr;
}

void PodRun::start_due() {
    const Instant now = x_context.runtime.loop.now();
    // A pod whose containers run already, since an earlier start of this program, has been initialized.
    const bool begun =
        std::ranges::any_of(x_containers, [](const auto& one) { return one->run > 0; });
    Container* init = begun ? nullptr : next_init();
    if (init != nullptr) {
        if (init->machine.wants_start(now)) {
            launch(*init);
        }
        return;
    }
    for (const std::unique_ptr<Container>& container : x_containers) {
        if (container->machine.wants_start(now)) {
            launch(*container);
        }
    }
}

void PodRun::advance() {
    if (x_over) {
        return;
    }
    if (!x_stopping) {
        start_due();
    }
    for (const std::unique_ptr<Container>& container : x_containers) {
        run_probes(*container);
    }
    if (!x_abandoned) {
        publish();
    }
    plan_next();
    end_if_over();
}

void PodRun::publish() {
    PodState state;
    for (const std::unique_ptr<Container>& one : x_init) {
        state.init_containers.push_back(&one->machine);
    }
    for (const std::unique_ptr<Container>& one : x_containers) {
        state.containers.push_back(&one->machine);
    }
    state.initialized = initialized() || std::ranges::any_of(x_containers, [](const auto& one) {
                            return one->run > 0;
                        });
    state.address = x_address;
    const Json& before = value_at(*x_pod, {"status"});
    const std::string started = text_at(before, {"startTime"});
    state.started = x_started;
    Json status = pod_status(*x_pod, state, before, x_context.runtime.loop.wall_now());
    if (!started.empty()) {
        status["startTime"] = started;
    }
    std::string text = kube::to_text(status);
    if (text == x_published) {
        return;
    }
    x_published = std::move(text);
    WriteRequest request;
    request.resource = x_context.core.registry().find("", "v1", "pods");
    request.name_space = x_key.name_space;
    request.name = x_key.name;
    request.subresource = "status";
    request.manager = "millrace-local";
    request.now = x_context.runtime.loop.wall_now();
    const ApiResult<JsonPtr> stored = x_context.core.writer().patch(
        request, PatchKind::merge, Json{{"status", std::move(status)}});
    if (stored && text_at(**stored, {"metadata", "uid"}) == x_uid) {
        x_pod = *stored;
    }
}

void PodRun::tell(const char* type, const char* reason, const std::string& message) {
    const WallTime now = x_context.runtime.loop.wall_now();
    const std::string name =
        fmt::format("{}.{:016x}", x_key.name, std::hash<std::string>()(x_uid + reason + message));
    WriteRequest request;
    request.resource = x_context.core.registry().find("", "v1", "events");
    request.name_space = x_key.name_space;
    request.name = name;
    request.manager = "millrace-local";
    request.now = now;
    if (const JsonPtr before = x_context.core.store().find({"events", x_key.name_space, name})) {
        const Json again = {{"count", kube::number_at(*before, {"count"}) + 1},
                            {"lastTimestamp", to_iso8601(now)}};
        [[maybe_unused]] const ApiResult<JsonPtr> counted =
            x_context.core.writer().patch(request, PatchKind::merge, again);
        return;
    }
    Json event = {{"type", type},
                  {"reason", reason},
                  {"message", message},
                  {"count", 1},
                  {"firstTimestamp", to_iso8601(now)},
                  {"lastTimestamp", to_iso8601(now)},
                  {"reportingComponent", "millrace-local"}};
    event["metadata"] = {{"name", name}, {"namespace", x_key.name_space}};
    event["source"] = {{"component", "millrace-local"}, {"host", x_context.node_name}};
    event["involvedObject"] = {{"apiVersion", "v1"},
                               {"kind", "Pod"},
                               {"name", x_key.name},
                               {"namespace", x_key.name_space},
                               {"uid", x_uid}};
    // A namespace that is being deleted takes no Events, which is as good.
    [[maybe_unused]] const ApiResult<JsonPtr> made =
        x_context.core.writer().create(request, std::move(event));
}

void PodRun::plan_next() {
    std::optional<Instant> next;
    auto consider = [&next](std::optional<Instant> when) {
        if (when && (!next || *when < *next)) {
            next = when;
        }
    };
    for (auto* list : {&x_init, &x_containers}) {
        for (const std::unique_ptr<Container>& container : *list) {
            if (!x_stopping) {
                consider(container->machine.next_start());
            }
            for (const std::optional<ProbeMachine>* one :
                 {&container->startup, &container->readiness, &container->liveness}) {
                consider(*one ? (*one)->next() : std::nullopt);
            }
        }
    }
    x_context.runtime.loop.cancel(x_timer);
    x_timer = runtime::TimerId::none;
    if (next) {
        // A container that waits for its turn behind an init container is looked at again a little later.
        const Instant earliest = x_context.runtime.loop.now() + 100ms;
        x_timer = x_context.runtime.loop.run_at(std::max(*next, earliest), [this] { advance(); });
    }
}

void PodRun::end_if_over() {
    if (x_over || !x_stopping || any_running()) {
        return;
    }
    x_over = true;
    x_context.runtime.loop.cancel(x_timer);
    if (x_on_shut_down) {
        x_context.runtime.loop.post(std::exchange(x_on_shut_down, nullptr));
        return;
    }
    if (!x_abandoned) {
        WriteRequest request;
        request.resource = x_context.core.registry().find("", "v1", "pods");
        request.name_space = x_key.name_space;
        request.name = x_key.name;
        request.manager = "millrace-local";
        request.now = x_context.runtime.loop.wall_now();
        DeleteRequest options;
        options.uid = x_uid;
        options.grace_seconds = 0;
        if (!x_context.core.writer().remove(request, options)) {
            log_debug("pods", "{} was removed by somebody else", x_key.to_string());
        }
    }
    const std::string directory = pod_directory(x_context, x_key);
    if (x_context.runtime.files.exists(directory)) {
        if (const Status removed = x_context.runtime.files.remove_tree(directory); !removed) {
            log_warning("pods", "{} could not be removed: {}", directory,
                        removed.error().to_string());
        }
    }
    x_context.runtime.loop.post(x_on_over);
}

}  // namespace millrace::kube_operator::local
