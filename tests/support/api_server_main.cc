// A small program for interop tests: the embedded API server alone. Writes DIRECTORY/kubeconfig once it listens; with a second
// argument it also runs pods as processes, with programs from that directory.
#include <cstdio>
#include <memory>

#include "lib/runtime/posix_runtime.h"
#include "operator/local/api_server.h"

int main(int argc, char** argv) {
    using namespace millrace;
    if (argc < 2) {
        std::fputs("usage: api_server DIRECTORY [PROGRAMS]\n", stderr);
        return 2;
    }
    const std::string directory = argv[1];
    auto posix = runtime::make_posix_runtime({});
    Result<std::unique_ptr<kube_operator::local::ApiServer>> server =
        kube_operator::local::start_api_server(posix->get(), {.directory = directory});
    if (!server) {
        std::fprintf(stderr, "%s\n", server.error().to_string().c_str());
        return 1;
    }
    if (const Status written = (*server)->write_kubeconfig(directory + "/kubeconfig"); !written) {
        std::fprintf(stderr, "%s\n", written.error().to_string().c_str());
        return 1;
    }
    posix->on_terminate([&] {
        (*server)->flush([&](const Status& status) { posix->stop(status ? 0 : 1); });
    });
    return posix->run();
}
