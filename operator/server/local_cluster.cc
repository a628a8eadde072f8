#include "operator/server/local_cluster.h"

#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "lib/base/check.h"
#include "operator/kube/json_text.h"
#include "operator/resources/node.h"

namespace millrace::kube_operator::server {
namespace {

// Processes get paths of the directory in their settings and run elsewhere.
std::string absolute(const std::string& path) {
    std::error_code ignored;
    const std::filesystem::path full = std::filesystem::absolute(path, ignored);
    return full.lexically_normal().string();
}

// Brokers close their logs in order only while they have coordinators.
int stop_stage(const nlohmann::json& pod) {
    const std::string role = kube::text_at(pod, {"metadata", "labels", resources::kLabelRole});
    return role == name_of(resources::Role::broker) ? 0 : 1;
}

}  // namespace

LocalCluster::LocalCluster(runtime::Runtime runtime, LocalOptions options)
    : x_runtime(runtime), x_options(std::move(options)) {
    x_options.directory = absolute(x_options.directory);
}

LocalCluster::~LocalCluster() = default;

Status LocalCluster::start() {
    TRY(x_runtime.files.make_directories(x_options.directory));
    local::ApiServerOptions server;
    server.directory = x_options.directory;
    server.listen = {"127.0.0.1", x_options.port};
    auto started = local::start_api_server(x_runtime, server);
    if (!started) {
        return started.error().code == Errc::busy ? in_use(started.error())
                                                  : Status(fail(started.error()));
    }
    x_server = std::move(*started);
    x_runner = runtime::make_process_runner(x_runtime.loop);
    x_pods = local::make_process_runtime(x_runtime, *x_runner, *x_server,
                                         {.directory = x_options.directory,
                                          .programs = x_options.programs,
                                          .stop_stage = stop_stage});
    x_server->set_logs(x_pods.get());
    x_pods->start();
    return write_files();
}

// Two operators over one directory would fight for its pods.
Status LocalCluster::in_use(const Error& error) const {
    const Result<Bytes> pid = x_runtime.files.read_file(x_options.directory + "/operator.pid", 32);
    std::string number(pid ? as_text(*pid) : "");
    if (number.ends_with('\n')) {
        number.pop_back();
    }
    return fail(Errc::busy, number.empty()
                                ? error.message
                                : fmt::format("{} is in use by the operator with pid {}; end that "
                                              "one first, or choose another directory",
                                              x_options.directory, number));
}

Status LocalCluster::write_files() {
    const std::string url = "http://" + x_server->local().to_string() + "\n";
    const std::string pid = std::to_string(::getpid()) + "\n";
    runtime::FileSystem& files = x_runtime.files;
    TRY(x_server->write_kubeconfig(x_options.directory + "/kubeconfig"));
    TRY(files.replace_file(x_options.directory + "/operator.pid", as_bytes(pid)));
    // Last: whoever waits for the address finds the rest.
    return files.replace_file(x_options.directory + "/api-server.url", as_bytes(url));
}

kube::ApiServerAddress LocalCluster::address() const {
    CHECK(x_server != nullptr, "the cluster was started");
    const runtime::Endpoint at = x_server->local();
    return {.host = at.host, .port = at.port, .tls = false, .ca_file = "", .token_file = ""};
}

void LocalCluster::stop(std::move_only_function<void(Status)> then) {
    auto after = std::make_shared<std::move_only_function<void(Status)>>(std::move(then));
    x_pods->stop([this, after] {
        x_server->flush([this, after](const Status& flushed) {
            // A stale address or pid would mislead whoever looks for this operator.
            for (const char* file : {"/api-server.url", "/operator.pid"}) {
                (void)x_runtime.files.remove(x_options.directory + file);
            }
            (*after)(flushed);
        });
    });
}

}  // namespace millrace::kube_operator::server
