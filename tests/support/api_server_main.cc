// A small program for interop tests: the embedded API server, and pods as processes when a folder of programs is named.
// Writes DIRECTORY/kubeconfig once it listens. TERM ends the pods, then the server.
#include <cstdio>
#include <memory>

#include "lib/runtime/posix_runtime.h"
#include "lib/runtime/process.h"
#include "operator/local/api_server.h"
#include "operator/local/process_runtime.h"

namespace {

using namespace millrace;
namespace local = kube_operator::local;

int failed(const Error& error) {
    std::fprintf(stderr, "%s\n", error.to_string().c_str());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fputs("usage: operator_api_server DIRECTORY [PROGRAMS]\n", stderr);
        return 2;
    }
    const std::string directory = argv[1];
    auto posix = runtime::make_posix_runtime({});
    Result<std::unique_ptr<local::ApiServer>> server =
        local::start_api_server(posix->get(), {.directory = directory});
    if (!server) {
        return failed(server.error());
    }
    auto processes = runtime::make_process_runner(posix->get().loop);
    std::unique_ptr<local::ProcessRuntime> pods;
    if (argc > 2) {
        pods = local::make_process_runtime(posix->get(), *processes, **server,
                                           {.directory = directory, .programs = argv[2]});
        (*server)->set_logs(pods.get());
        pods->start();
    }
    if (const Status written = (*server)->write_kubeconfig(directory + "/kubeconfig"); !written) {
        return failed(written.error());
    }
    auto finish = [&] {
        (*server)->flush([&](const Status& status) { posix->stop(status ? 0 : 1); });
    };
    posix->on_terminate([&] {
        if (pods) {
            pods->stop(finish);
        } else {
            finish();
        }
    });
    const int code = posix->run();
    (*server)->set_logs(nullptr);
    pods.reset();
    return code;
}
