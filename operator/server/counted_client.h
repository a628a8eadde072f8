// A client that counts its calls, and that may be destroyed before the client it stands for: no reply follows.
#pragma once

#include <memory>
#include <string_view>

#include "lib/runtime/metrics.h"
#include "operator/kube/client.h"

namespace millrace::kube_operator::server {

// metrics outlives the returned client, and so does inner.
std::unique_ptr<kube::Client> make_counted_client(kube::Client& inner, runtime::Metrics& metrics);

}  // namespace millrace::kube_operator::server
