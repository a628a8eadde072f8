#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "broker/api/config_entries.h"
#include "broker/api/handlers.h"
#include "broker/controller/topic_config.h"
#include "broker/controller/zk_paths.h"

namespace millrace::broker::api {
namespace {

using kafka::ErrorCode;

constexpr std::int8_t kTopicResource = 2;
constexpr std::int8_t kBrokerResource = 4;

enum class Operation : std::int8_t { set = 0, remove = 1, append = 2, subtract = 3 };

// What a resource's part of a request comes to before anything is written.
struct Planned {
    ErrorCode error = ErrorCode::none;
    std::string message;
    std::string entity;
    ConfigChanges changes;
};

// Whose settings change, and what they are checked against.
class Subject {
 public:
    virtual ~Subject() = default;
    virtual std::string entity() const = 0;
    // What a client is told of a setting that does not pass.
    virtual ErrorCode refusal() const = 0;
    // ok, or why there is no such setting, or none that can be changed.
    virtual Status find(const std::string& name) const = 0;
    virtual bool is_list(const std::string& name) const = 0;
    // What an addition to a list adds to: as in Kafka the subject's own value, else the key's default.
    virtual std::string own_value(const std::string& name) const = 0;
    virtual Status check(const std::string& name, const std::string& value) const = 0;
};

class Topic final : public Subject {
 public:
    Topic(const Cluster& cluster, std::string_view name)
        : x_cluster(cluster), x_entity(controller::paths::topic_entity(name)) {}

    std::string entity() const override { return x_entity; }
    ErrorCode refusal() const override { return ErrorCode::invalid_config; }
    Status find(const std::string& name) const override {
        if (controller::find_topic_config(name) == nullptr) {
            return fail(Errc::invalid_argument, fmt::format("Unknown topic config name: {}", name));
        }
        return {};
    }
    bool is_list(const std::string& name) const override {
        return controller::find_topic_config(name)->type == controller::ConfigType::list;
    }
    std::string own_value(const std::string& name) const override {
        return controller::topic_config_in_force(*controller::find_topic_config(name),
                                                 x_cluster.config_of(x_entity), {});
    }
    Status check(const std::string& name, const std::string& value) const override {
        return controller::check_topic_config(name, value);
    }

 private:
    const Cluster& x_cluster;
    std::string x_entity;
};

// One broker, which is this one, or all of them.
class Brokers final : public Subject {
 public:
    Brokers(const controller::BrokerConfig& config, std::optional<std::int32_t> id)
        : x_config(config),
          x_for_all(!id),
          x_entity(id ? controller::paths::broker_entity(*id)
                      : std::string(controller::paths::kAllBrokersEntity)) {}

    std::string entity() const override { return x_entity; }
    ErrorCode refusal() const override { return ErrorCode::invalid_request; }
    Status find(const std::string&) const override { return {}; }
    bool is_list(const std::string& name) const override {
        const ConfigKey* key = find_key(name);
        return key != nullptr && key->type == KeyType::list;
    }
    std::string own_value(const std::string& name) const override {
        const controller::ConfigMap& settings = x_for_all ? x_config.for_all() : x_config.own();
        if (const auto own = settings.find(name); own != settings.end()) {
            return own->second;
        }
        return std::string(find_key(name)->default_value.value_or(""));
    }
    Status check(const std::string& name, const std::string& value) const override {
        return controller::check_dynamic(x_config.schema(), {{name, value}}, x_for_all);
    }

 private:
    const ConfigKey* find_key(const std::string& name) const {
        return controller::find_broker_key(x_config.schema(), name);
    }

