// The local mode: an embedded API server with its objects on a disk, and pods as processes of this machine. What a Kubernetes
// cluster is to the operator elsewhere.
//   DIR/api-server.url   where it listens
//   DIR/kubeconfig       for kubectl
//   DIR/operator.pid     of this process
#pragma once

#include <memory>
#include <string>

#include "lib/runtime/runtime.h"
#include "operator/kube/api_client.h"
#include "operator/local/api_server.h"
#include "operator/local/process_runtime.h"

namespace millrace::kube_operator::server {

struct LocalOptions {
    std::string directory;   // made when it is missing
    std::uint16_t port = 0;  // of the API server; 0: any
    std::string programs;    // folder of the brokers' and coordinators' binaries
};

class LocalCluster {
 public:
    // The runtime outlives the cluster.
    LocalCluster(runtime::Runtime runtime, LocalOptions options);
    ~LocalCluster();
    LocalCluster(const LocalCluster&) = delete;
    LocalCluster& operator=(const LocalCluster&) = delete;

    // Errors: busy (another operator uses the directory), address_in_use, io_error, malformed.
    Status start();
    kube::ApiServerAddress address() const;
    // Ends brokers, then coordinators, then whatever else runs; writes what is not written yet. The pods stay in the API and run
    // again at the next start.
    void stop(std::move_only_function<void(Status)> then);

 private:
    Status write_files();
    Status in_use(const Error& error) const;

    runtime::Runtime x_runtime;
    LocalOptions x_options;
    std::unique_ptr<local::ApiServer> x_server;
    std::unique_ptr<runtime::ProcessRunner> x_runner;
    std::unique_ptr<local::ProcessRuntime> x_pods;
};

}  // namespace millrace::kube_operator::server
