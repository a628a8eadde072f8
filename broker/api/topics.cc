#include <algorithm>
#include <set>

#include "broker/api/config_entries.h"
#include "broker/api/handlers.h"

namespace millrace::broker::api {
namespace {

using kafka::ErrorCode;

std::optional<std::string> text_or_null(const std::string& message) {
    return message.empty() ? std::nullopt : std::optional(message);
}

// Why a topic of a CreateTopics request is refused before anything is planned; nothing when it is not.
std::optional<TopicOutcome> refuse_topic(const kafka::CreateTopicsRequest& request,
                                         const kafka::CreateTopicsRequest::Topic& topic) {
    const auto same = [&](const auto& other) { return other.name == topic.name; };
    if (std::ranges::count_if(request.topics, same) > 1) {
        return TopicOutcome{.topic = topic.name,
                            .error = ErrorCode::invalid_request,
                            .message = "Found multiple entries for this topic."};
    }
    for (const auto& config : topic.configs) {
        if (!config.value) {
            return TopicOutcome{
                .topic = topic.name,
                .error = ErrorCode::invalid_config,
                .message = "Null value not supported for topic configs: " + config.name};
        }
    }
    return std::nullopt;
}

controller::TopicSpec to_spec(const kafka::CreateTopicsRequest::Topic& topic) {
    controller::TopicSpec spec{.name = topic.name,
                               .partitions = topic.num_partitions,
                               .replication_factor = topic.replication_factor};
    for (const auto& assignment : topic.assignments) {
        spec.assignment[assignment.partition_index] = assignment.broker_ids;
    }
    for (const auto& config : topic.configs) {
        spec.configs[config.name] = config.value.value_or("");
    }
    return spec;
}

kafka::CreateTopicsResponse creation_answer(Services& services,
                                            const std::vector<controller::TopicSpec>& specs,
                                            const std::vector<TopicOutcome>& outcomes) {
    kafka::CreateTopicsResponse response;
    for (const TopicOutcome& outcome : outcomes) {
        auto& answer = response.topics.emplace_back();
        answer.name = outcome.topic;
        answer.topic_id = outcome.topic_id;
        answer.error_code = wire_code(outcome.error);
        answer.error_message = text_or_null(outcome.message);
        if (outcome.error != ErrorCode::none) {
            continue;
        }
        answer.num_partitions = outcome.partitions;
        answer.replication_factor = outcome.replication_factor;
        answer.configs.emplace();
        const auto spec = std::ranges::find(specs, outcome.topic, &controller::TopicSpec::name);
        for (const ConfigEntry& entry : topic_config_entries(
                 services.config, spec == specs.end() ? controller::ConfigMap{} : spec->configs)) {
            answer.configs->push_back({entry.name, entry.value, entry.read_only,
                                       static_cast<std::int8_t>(entry.layer), entry.sensitive});
        }
    }
    return response;
}

template <class Response>
Response partitions_answer(const std::vector<TopicOutcome>& outcomes) {
    Response response;
    for (const TopicOutcome& outcome : outcomes) {
        response.results.push_back(
            {outcome.topic, wire_code(outcome.error), text_or_null(outcome.message)});
    }
    return response;
}

// Topics of a DeleteTopics request by name, with those that cannot be named.
struct ToDelete {
    std::vector<std::string> names;
    std::vector<TopicOutcome> refused;
};

ToDelete names_to_delete(Services& services, const kafka::DeleteTopicsRequest& request) {
    ToDelete result{.names = request.topic_names, .refused = {}};
    for (const auto& topic : request.topics) {
        if (topic.name) {
            result.names.push_back(*topic.name);
        } else if (const std::string* name = services.metadata.topic_name(topic.topic_id)) {
            result.names.push_back(*name);
        } else {
            result.refused.push_back({.topic = "",
                                      .error = ErrorCode::unknown_topic_id,
                                      .message = "no topic has this id",
                                      .topic_id = topic.topic_id});
        }
    }
    return result;
}

}  // namespace

void handle_create_topics(Services& services, kafka::CreateTopicsRequest request,
                          Call<kafka::CreateTopicsRequest> call) {
    std::vector<controller::TopicSpec> specs;
    std::vector<TopicOutcome> refused;
    for (const auto& topic : request.topics) {
        if (auto refusal = refuse_topic(request, topic)) {
            refused.push_back(*std::move(refusal));
        } else {
            specs.push_back(to_spec(topic));
        }
    }
    if (!services.cluster.is_controller()) {
        std::vector<TopicOutcome> outcomes;
        outcomes.reserve(request.topics.size());
        for (const auto& topic : request.topics) {
            outcomes.push_back({.topic = topic.name,
                                .error = ErrorCode::not_controller,
                                .message = "this broker is not the controller"});
        }
        call.respond(creation_answer(services, specs, outcomes));
        return;
    }
    const CreateOptions options{.validate_only = request.validate_only,
                                .timeout_ms = request.timeout_ms};
    services.cluster.create_topics(
        specs, options,
        [&services, call, specs, refused = std::move(refused)](std::vector<TopicOutcome> outcomes) {
            outcomes.insert(outcomes.end(), refused.begin(), refused.end());
            call.respond(creation_answer(services, specs, outcomes));
        });
}

void handle_create_partitions(Services& services, kafka::CreatePartitionsRequest request,
                              Call<kafka::CreatePartitionsRequest> call) {
    std::vector<controller::MorePartitions> wanted;
    std::vector<TopicOutcome> refused;
    std::vector<TopicOutcome> repeated;
    std::set<std::string> seen;
    for (const auto& topic : request.topics) {
        const auto same = [&](const auto& other) { return other.name == topic.name; };
        if (std::ranges::count_if(request.topics, same) > 1) {
            if (seen.insert(topic.name).second) {
                repeated.push_back({.topic = topic.name,
                                    .error = ErrorCode::invalid_request,
                                    .message = "Duplicate topic in request."});
            }
            continue;
        }
        controller::MorePartitions more{.topic = topic.name, .count = topic.count};
        if (topic.assignments) {
            more.assignments.emplace();
            for (const auto& assignment : *topic.assignments) {
                more.assignments->push_back(assignment.broker_ids);
            }
        }
        wanted.push_back(std::move(more));
        refused.push_back({.topic = topic.name,
                           .error = ErrorCode::not_controller,
                           .message = "this broker is not the controller"});
    }
    if (!services.cluster.is_controller()) {
        call.respond(partitions_answer<kafka::CreatePartitionsResponse>(refused));
        return;
    }
    services.cluster.add_partitions(
        std::move(wanted),
        {.validate_only = request.validate_only, .timeout_ms = request.timeout_ms},
        [call, repeated = std::move(repeated)](std::vector<TopicOutcome> outcomes) {
            outcomes.insert(outcomes.end(), repeated.begin(), repeated.end());
            call.respond(partitions_answer<kafka::CreatePartitionsResponse>(outcomes));
        });
}

void handle_delete_topics(Services& services, kafka::DeleteTopicsRequest request,
                          Call<kafka::DeleteTopicsRequest> call) {
    ToDelete wanted = names_to_delete(services, request);
    const auto answer = [call,
                         refused = std::move(wanted.refused)](std::vector<TopicOutcome> outcomes) {
        outcomes.insert(outcomes.end(), refused.begin(), refused.end());
        kafka::DeleteTopicsResponse response;
        for (const TopicOutcome& outcome : outcomes) {
            const bool nameless = outcome.topic.empty() && call.version() >= 6;
            response.responses.push_back(
                {.name = nameless ? std::nullopt : std::optional(outcome.topic),
                 .topic_id = outcome.topic_id,
                 .error_code = wire_code(outcome.error),
                 .error_message = text_or_null(outcome.message)});
        }
        call.respond(response);
    };
    ErrorCode blanket = ErrorCode::none;
    if (!services.cluster.is_controller()) {
        blanket = ErrorCode::not_controller;
    } else if (!services.config.in_force().boolean("delete.topic.enable")) {
        blanket =
            call.version() < 3 ? ErrorCode::invalid_request : ErrorCode::topic_deletion_disabled;
    }
    if (blanket != ErrorCode::none) {
        std::vector<TopicOutcome> outcomes;
        outcomes.reserve(wanted.names.size());
        for (const std::string& name : wanted.names) {
            outcomes.push_back({.topic = name, .error = blanket});
        }
        answer(std::move(outcomes));
        return;
    }
    services.cluster.delete_topics(std::move(wanted.names), request.timeout_ms, answer);
}

}  // namespace millrace::broker::api
