// Asks brokers and coordinators over their admin ports. Whoever does not answer in time is left out of the result.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/runtime/http_client.h"
#include "operator/kube/client.h"

namespace millrace::kube_operator::server {

struct ProbeLimits {
    Duration timeout = 1s;        // for the connection and for each silence
    Duration fresh_for = 900ms;   // an answer is used again for so long
    Duration forget_after = 60s;  // nodes not asked for so long
};

class NodeProbe {
 public:
    // By host; objects only.
    using Answers = std::map<std::string, kube::JsonPtr>;
    using Done = std::move_only_function<void(Answers)>;

    struct Question {
        std::string host;
        std::int64_t port = 0;
        std::string path;  // the same for all questions of a port
    };

    explicit NodeProbe(runtime::Loop& loop, ProbeLimits limits = {})
        : x_loop(loop), x_limits(limits) {}

    // Asks all at once. done may run before ask returns when every answer is fresh.
    void ask(const std::vector<Question>& questions, Done done);
    // What was said so far may no longer be so: nodes are asked again.
    void outdate();

 private:
    struct Node {
        std::unique_ptr<runtime::HttpClient> http;
        kube::JsonPtr answer;
        Instant answered;
        Instant asked;
    };
    struct Round {
        Answers answers;
        std::size_t open = 0;
        Done done;
    };

    Node& node_at(const std::string& url);
    void forget_silent();

    runtime::Loop& x_loop;
    ProbeLimits x_limits;
    std::map<std::string, Node> x_nodes;  // by URL
};

}  // namespace millrace::kube_operator::server
