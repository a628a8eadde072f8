// millrace-operator: looks after coordinators, brokers and topics in Kubernetes, or on one machine with --local.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "lib/base/log.h"
#include "lib/runtime/http_client.h"
#include "lib/runtime/posix_runtime.h"
#include "lib/runtime/version.h"
#include "operator/api/kinds.h"
#include "operator/kube/json_text.h"
#include "operator/kube/lease.h"
#include "operator/server/local_cluster.h"
#include "operator/server/manifest_files.h"
#include "operator/server/node.h"
#include "operator/server/yaml_stream.h"

extern char** environ;

// Read by jemalloc at start. The operator allocates little and seldom, from a dozen threads that mostly wait: caches for each of them
// would take more memory than everything they hold.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "narenas:1,tcache:false,dirty_decay_ms:1000";
}

namespace millrace::kube_operator {
namespace {

constexpr std::string_view kBinary = "millrace-operator";
constexpr const char* kDefaultNamespace = "default";

enum ExitCode : int {
    exit_ok = 0,
    exit_usage = 2,
    exit_start = 3,
    exit_disk = 4,
    exit_lease = 5,
};

constexpr std::string_view kFooter = R"(
Examples:
  millrace-operator
      in a pod: with the service account's credentials, electing one leader by a Lease
  millrace-operator --server http://127.0.0.1:8001 --namespace kafka
      against "kubectl proxy", for one namespace
  millrace-operator --local ./cluster --apply examples/quickstart.yaml
      a cluster of processes on this machine; then:
      kubectl --kubeconfig ./cluster/kubeconfig get millrace
  millrace-operator --print-crds | kubectl apply --server-side -f -

TERM and INT finish the passes under way and end the operator with 0. With --local the brokers are
stopped first, then the coordinators; the next start with the same directory runs them again.

Exit codes: 0 ended as asked; 2 wrong usage or a file that cannot be applied; 3 cannot start (port
or directory in use, not in a cluster), or not ready (--probe); 4 disk failure; 5 lost the Lease
to another operator.)";

struct Arguments {
    std::string server;
    std::string local_directory;
    std::vector<std::string> apply;
    std::uint16_t port = 0;
    std::string image;
    std::string admin;
    std::string name_space;
    std::string definitions = "apply";
    bool print_crds = false;
    std::string probe;

    bool is_local() const { return !local_directory.empty(); }
};

int report(const Error& error, int exit_code) {
    fmt::print(stderr, "{}: {}\n", kBinary, error.message);
    return exit_code;
}

int exit_code_of(const Error& error) {
    const bool is_disk = error.code == Errc::io_error || error.code == Errc::disk_full ||
                         error.code == Errc::malformed;
    return error.code == Errc::invalid_argument ? exit_usage : is_disk ? exit_disk : exit_start;
}

std::map<std::string, std::string> read_environment() {
    std::map<std::string, std::string> variables;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const std::size_t equals = text.find('=');
        if (equals != std::string_view::npos) {
            variables.emplace(text.substr(0, equals), text.substr(equals + 1));
        }
    }
    return variables;
}

std::string variable(const std::map<std::string, std::string>& variables, const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? "" : found->second;
}

std::string own_directory() {
    std::error_code failed;
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", failed);
    return failed ? "." : self.parent_path().string();
}

Result<kube::ApiServerAddress> parse_server(std::string_view url) {
    constexpr std::string_view kScheme = "http://";
    if (!url.starts_with(kScheme)) {
        return fail(Errc::invalid_argument,
                    fmt::format("--server: '{}' does not begin with http://", url));
    }
    url.remove_prefix(kScheme.size());
    if (url.ends_with('/')) {
        url.remove_suffix(1);
    }
    const runtime::Endpoint at = TRY(runtime::Endpoint::parse(url));
    return kube::ApiServerAddress{
        .host = at.host, .port = at.port, .tls = false, .ca_file = "", .token_file = ""};
}

// Everything of one run; parts are made in the order of the members and end in the opposite one.
class Process {
 public:
    Process(runtime::PosixRuntime& posix, Arguments arguments)
        : x_posix(posix),
          x_runtime(posix.get()),
          x_arguments(std::move(arguments)),
          x_environment(read_environment()),
          x_metrics(std::string(kBinary)) {}

    int run() {
        auto manifests = server::read_manifests(x_runtime.files, x_arguments.apply);
        if (!manifests) {
            return report(manifests.error(), exit_usage);
        }
        x_manifests = std::move(*manifests);
        if (const Status connected = connect(); !connected) {
            return report(connected.error(), exit_code_of(connected.error()));
        }
        make_config_check();
        make_node();
        if (const Status opened = open_admin(); !opened) {
            return report(opened.error(), exit_start);
        }
        x_posix.on_terminate([this] { stop(); });
        if (x_election) {
            x_election->start([this](bool leading) { take_lead(leading); });
        } else {
            x_node->start();
            apply_when_serving();
        }
        return x_posix.run();
    }

