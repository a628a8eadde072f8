#include "operator/server/counted_client.h"

namespace millrace::kube_operator::server {
namespace {

using kube::JsonPtr;
using kube::ListScope;
using kube::ObjectName;
using kube::ResourceType;
using kube::Subresource;

class CountedClient final : public kube::Client {
 public:
    CountedClient(kube::Client& inner, runtime::Metrics& metrics)
        : x_inner(inner), x_metrics(metrics), x_alive(std::make_shared<int>(0)) {}

    void get(const ResourceType& type, const ObjectName& name, Reply reply) override {
        x_inner.get(type, name, counted("get", std::move(reply)));
    }
    void list(const ResourceType& type, const ListScope& scope, Reply reply) override {
        x_inner.list(type, scope, counted("list", std::move(reply)));
    }
    void create(const ResourceType& type, JsonPtr object, Reply reply) override {
        x_inner.create(type, std::move(object), counted("create", std::move(reply)));
    }
    void replace(const ResourceType& type, JsonPtr object, Subresource subresource,
                 Reply reply) override {
        x_inner.replace(type, std::move(object), subresource, counted("update", std::move(reply)));
    }
    void apply(const ResourceType& type, JsonPtr object, const kube::ApplyOptions& options,
               Reply reply) override {
        const bool is_status = options.subresource == Subresource::status;
        x_inner.apply(type, std::move(object), options,
                      counted(is_status ? "apply_status" : "apply", std::move(reply)));
    }
    void merge_patch(const ResourceType& type, const ObjectName& name, JsonPtr patch,
                     Subresource subresource, Reply reply) override {
        x_inner.merge_patch(type, name, std::move(patch), subresource,
                            counted("patch", std::move(reply)));
    }
    void remove(const ResourceType& type, const ObjectName& name,
                const kube::DeleteOptions& options, Reply reply) override {
        x_inner.remove(type, name, options, counted("delete", std::move(reply)));
    }
    std::unique_ptr<kube::Watch> watch(const ResourceType& type, const ListScope& scope,
                                       const std::string& resource_version,
                                       kube::WatchHandler handler) override {
        count("watch", true);
        return x_inner.watch(type, scope, resource_version, std::move(handler));
    }

 private:
    void count(const char* verb, bool worked) {
        x_metrics
            .counter("millrace_operator_api_requests_total", "Calls of the Kubernetes API.",
                     {{"verb", verb}, {"result", worked ? "ok" : "error"}})
            .add();
    }
    Reply counted(const char* verb, Reply reply) {
        return [this, verb, alive = std::weak_ptr<int>(x_alive),
                reply = std::move(reply)](Result<JsonPtr> answer) mutable {
            if (alive.expired()) {
                return;
            }
            count(verb, answer.has_value());
            reply(std::move(answer));
        };
    }

    kube::Client& x_inner;
    runtime::Metrics& x_metrics;
    std::shared_ptr<int> x_alive;
};

}  // namespace

std::unique_ptr<kube::Client> make_counted_client(kube::Client& inner, runtime::Metrics& metrics) {
    return std::make_unique<CountedClient>(inner, metrics);
}

}  // namespace millrace::kube_operator::server
