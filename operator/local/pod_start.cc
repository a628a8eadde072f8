// Starting the processes of a pod and probing them.
#include <csignal>
#include <nlohmann/json.hpp>

#include "lib/base/log.h"
#include "operator/kube/json_text.h"
#include "operator/local/pod_container.h"
#include "operator/local/probe_request.h"

namespace millrace::kube_operator::local {

using Json = nlohmann::json;

namespace {

// A process that has just been started is asked more often than its probes say, until it answers: nobody waits a second for what
// takes a tenth.
constexpr Duration kEagerly = 100ms;

}  // namespace

// The first word names a program: by its last part among the operator's own, else as a path, else in PATH.
std::string PodRun::program_of(const std::string& word) const {
    const std::size_t slash = word.rfind('/');
    const std::string base = slash == std::string::npos ? word : word.substr(slash + 1);
    const std::string own = runtime::join_path(x_context.programs, base);
    if (!x_context.programs.empty() && x_context.runtime.files.exists(own)) {
        return own;
    }
    return slash != std::string::npos && !x_context.runtime.files.exists(word) ? base : word;
}

Status PodRun::prepare(Container& container, ContainerCommand& command) {
    const VolumePlaces places{pod_directory(x_context, x_key), x_context.directory + "/volumes"};
    x_directories = TRY(volume_directories(*x_pod, places, x_context.core.store()));
    PodView of_files = view();
    for (auto* list : {&x_init, &x_containers}) {
        for (const std::unique_ptr<Container>& one : *list) {
            of_files.mounts.merge(container_mounts(*one->spec, x_directories));
        }
    }
    const PodSources sources = sources_of(x_context.core.store(), x_key.name_space);
    TRY(fill_volumes(x_context.runtime.files, *x_pod, x_directories, of_files, sources));
    PodView own = view();
    own.mounts = container_mounts(*container.spec, x_directories);
    Json shown = *x_pod;
    shown["status"]["podIP"] = x_address;
    shown["status"]["hostIP"] = "127.0.0.1";
    shown["spec"]["nodeName"] = x_context.node_name;
    CommandResult result = container_command(shown, *container.spec, own, sources);
    if (!result.missing.empty()) {
        return fail(Errc::not_found, result.missing);
    }
    command = std::move(result.command);
    command.argv[0] = program_of(command.argv[0]);
    command.environment.emplace("HOME", places.pod_directory);
    command.environment.emplace("TMPDIR", places.pod_directory);
    TRY(x_context.runtime.files.make_directories(places.pod_directory));
    return x_context.runtime.files.make_directories(x_context.directory + "/logs");
}

void PodRun::launch(Container& container) {
    runtime::Loop& loop = x_context.runtime.loop;
    const std::string& name = container.machine.name();
    if (const Status prepared = prepare(container, container.command); !prepared) {
        tell("Warning", "Failed", "Error: " + prepared.error().message);
        container.machine.on_blocked("CreateContainerConfigError", prepared.error().message,
                                     loop.now());
        return;
    }
    const std::string log = log_path(x_context, x_key, name, false);
    if (x_context.runtime.files.exists(log)) {
        const std::string previous = log_path(x_context, x_key, name, true);
        if (x_context.runtime.files.rename(log, previous)) {
            x_context.marks.rename(log, previous);
        }
    }
    runtime::ProcessOptions options;
    options.argv = container.command.argv;
    options.environment = container.command.environment;
    const WallTime started = loop.wall_now();
    options.environment[kContainerMark] = to_text(ContainerMark{
        x_context.directory, x_uid, name, container.machine.restarts_of_next(), started});
    options.directory = pod_directory(x_context, x_key);
    options.output_path = log;
    const std::uint64_t run = ++container.run;
    const Result<runtime::ProcessId> process = x_context.processes.spawn(
        options, [self = weak_from_this(), name, run](const runtime::ProcessEnd& end) {
            if (auto pod = self.lock()) {
                pod->on_end(name, run, end);
            }
        });
    if (!process) {
        log_warning("pods", "{}/{} could not be started: {}", x_key.to_string(), name,
                    process.error().to_string());
        tell("Warning", "Failed", "Error: " + process.error().message);
        container.machine.on_blocked("RunContainerError", process.error().message, loop.now());
        return;
    }
    container.process = *process;
    container.machine.on_started(loop.now(), started);
    log_info("pods", "{}/{} started, pid {}, address {}", x_key.to_string(), name, process->pid,
             x_address);
    tell("Normal", "Started", "Started container " + name);
    begin_probes(container);
}

void PodRun::refresh_files() {
    if (x_directories.empty() || x_stopping) {
        return;
    }
    PodView of_files = view();
    for (const std::unique_ptr<Container>& one : x_containers) {
        of_files.mounts.merge(container_mounts(*one->spec, x_directories));
    }
    const PodSources sources = sources_of(x_context.core.store(), x_key.name_space);
    if (const Status filled =
            fill_volumes(x_context.runtime.files, *x_pod, x_directories, of_files, sources);
        !filled) {
        log_warning("pods", "the files of {} keep their content: {}", x_key.to_string(),
                    filled.error().to_string());
    }
}

void PodRun::begin_probes(Container& container) {
    const Instant now = x_context.runtime.loop.now();
    auto make = [&](const char* field, bool eager) -> std::optional<ProbeMachine> {
        const std::optional<ProbeSpec> spec = read_probe(*container.spec, field);
        return spec ? std::optional(ProbeMachine(*spec, now, eager ? kEagerly : Duration{}))
                    : std::nullopt;
    };
    container.startup = make("startupProbe", true);
    container.readiness = make("readinessProbe", true);
    container.liveness = make("livenessProbe", false);
    container.machine.set_started(!container.startup);
    container.machine.set_ready(!container.startup && !container.readiness);
}

std::optional<ProbeMachine>& PodRun::probe(Container& container, ProbeKind kind) {
    switch (kind) {
        case ProbeKind::startup:
            return container.startup;
        case ProbeKind::readiness:
            return container.readiness;
        case ProbeKind::liveness:
            break;
    }
    return container.liveness;
}

void PodRun::run_probes(Container& container) {
    if (!container.process || container.stopping) {
        return;
    }
    const Instant now = x_context.runtime.loop.now();
    const bool starting = container.startup && !container.machine.started();
    for (ProbeKind kind : {ProbeKind::startup, ProbeKind::readiness, ProbeKind::liveness}) {
        const bool its_time = (kind == ProbeKind::startup) == starting;
        std::optional<ProbeMachine>& one = probe(container, kind);
        if (its_time && one && one->take_turn(now)) {
            ask(container, kind);
        }
    }
}

void PodRun::ask(Container& container, ProbeKind kind) {
    const ProbeSpec& spec = probe(container, kind)->spec();
    auto answer = [self = weak_from_this(), name = container.machine.name(), run = container.run,
                   kind](bool good) {
        if (auto pod = self.lock()) {
            pod->take_answer(name, run, kind, good);
        }
    };
    switch (spec.kind) {
        case ProbeSpec::Kind::http:
            ask_http(spec, answer);
            return;
        case ProbeSpec::Kind::tcp:
            ask_tcp(spec, answer);
            return;
        case ProbeSpec::Kind::exec:
            ask_exec(container, spec, answer);
            return;
    }
}

void PodRun::ask_http(const ProbeSpec& spec, std::function<void(bool)> answer) {
    if (spec.tls) {
        ask_https(spec, std::move(answer));
        return;
    }
    const runtime::Endpoint at{spec.host.empty() ? x_address : spec.host, spec.port};
    ask_over_http(x_context.runtime, at, spec.path, spec.timeout, std::move(answer));
}

void PodRun::ask_https(const ProbeSpec& spec, std::function<void(bool)> answer) {
    const std::string url =
        fmt::format("https://{}:{}", spec.host.empty() ? x_address : spec.host, spec.port);
    std::unique_ptr<runtime::HttpClient>& client = x_clients[url];
    if (!client) {
        runtime::HttpClientOptions options;
        options.base_url = url;
        options.verify_server =
            false;  // as a kubelet: the probe asks whether it lives, not who it is
        options.connect_timeout = spec.timeout;
        options.read_timeout = spec.timeout;
        options.response_bytes_max = 64 << 10;
        options.threads = 1;
        client = runtime::make_http_client(x_context.runtime.loop, std::move(options));
    }
    runtime::HttpRequest request;
    const std::size_t mark = spec.path.find('?');
    request.path = spec.path.substr(0, mark);
    if (mark != std::string::npos) {
        const std::size_t equals = spec.path.find('=', mark);
        request.query[spec.path.substr(mark + 1, equals - mark - 1)] =
            equals == std::string::npos ? std::string() : spec.path.substr(equals + 1);
    }
    client->request(std::move(request),
                    [answer = std::move(answer)](const Result<runtime::HttpResponse>& response) {
                        answer(response && response->status >= 200 && response->status < 400);
                    });
}

void PodRun::ask_tcp(const ProbeSpec& spec, std::function<void(bool)> answer) {
    x_context.runtime.network.connect(
        runtime::Endpoint{spec.host.empty() ? x_address : spec.host, spec.port}, spec.timeout,
        [answer = std::move(answer)](const Result<std::unique_ptr<runtime::Stream>>& stream) {
            answer(stream.has_value());
        });
}

void PodRun::ask_exec(Container& container, const ProbeSpec& spec,
                      std::function<void(bool)> answer) {
    runtime::ProcessOptions options;
    PodView own = view();
    own.mounts = container_mounts(*container.spec, x_directories);
    for (const std::string& word : spec.command) {
        options.argv.push_back(
            localized(expand_variables(word, container.command.environment), own));
    }
    if (options.argv.empty()) {
        answer(false);
        return;
    }
    options.argv[0] = program_of(options.argv[0]);
    options.environment = container.command.environment;
    options.directory = pod_directory(x_context, x_key);
    auto timer = std::make_shared<runtime::TimerId>(runtime::TimerId::none);
    runtime::Loop& loop = x_context.runtime.loop;
    const Result<runtime::ProcessId> process =
        x_context.processes.spawn(options, [answer, timer, &loop](const runtime::ProcessEnd& end) {
            loop.cancel(*timer);
            answer(end.known && end.signal == 0 && end.exit_code == 0);
        });
    if (!process) {
        answer(false);
        return;
    }
    *timer = loop.run_after(spec.timeout, [self = weak_from_this(), id = *process] {
        if (auto pod = self.lock()) {
            [[maybe_unused]] const Status sent = pod->x_context.processes.signal(id, SIGKILL);
        }
    });
}

void PodRun::take_answer(const std::string& name, std::uint64_t run, ProbeKind kind, bool good) {
    Container* container = find(name);
    if (container == nullptr || container->run != run || !container->process) {
        return;
    }
    std::optional<ProbeMachine>& one = probe(*container, kind);
    if (!one) {
        return;
    }
    const ProbeMachine::Verdict verdict = one->on_answer(good, x_context.runtime.loop.now());
    if (!good && one->counted()) {
        const char* which = kind == ProbeKind::startup     ? "Startup"
                            : kind == ProbeKind::readiness ? "Readiness"
                                                           : "Liveness";
        tell("Warning", "Unhealthy", fmt::format("{} probe of container {} failed", which, name));
    }
    if (kind == ProbeKind::readiness && verdict != ProbeMachine::Verdict::undecided) {
        container->machine.set_ready(verdict == ProbeMachine::Verdict::passing);
    } else if (kind == ProbeKind::startup && verdict == ProbeMachine::Verdict::passing) {
        container->machine.set_started(true);
        container->machine.set_ready(!container->readiness);
    } else if (kind != ProbeKind::readiness && verdict == ProbeMachine::Verdict::failing &&
               !container->stopping) {
        log_warning("pods", "{}/{} fails its {} probe and is restarted", x_key.to_string(), name,
                    kind == ProbeKind::startup ? "startup" : "liveness");
        stop(*container, std::chrono::seconds(kube::number_at(
                             *x_pod, {"spec", "terminationGracePeriodSeconds"}, 30)));
    }
    advance();
}

}  // namespace millrace::kube_operator::local
