// The Client over HTTP: in a cluster (service account token, CA file, KUBERNETES_SERVICE_HOST) or plain HTTP to the embedded
// API server of the same process.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "lib/runtime/runtime.h"
#include "operator/kube/client.h"

namespace millrace::kube_operator::kube {

struct ApiServerAddress {
    std::string host;
    std::uint16_t port = 0;
    bool tls = false;
    std::string ca_file;  // PEM; empty means the system's roots
    std::string
        token_file;  // read again before each request: tokens are rotated; empty means no token
};

struct ClientOptions {
    std::string field_manager = "millrace-operator";
    Duration request_timeout = 15s;
    Duration watch_timeout = 290s;  // asked of the server; connections are given up 20 s later
};

// From KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT and the service account's directory. environment is the process's.
// Errors: not_found outside a cluster, with what is missing.
Result<ApiServerAddress> address_in_cluster(const std::map<std::string, std::string>& environment,
                                            runtime::FileSystem& files);

// The runtime outlives the client.
std::unique_ptr<Client> make_api_client(runtime::Runtime& runtime, const ApiServerAddress& server,
                                        const ClientOptions& options);

}  // namespace millrace::kube_operator::kube