 private:
    Status connect() {
        kube::ApiServerAddress address;
        if (x_arguments.is_local()) {
            x_local = std::make_unique<server::LocalCluster>(
                x_runtime, server::LocalOptions{x_arguments.local_directory, x_arguments.port,
                                                own_directory()});
            TRY(x_local->start());
            address = x_local->address();
        } else if (!x_arguments.server.empty()) {
            address = TRY(parse_server(x_arguments.server));
        } else {
            address = TRY(kube::address_in_cluster(x_environment, x_runtime.files));
        }
        x_client = kube::make_api_client(x_runtime, address, {});
        kube::ClientOptions applying;
        applying.field_manager = "millrace-operator-apply";
        x_apply_client = kube::make_api_client(x_runtime, address, applying);
        if (!x_arguments.is_local() && x_arguments.server.empty()) {
            make_election();
        }
        return {};
    }

    void make_election() {
        std::string name_space = variable(x_environment, "POD_NAMESPACE");
        std::string identity = variable(x_environment, "POD_NAME");
        if (identity.empty()) {
            identity = variable(x_environment, "HOSTNAME");
        }
        x_election = std::make_unique<kube::LeaderElection>(
            x_runtime.loop, *x_client,
            kube::ObjectName{name_space.empty() ? kDefaultNamespace : name_space,
                             std::string(kBinary)},
            fmt::format("{}_{:016x}", identity, x_runtime.loop.random().next()));
    }

    void make_config_check() {
        const std::string directory = variable(x_environment, "TMPDIR");
        const std::string scratch =
            x_arguments.is_local()
                ? x_arguments.local_directory + "/checks"
                : fmt::format("{}/millrace-operator-{}", directory.empty() ? "/tmp" : directory,
                              ::getpid());
        x_runner = runtime::make_process_runner(x_runtime.loop);
        x_config_check = std::make_unique<server::ConfigCheck>(
            x_runtime, *x_runner, server::ConfigCheckOptions{own_directory(), scratch});
    }

    void make_node() {
        server::NodeOptions options;
        options.name_space = x_arguments.name_space;
        options.addressing =
            x_arguments.is_local() ? reconcile::Addressing::pod_ip : reconcile::Addressing::dns;
        options.default_image = x_arguments.image;
        options.definitions = x_arguments.definitions == "apply" ? server::DefinitionPolicy::apply
                                                                 : server::DefinitionPolicy::expect;
        options.config_check = x_config_check.get();
        x_node =
            std::make_unique<server::Node>(x_runtime, *x_client, x_metrics, std::move(options));
    }

    Status open_admin() {
        const std::string fallback = x_arguments.is_local() ? "127.0.0.1:0" : "0.0.0.0:8081";
        const runtime::Endpoint at =
            TRY(runtime::Endpoint::parse(x_arguments.admin.empty() ? fallback : x_arguments.admin));
        x_admin =
            runtime::make_admin_http(x_runtime.loop, std::string(kBinary), [this]() -> Status {
                // Standing by for the leader is what a second operator is for.
                return x_election && !x_leads ? Status() : x_node->ready();
            });
        x_metrics.gauge_callback("millrace_operator_leading", "1 while this process acts.", {},
                                 [this] { return x_election && !x_leads ? 0.0 : 1.0; });
        runtime::add_metrics_route(*x_admin, x_metrics);
        TRY(x_admin->start(at));
        log_info("admin", "listening on {}", x_admin->local().to_string());
        return {};
    }

    void take_lead(bool leading) {
        if (leading && !x_leads) {
            x_leads = true;
            log_info("operator", "this process leads");
            x_node->start();
            apply_when_serving();
        } else if (!leading && x_leads) {
            // Another process may act from now on: nothing more may leave this one.
            log_error("operator", "the Lease was lost; the process ends");
            x_posix.stop(exit_lease);
        }
    }

    // The kinds of the files have to be served first.
    void apply_when_serving() {
        if (x_manifests.empty()) {
            return;
        }
        if (!x_node->ready()) {
            x_runtime.loop.run_after(20ms, [this] { apply_when_serving(); });
            return;
        }
        server::apply_manifests(*x_apply_client, std::exchange(x_manifests, {}),
                                [this](const Status& applied) {
                                    if (!applied) {
                                        x_stop_code = report(applied.error(), exit_usage);
                                        stop();
                                    }
                                });
    }

    void stop() {
        if (std::exchange(x_is_stopping, true)) {
            return;
        }
        log_info("operator", "finishing what is under way");
        x_node->stop([this] {
            if (x_election) {
                x_election->stop([this] { x_posix.stop(x_stop_code); });
            } else if (x_local) {
                x_local->stop([this](const Status& stopped) {
                    x_posix.stop(stopped ? x_stop_code : report(stopped.error(), exit_disk));
                });
            } else {
                x_posix.stop(x_stop_code);
            }
        });
    }

