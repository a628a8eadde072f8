#include "operator/server/node_probe.h"

#include <nlohmann/json.hpp>

#include "operator/kube/json_text.h"

namespace millrace::kube_operator::server {
namespace {

constexpr std::size_t kAnswerBytesMax = 64 << 10;

}  // namespace

NodeProbe::Node& NodeProbe::node_at(const std::string& url) {
    Node& node = x_nodes[url];
    if (!node.http) {
        runtime::HttpClientOptions options;
        options.base_url = url;
        options.connect_timeout = x_limits.timeout;
        options.read_timeout = x_limits.timeout;
        options.response_bytes_max = kAnswerBytesMax;
        options.threads = 1;
        options.requests_max = 4;
        node.http = runtime::make_http_client(x_loop, std::move(options));
    }
    node.asked = x_loop.now();
    return node;
}

void NodeProbe::forget_silent() {
    std::erase_if(x_nodes, [&](const auto& entry) {
        return x_loop.now() - entry.second.asked > x_limits.forget_after;
    });
}

void NodeProbe::outdate() {
    for (auto& [url, node] : x_nodes) {
        node.answer = nullptr;
    }
}

void NodeProbe::ask(const std::vector<Question>& questions, Done done) {
    forget_silent();
    auto round = std::make_shared<Round>();
    round->done = std::move(done);
    round->open = 1;  // held by this function until all are asked
    const auto finish = [](const std::shared_ptr<Round>& of) {
        if (--of->open == 0) {
            of->done(std::move(of->answers));
        }
    };
    for (const Question& question : questions) {
        const bool is_v6 = question.host.find(':') != std::string::npos;
        const std::string url = is_v6 ? fmt::format("http://[{}]:{}", question.host, question.port)
                                      : fmt::format("http://{}:{}", question.host, question.port);
        Node& node = node_at(url);
        if (node.answer && x_loop.now() - node.answered < x_limits.fresh_for) {
            round->answers[question.host] = node.answer;
            continue;
        }
        ++round->open;
        runtime::HttpRequest request;
        request.path = question.path;
        node.http->request(std::move(request), [this, round, finish, host = question.host,
                                                url](const auto& response) {
            if (response && response->ok()) {
                Result<nlohmann::json> body = kube::parse_json(response->body);
                if (body && body->is_object()) {
                    Node& answered = x_nodes[url];
                    answered.answer = std::make_shared<const nlohmann::json>(std::move(*body));
                    answered.answered = x_loop.now();
                    round->answers[host] = answered.answer;
                }
            }
            finish(round);
        });
    }
    finish(round);
}

}  // namespace millrace::kube_operator::server
