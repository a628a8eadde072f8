// The embedded Kubernetes API server: ApiCore behind an HTTP server on a loopback address, its objects on a disk. kubectl
// speaks to it as to any cluster ("kubectl --server http://127.0.0.1:PORT").
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lib/runtime/http_server.h"
#include "lib/runtime/runtime.h"
#include "operator/local/api_core.h"

namespace millrace::kube_operator::local {

struct ApiServerOptions {
    std::string directory;                     // objects go to DIRECTORY/objects
    runtime::Endpoint listen{"127.0.0.1", 0};  // there is no authentication: keep it on loopback
    StoreLimits store;
    Duration bookmark_period = 30s;
};

// Where logs come from; the process runtime offers it.
class PodLogs {
 public:
    virtual ~PodLogs() = default;
    // Sends the log to the responder, at once or while it grows. Runs on the loop.
    virtual void send(const LogStart& log, std::shared_ptr<runtime::HttpResponder> responder) = 0;
};

class ApiServer {
 public:
    virtual ~ApiServer() = default;

    virtual runtime::Endpoint local() const = 0;
    virtual ApiCore& core() = 0;
    // The source outlives the server or is taken back with null. Without one, the log subresource answers 400.
    virtual void set_logs(PodLogs* logs) = 0;
    // Runs once everything that was changed so far is on the disk, or once a write has failed.
    virtual void flush(std::move_only_function<void(const Status&)> then) = 0;
    // A kubeconfig for this server, so that KUBECONFIG=FILE kubectl works. Errors: io_error.
    virtual Status write_kubeconfig(const std::string& path) = 0;
};

// Reads the directory, then listens. The runtime outlives the server. Errors: busy (another process uses the directory),
// address_in_use, io_error, malformed.
Result<std::unique_ptr<ApiServer>> start_api_server(runtime::Runtime& runtime,
                                                    const ApiServerOptions& options);

}  // namespace millrace::kube_operator::local
