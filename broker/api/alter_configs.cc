#include <fmt/format.h>

#include <algorithm>

#include "broker/api/config_entries.h"
#include "broker/api/handlers.h"
#include "broker/controller/topic_config.h"

namespace millrace::broker::api {
namespace {

using kafka::ErrorCode;

constexpr std::int8_t kTopicResource = 2;

enum class Operation : std::int8_t { set = 0, remove = 1, append = 2, subtract = 3 };

// What a resource's part of a request comes to before anything is written.
struct Planned {
    ErrorCode error = ErrorCode::none;
    std::string message;
    ConfigChanges changes;
};

Planned refuse(ErrorCode error, std::string message) {
    return {error, std::move(message), {}};
}

Planned check_resource(Services& services, std::int8_t type, const std::string& name) {
    if (type != kTopicResource) {
        return refuse(
            ErrorCode::invalid_request,
            "only topics can be altered at run time; settings of a broker are in its file");
    }
    if (services.metadata.topic(name) == nullptr) {
        return refuse(ErrorCode::unknown_topic_or_partition,
                      fmt::format("The topic '{}' does not exist.", name));
    }
    return {};
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

// A list setting with elements added or taken out, from the value in force.
std::string edited_list(Services& services, const std::string& topic,
                        const controller::TopicConfigKey& key, Operation operation,
                        const std::string& value) {
    ConfigTexts none;
    const auto present =
        controller::effective_topic_config(key, services.cluster.topic_config(topic), none);
    std::vector<std::string> parts = split(present.value);
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

// Adds one change to the plan; false when it is refused.
bool plan_change(Services& services, const std::string& topic,
                 const kafka::IncrementalAlterConfigsRequest::Resource::Config& config,
                 Planned& plan) {
    const controller::TopicConfigKey* key = controller::find_topic_config(config.name);
    if (key == nullptr) {
        plan = refuse(ErrorCode::invalid_config,
                      fmt::format("Unknown topic config name: {}", config.name));
        return false;
    }
    const auto operation = static_cast<Operation>(config.config_operation);
    const bool edits = operation == Operation::append || operation == Operation::subtract;
    if (config.config_operation < 0 || config.config_operation > 3 ||
        (operation != Operation::remove && !config.value) || plan.changes.contains(config.name)) {
        plan = refuse(ErrorCode::invalid_request,
                      fmt::format("operation {} does not fit {}, or the key comes twice",
                                  config.config_operation, config.name));
        return false;
    }
    if (edits && key->type != controller::ConfigType::list) {
        plan = refuse(ErrorCode::invalid_config,
                      fmt::format("{} is no list: nothing can be added or taken out", config.name));
        return false;
    }
    std::optional<std::string> value;
    if (operation == Operation::set) {
        value = config.value;
    } else if (edits) {
        value = edited_list(services, topic, *key, operation, *config.value);
    }
    if (value) {
        const Status status = controller::check_topic_config(config.name, *value);
        if (!status) {
            plan = refuse(ErrorCode::invalid_config, status.error().message);
            return false;
        }
    }
    plan.changes[config.name] = std::move(value);
    return true;
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
    services.cluster.alter_topic_config(answer.resource_name, std::move(plan.changes), replace,
                                        [pending, at](ErrorCode error, const std::string& message) {
                                            auto& late = pending->response.responses[at];
                                            late.error_code = wire_code(error);
                                            if (!message.empty()) {
                                                late.error_message = message;
                                            }
                                            pending->finish_one();
                                        });
}

}  // namespace

void handle_incremental_alter_configs(Services& services,
                                      kafka::IncrementalAlterConfigsRequest request,
                                      Call<kafka::IncrementalAlterConfigsRequest> call) {
    using Request = kafka::IncrementalAlterConfigsRequest;
    auto pending = std::make_shared<Pending<Request>>(Pending<Request>{.call = call});
    for (const auto& resource : request.resources) {
        pending->response.responses.push_back(
            {0, std::nullopt, resource.resource_type, resource.resource_name});
    }
    for (std::size_t i = 0; i < request.resources.size(); ++i) {
        const auto& resource = request.resources[i];
        Planned plan = check_resource(services, resource.resource_type, resource.resource_name);
        for (const auto& config : resource.configs) {
            if (plan.error != ErrorCode::none ||
                !plan_change(services, resource.resource_name, config, plan)) {
                break;
            }
        }
        carry_out(services, pending, i, std::move(plan), false, request.validate_only);
    }
    pending->finish_one();
}

void handle_alter_configs(Services& services, kafka::AlterConfigsRequest request,
                          Call<kafka::AlterConfigsRequest> call) {
    using Request = kafka::AlterConfigsRequest;
    auto pending = std::make_shared<Pending<Request>>(Pending<Request>{.call = call});
    for (const auto& resource : request.resources) {
        pending->response.responses.push_back(
            {0, std::nullopt, resource.resource_type, resource.resource_name});
    }
    for (std::size_t i = 0; i < request.resources.size(); ++i) {
        const auto& resource = request.resources[i];
        Planned plan = check_resource(services, resource.resource_type, resource.resource_name);
        for (const auto& config : resource.configs) {
            if (plan.error == ErrorCode::none && !config.value) {
                plan = refuse(ErrorCode::invalid_request,
                              fmt::format("Null value not supported for : {}", config.name));
            }
            const Status status =
                controller::check_topic_config(config.name, config.value.value_or(""));
            if (plan.error == ErrorCode::none && !status) {
                plan = refuse(ErrorCode::invalid_config, status.error().message);
            }
            if (plan.error == ErrorCode::none) {
                plan.changes[config.name] = config.value;
            }
        }
        carry_out(services, pending, i, std::move(plan), true, request.validate_only);
    }
    pending->finish_one();
}

}  // namespace millrace::broker::api