    const controller::BrokerConfig& x_config;
    bool x_for_all;
    std::string x_entity;
};

Planned refuse(ErrorCode error, std::string message) {
    return {error, std::move(message), {}, {}};
}

// Null with what is wrong in the plan.
std::unique_ptr<Subject> find_subject(const Services& services, std::int8_t type,
                                      const std::string& name, Planned& plan) {
    if (type == kTopicResource) {
        if (services.metadata.topic(name) != nullptr) {
            return std::make_unique<Topic>(services.cluster, name);
        }
        plan = refuse(ErrorCode::unknown_topic_or_partition,
                      fmt::format("The topic '{}' does not exist.", name));
        return nullptr;
    }
    if (type != kBrokerResource) {
        plan = refuse(
            ErrorCode::invalid_request,
            fmt::format("resource type {} has no settings here; topics (2) and brokers (4) have",
                        type));
        return nullptr;
    }
    if (name.empty()) {
        return std::make_unique<Brokers>(services.config, std::nullopt);
    }
    if (name == std::to_string(services.broker_id)) {
        return std::make_unique<Brokers>(services.config, services.broker_id);
    }
    plan = refuse(ErrorCode::invalid_request,
                  fmt::format("Unexpected broker id, expected {} or empty string, but received {}",
                              services.broker_id, name));
    return nullptr;
}

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> parts;
    std::size_t start = 0;
    while (start <= text.size() && !text.empty()) {
        const std::size_t comma = std::min(text.find(',', start), text.size());
        parts.push_back(text.substr(start, comma - start));
        start = comma + 1;
    }
    return parts;
}

// A list with elements added or taken out.
std::string edited_list(const std::string& present, Operation operation, const std::string& value) {
    std::vector<std::string> parts = split(present);
    for (const std::string& part : split(value)) {
        const auto found = std::ranges::find(parts, part);
        if (operation == Operation::append && found == parts.end()) {
            parts.push_back(part);
        } else if (operation == Operation::subtract && found != parts.end()) {
            parts.erase(found);
        }
    }
    return fmt::format("{}", fmt::join(parts, ","));
}

// Adds one change to the plan, or makes it a refusal.
void plan_change(const Subject& subject,
                 const kafka::IncrementalAlterConfigsRequest::Resource::Config& config,
                 Planned& plan) {
    if (const Status known = subject.find(config.name); !known) {
        plan = refuse(subject.refusal(), known.error().message);
        return;
    }
    const auto operation = static_cast<Operation>(config.config_operation);
    const bool edits = operation == Operation::append || operation == Operation::subtract;
    if (config.config_operation < 0 || config.config_operation > 3 ||
        (operation != Operation::remove && !config.value) || plan.changes.contains(config.name)) {
        plan = refuse(ErrorCode::invalid_request,
                      fmt::format("operation {} does not fit {}, or the key comes twice",
                                  config.config_operation, config.name));
        return;
    }
    if (edits && !subject.is_list(config.name)) {
        plan = refuse(ErrorCode::invalid_config,
                      fmt::format("{} is no list: nothing can be added or taken out", config.name));
        return;
    }
    std::optional<std::string> value;
    if (operation == Operation::set) {
        value = config.value;
    } else if (edits) {
        value = edited_list(subject.own_value(config.name), operation, *config.value);
    }
    if (value) {
        if (const Status passes = subject.check(config.name, *value); !passes) {
            plan = refuse(subject.refusal(), passes.error().message);
            return;
        }
    }
    plan.changes[config.name] = std::move(value);
}

// The same for the older API, which names the whole set.
void plan_value(const Subject& subject, const kafka::AlterConfigsRequest::Resource::Config& config,
                Planned& plan) {
    if (!config.value) {
        plan = refuse(ErrorCode::invalid_request,
                      fmt::format("Null value not supported for : {}", config.name));
    } else if (const Status passes = subject.check(config.name, *config.value); !passes) {
        plan = refuse(subject.refusal(), passes.error().message);
    } else {
        plan.changes[config.name] = config.value;
    }
}

// Answers when every resource has been dealt with.
template <class Request>
struct Pending {
    Call<Request> call;
    kafka::ResponseOf<Request> response;
    std::size_t open = 1;

    void finish_one() {
        if (--open == 0) {
            call.respond(response);
        }
    }
};

// What both APIs do with a planned resource.
template <class Request>
void carry_out(Services& services, const std::shared_ptr<Pending<Request>>& pending, std::size_t at,
               Planned plan, bool replace, bool validate_only) {
    auto& answer = pending->response.responses[at];
    answer.error_code = wire_code(plan.error);
    if (!plan.message.empty()) {
        answer.error_message = plan.message;
    }
    if (plan.error != ErrorCode::none || validate_only) {
        return;
    }
    ++pending->open;
    services.cluster.alter_config(std::move(plan.entity), std::move(plan.changes), replace,
                                  [pending, at](ErrorCode error, const std::string& message) {
                                      auto& late = pending->response.responses[at];
                                      late.error_code = wire_code(error);
                                      if (!message.empty()) {
                                          late.error_message = message;
                                      }
                                      pending->finish_one();
                                  });
}

// Both APIs: plan_one adds one setting to a plan.
template <class Request, class PlanOne>
void alter(Services& services, const Request& request, const Call<Request>& call, bool replace,
           PlanOne plan_one) {
    auto pending = std::make_shared<Pending<Request>>(Pending<Request>{.call = call});
    for (const auto& resource : request.resources) {
        pending->response.responses.push_back(
            {0, std::nullopt, resource.resource_type, resource.resource_name});
    }
    for (std::size_t i = 0; i < request.resources.size(); ++i) {
        const auto& resource = request.resources[i];
        Planned plan;
        const auto subject =
            find_subject(services, resource.resource_type, resource.resource_name, plan);
        for (const auto& config : resource.configs) {
            if (plan.error == ErrorCode::none) {
                plan_one(*subject, config, plan);
            }
        }
        if (plan.error == ErrorCode::none) {
            plan.entity = subject->entity();
        }
        carry_out(services, pending, i, std::move(plan), replace, request.validate_only);
    }
    pending->finish_one();
}

}  // namespace

void handle_incremental_alter_configs(Services& services,
                                      kafka::IncrementalAlterConfigsRequest request,
                                      Call<kafka::IncrementalAlterConfigsRequest> call) {
    alter(services, request, call, false, plan_change);
}

void handle_alter_configs(Services& services, kafka::AlterConfigsRequest request,
                          Call<kafka::AlterConfigsRequest> call) {
    alter(services, request, call, true, plan_value);
}

}  // namespace millrace::broker::api