    runtime::PosixRuntime& x_posix;
    runtime::Runtime x_runtime;
    Arguments x_arguments;
    std::map<std::string, std::string> x_environment;
    runtime::Metrics x_metrics;
    std::vector<server::ManifestObject> x_manifests;
    std::unique_ptr<server::LocalCluster> x_local;
    std::unique_ptr<kube::Client> x_client;
    std::unique_ptr<kube::Client> x_apply_client;
    std::unique_ptr<kube::LeaderElection> x_election;
    std::unique_ptr<runtime::ProcessRunner> x_runner;
    std::unique_ptr<server::ConfigCheck> x_config_check;
    std::unique_ptr<server::Node> x_node;
    std::unique_ptr<runtime::AdminHttp> x_admin;
    bool x_leads = false;
    bool x_is_stopping = false;
    int x_stop_code = exit_ok;
};

int print_crds() {
    for (const api::Kind& kind : api::all_kinds()) {
        const Result<nlohmann::json> definition = kube::parse_json(api::crd_json(kind));
        fmt::print("---\n{}", server::to_yaml(*definition));
    }
    return exit_ok;
}

// For images without a shell: asks an admin port whether its process is ready, and prints what it says.
int probe(const std::string& address) {
    const auto posix = runtime::make_posix_runtime({});
    const runtime::Runtime runtime = posix->get();
    runtime::HttpClientOptions options;
    options.base_url = "http://" + address;
    const auto client = runtime::make_http_client(runtime.loop, options);
    client->request({.path = "/readyz"}, [&](const Result<runtime::HttpResponse>& answer) {
        if (!answer) {
            posix->stop(report(answer.error(), exit_start));
            return;
        }
        fmt::print("{}\n", answer->body);
        posix->stop(answer->ok() ? exit_ok : exit_start);
    });
    return posix->run();
}

void declare(CLI::App& app, Arguments& arguments) {
    app.footer(std::string(kFooter));
    CLI::Option* remote = app.add_option(
        "--server", arguments.server, "API server, http://HOST:PORT; default: the pod's cluster");
    CLI::Option* local =
        app.add_option("--local", arguments.local_directory,
                       "run an API server and all pods on this machine, with data in DIR")
            ->type_name("DIR")
            ->excludes(remote);
    app.add_option("--apply", arguments.apply, "resources to apply at start, YAML; repeatable")
        ->type_name("FILE")
        ->allow_extra_args(false);
    app.add_option("--port", arguments.port, "port of the local API server; 0: any free one")
        ->needs(local);
    app.add_option("--image", arguments.image,
                   "image of nodes whose resource names none; default: $MILLRACE_IMAGE");
    app.add_option("--admin", arguments.admin,
                   "HOST:PORT of /livez /readyz /metrics /version; default 0.0.0.0:8081, with "
                   "--local 127.0.0.1:0");
    app.add_option("--namespace", arguments.name_space, "look after one namespace; default: all");
    app.add_option("--crds", arguments.definitions,
                   "apply: put the CustomResourceDefinitions into the API; expect: wait for them")
        ->check(CLI::IsMember({"apply", "expect"}))
        ->capture_default_str();
    app.add_flag("--print-crds", arguments.print_crds,
                 "print the CustomResourceDefinitions as YAML and end");
    app.add_option("--probe", arguments.probe,
                   "ask the operator, broker or coordinator at HOST:PORT whether it is ready, and "
                   "end with 0 when it is, 3 otherwise")
        ->type_name("HOST:PORT");
    app.set_version_flag(
        "--version", fmt::format("{} {} ({})", kBinary, runtime::version(), runtime::revision()));
}

int parse_and_run(int argc, char** argv) {
    Arguments arguments;
    CLI::App app("Looks after Kafka and ZooKeeper clusters in Kubernetes.", std::string(kBinary));
    declare(app, arguments);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? exit_ok : exit_usage;
    }
    if (arguments.print_crds) {
        return print_crds();
    }
    if (!arguments.probe.empty()) {
        return probe(arguments.probe);
    }
    if (arguments.image.empty()) {
        arguments.image = variable(read_environment(), "MILLRACE_IMAGE");
    }
    if (arguments.image.empty()) {
        arguments.image = fmt::format("ghcr.io/millrace/millrace:{}", runtime::version());
    }
    const auto posix = runtime::make_posix_runtime({});
    return Process(*posix, std::move(arguments)).run();
}

}  // namespace
}  // namespace millrace::kube_operator

int main(int argc, char** argv) {
    try {
        return millrace::kube_operator::parse_and_run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "millrace-operator: {}\n", error.what());
        return 1;
    }
}
