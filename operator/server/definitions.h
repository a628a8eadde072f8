// The CustomResourceDefinitions: put into the API at start, then waited for until the API serves them.
#pragma once

#include <functional>
#include <memory>

#include "operator/kube/client.h"

namespace millrace::kube_operator::server {

enum class DefinitionPolicy {
    apply,   // put there by the operator, in the version it knows
    expect,  // installed by others (the chart); only waited for
};

// Tries again until all are served: a missing permission or a missing definition is logged and may be mended meanwhile.
class Definitions {
 public:
    // Loop and client outlive it.
    Definitions(runtime::Loop& loop, kube::Client& client, DefinitionPolicy policy);
    ~Definitions();
    Definitions(const Definitions&) = delete;
    Definitions& operator=(const Definitions&) = delete;

    void start(std::function<void()> on_established);

 private:
    void next();
    void apply();
    void check();
    void later(const std::string& why);

    runtime::Loop& x_loop;
    kube::Client& x_client;
    DefinitionPolicy x_policy;
    std::function<void()> x_on_established;
    std::size_t x_at = 0;
    bool x_applied = false;  // of the definition x_at
    std::string x_last_reason;
    runtime::TimerId x_timer = runtime::TimerId::none;
};

}  // namespace millrace::kube_operator::server
