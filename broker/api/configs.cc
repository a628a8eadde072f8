#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "broker/api/config_entries.h"
#include "broker/api/handlers.h"
#include "broker/controller/zk_paths.h"
#include "lib/kafka/topic_name.h"

namespace millrace::broker::api {
namespace {

using kafka::DescribeConfigsRequest;
using kafka::DescribeConfigsResponse;
using kafka::ErrorCode;

constexpr std::int8_t kTopicResource = 2;
constexpr std::int8_t kBrokerResource = 4;

bool is_asked(const DescribeConfigsRequest::Resource& resource, const std::string& name) {
    return !resource.configuration_keys || std::ranges::find(*resource.configuration_keys, name) !=
                                               resource.configuration_keys->end();
}

DescribeConfigsResponse::Resource::Config to_wire(const ConfigEntry& entry, std::int16_t version,
                                                  const DescribeConfigsRequest& request) {
    DescribeConfigsResponse::Resource::Config config;
    config.name = entry.name;
    config.value = entry.value;
    config.read_only = entry.read_only;
    config.is_default = version == 0 && entry.layer == controller::ConfigLayer::fallback;
    config.config_source = static_cast<std::int8_t>(entry.layer);
    config.is_sensitive = entry.sensitive;
    config.config_type = entry.type;
    if (request.include_documentation) {
        config.documentation = entry.doc;
    }
    for (const ConfigSynonym& synonym : entry.synonyms) {
        if (request.include_synonyms) {
            config.synonyms.push_back(
                {synonym.name, synonym.value, static_cast<std::int8_t>(synonym.layer)});
        }
    }
    return config;
}

struct Entries {
    ErrorCode error = ErrorCode::none;
    std::string message;
    std::vector<ConfigEntry> entries;
};

Entries entries_of(Services& services, const DescribeConfigsRequest::Resource& resource) {
    const std::string& name = resource.resource_name;
    if (resource.resource_type == kTopicResource) {
        if (const Status legal = kafka::check_topic_name(name); !legal) {
            return {ErrorCode::invalid_topic_exception, legal.error().message, {}};
        }
        if (services.metadata.topic(name) == nullptr) {
            return {ErrorCode::unknown_topic_or_partition,
                    fmt::format("The topic '{}' does not exist.", name),
                    {}};
        }
        return {.entries = topic_config_entries(
                    services.config,
                    services.cluster.config_of(controller::paths::topic_entity(name)))};
    }
    if (resource.resource_type == kBrokerResource) {
        if (name.empty()) {
            return {.entries = all_brokers_config_entries(services.config)};
        }
        if (name != std::to_string(services.broker_id)) {
            return {ErrorCode::invalid_request,
                    fmt::format("ask broker {} for its own settings; this is broker {}", name,
                                services.broker_id),
                    {}};
        }
        return {.entries = broker_config_entries(services.config)};
    }
    return {ErrorCode::invalid_request,
            fmt::format("resource type {} has no settings here; topics (2) and brokers (4) have",
                        resource.resource_type),
            {}};
}

// What is known when everything that is asked for has been read again.
void describe_configs(Services& services, const DescribeConfigsRequest& request,
                      const Call<DescribeConfigsRequest>& call) {
    DescribeConfigsResponse response;
    for (const auto& resource : request.resources) {
        auto& result = response.results.emplace_back();
        result.resource_type = resource.resource_type;
        result.resource_name = resource.resource_name;
        const Entries found = entries_of(services, resource);
        result.error_code = wire_code(found.error);
        if (!found.message.empty()) {
            result.error_message = found.message;
        }
        for (const ConfigEntry& entry : found.entries) {
            if (is_asked(resource, entry.name)) {
                result.configs.push_back(to_wire(entry, call.version(), request));
            }
        }
    }
    call.respond(response);
}

}  // namespace

// Settings are shown as they stand in the coordinators: who changed one through another broker asks this one next.
void handle_describe_configs(Services& services, DescribeConfigsRequest request,
                             Call<DescribeConfigsRequest> call) {
    std::set<std::string> entities;
    for (const auto& resource : request.resources) {
        if (resource.resource_type == kBrokerResource) {
            entities.insert(controller::paths::broker_entity(services.broker_id));
            entities.emplace(controller::paths::kAllBrokersEntity);
        } else if (resource.resource_type == kTopicResource &&
                   services.metadata.topic(resource.resource_name) != nullptr) {
            entities.insert(controller::paths::topic_entity(resource.resource_name));
        }
    }
    auto open = std::make_shared<std::size_t>(entities.size() + 1);
    const auto finish = [&services, open, request = std::move(request), call] {
        if (--*open == 0) {
            describe_configs(services, request, call);
        }
    };
    for (const std::string& entity : entities) {
        services.cluster.refresh_config(entity, finish);
    }
    finish();
}

}  // namespace millrace::broker::api
