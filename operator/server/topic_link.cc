#include "operator/server/topic_link.h"

#include <algorithm>

#include "lib/kafka/configs.h"
#include "lib/kafka/metadata.h"
#include "lib/kafka/topics.h"
#include "lib/runtime/version.h"

namespace millrace::kube_operator::server {
namespace {

using kafka::ErrorCode;
using reconcile::ObservedTopic;

constexpr std::int8_t kTopicResource = 2;
constexpr std::int8_t kSetForTopic =
    1;  // config_source of a value that was set for the topic itself
constexpr std::int8_t kOperationSet = 0;
constexpr std::int8_t kOperationDelete = 1;
constexpr std::int32_t kTimeoutMillis = 8000;

std::unexpected<TopicRefusal> unreachable(const Error& error) {
    return std::unexpected(TopicRefusal{true, "ClusterUnreachable", error.message});
}

std::unexpected<TopicRefusal> refused(ErrorCode code, const std::optional<std::string>& message) {
    const bool has_message = message && !message->empty();
    return std::unexpected(TopicRefusal{false, reason_of(code),
                                        has_message ? *message : std::string(message_of(code))});
}

// The error of the one topic that was asked about.
template <class Items>
std::expected<void, TopicRefusal> judge(const Items& items, ErrorCode accepted = ErrorCode::none) {
    if (items.empty()) {
        return refused(ErrorCode::unknown_server_error, "the broker said nothing about the topic");
    }
    const ErrorCode code = kafka::error_from_wire(items.front().error_code);
    if (code == ErrorCode::none || code == accepted) {
        return {};
    }
    return refused(code, items.front().error_message);
}

// Makes the client look for the controller again when the broker asked is none.
template <class Items>
ErrorCode controller_error(const Items& items) {
    for (const auto& item : items) {
        if (kafka::error_from_wire(item.error_code) == ErrorCode::not_controller) {
            return ErrorCode::not_controller;
        }
    }
    return ErrorCode::none;
}

ObservedTopic observed_of(const kafka::MetadataResponseTopic& topic) {
    ObservedTopic observed;
    observed.topic_id = topic.topic_id.is_zero() ? "" : topic.topic_id.to_string();
    observed.partitions = static_cast<std::int64_t>(topic.partitions.size());
    for (const auto& partition : topic.partitions) {
        observed.replicas =
            std::max(observed.replicas, static_cast<std::int64_t>(partition.replica_nodes.size()));
    }
    return observed;
}

std::map<std::string, std::string> own_settings(const kafka::DescribeConfigsResponseResource& of) {
    std::map<std::string, std::string> settings;
    for (const auto& entry : of.configs) {
        if (entry.config_source == kSetForTopic) {
            settings[entry.name] = entry.value.value_or("");
        }
    }
    return settings;
}

kafka::ClusterClientOptions client_options() {
    kafka::ClusterClientOptions options;
    options.connection.client_id = "millrace-operator";
    options.connection.software_version = std::string(runtime::version());
    options.connection.connect_timeout = 2s;
    options.connection.request_timeout = 10s;
    options.call_timeout = 12s;
    return options;
}

}  // namespace

std::string reason_of(ErrorCode code) {
    std::string reason;
    bool at_start = true;
    for (const char c : name_of(code)) {
        const bool is_upper = c >= 'A' && c <= 'Z';
        if (c == '_') {
            at_start = true;
            continue;
        }
        reason.push_back(is_upper && !at_start ? static_cast<char>(c + 32) : c);
        at_start = false;
    }
    return reason;
}

TopicLink::TopicLink(runtime::Loop& loop, runtime::Network& network,
                     const std::vector<runtime::Endpoint>& bootstrap)
    : x_client(loop, network, bootstrap, client_options()) {}

void TopicLink::observe(const std::string& topic, Callback<std::optional<ObservedTopic>> then) {
    kafka::MetadataRequest request;
    request.topics.emplace();
    request.topics->emplace_back().name = topic;
    request.allow_auto_topic_creation = false;
    x_client.call<kafka::MetadataRequest>(
        kafka::TheController{}, std::move(request),
        [this, topic, then = std::move(then)](const auto& response) mutable {
            if (!response) {
                then(unreachable(response.error()));
                return;
            }
            if (response->topics.empty()) {
                then(std::nullopt);
                return;
            }
            const kafka::MetadataResponseTopic& found = response->topics.front();
            const ErrorCode code = kafka::error_from_wire(found.error_code);
            if (code == ErrorCode::unknown_topic_or_partition) {
                then(std::nullopt);
            } else if (code != ErrorCode::none) {
                then(refused(code, std::nullopt));
            } else {
                read_config(topic, observed_of(found), std::move(then));
            }
        });
}

void TopicLink::read_config(const std::string& topic, ObservedTopic observed,
                            Callback<std::optional<ObservedTopic>> then) {
    kafka::DescribeConfigsRequest request;
    kafka::DescribeConfigsRequestResource& resource = request.resources.emplace_back();
    resource.resource_type = kTopicResource;
    resource.resource_name = topic;
    resource.configuration_keys = std::nullopt;
    x_client.call<kafka::DescribeConfigsRequest>(
        kafka::TheController{}, std::move(request),
        [observed = std::move(observed), then = std::move(then)](const auto& response) mutable {
            if (!response) {
                then(unreachable(response.error()));
                return;
            }
            if (const auto verdict = judge(response->results); !verdict) {
                then(std::unexpected(verdict.error()));
                return;
            }
            observed.config = own_settings(response->results.front());
            then(std::move(observed));
        },
        // Whether an entry was set for the topic itself is told from version 1 on.
        {.versions = {1, kafka::DescribeConfigsRequest::kMaxVersion}});
}

void TopicLink::create(const reconcile::CreateTopic& topic, Callback<void> then) {
    kafka::CreateTopicsRequest request;
    request.timeout_ms = kTimeoutMillis;
    kafka::CreateTopicsRequestTopic& wanted = request.topics.emplace_back();
    wanted.name = topic.name;
    wanted.num_partitions = static_cast<std::int32_t>(topic.partitions);
    wanted.replication_factor = static_cast<std::int16_t>(topic.replicas);
    for (const auto& [key, value] : topic.config) {
        wanted.configs.emplace_back() = {.name = key, .value = value};
    }
    x_client.call<kafka::CreateTopicsRequest>(
        kafka::TheController{}, std::move(request),
        [then = std::move(then)](const auto& response) mutable {
            response ? then(judge(response->topics, ErrorCode::topic_already_exists))
                     : then(unreachable(response.error()));
        },
        // The cluster's defaults for counts can be asked for from version 4 on (KIP-464).
        {.versions = {4, kafka::CreateTopicsRequest::kMaxVersion},
         .error_of = [](const auto& response) { return controller_error(response.topics); }});
}

void TopicLink::add_partitions(const reconcile::AddPartitions& change, Callback<void> then) {
    kafka::CreatePartitionsRequest request;
    request.timeout_ms = kTimeoutMillis;
    kafka::CreatePartitionsRequestTopic& wanted = request.topics.emplace_back();
    wanted.name = change.name;
    wanted.count = static_cast<std::int32_t>(change.total);
    wanted.assignments = std::nullopt;
    x_client.call<kafka::CreatePartitionsRequest>(
        kafka::TheController{}, std::move(request),
        [then = std::move(then)](const auto& response) mutable {
            response ? then(judge(response->results)) : then(unreachable(response.error()));
        },
        {.error_of = [](const auto& response) { return controller_error(response.results); }});
}

void TopicLink::alter_config(const reconcile::AlterTopicConfig& change, Callback<void> then) {
    kafka::IncrementalAlterConfigsRequest request;
    kafka::IncrementalAlterConfigsRequestResource& resource = request.resources.emplace_back();
    resource.resource_type = kTopicResource;
    resource.resource_name = change.name;
    for (const auto& [key, value] : change.changes) {
        resource.configs.emplace_back() = {
            .name = key,
            .config_operation = value ? kOperationSet : kOperationDelete,
            .value = value};
    }
    x_client.call<kafka::IncrementalAlterConfigsRequest>(
        kafka::TheController{}, std::move(request),
        [then = std::move(then)](const auto& response) mutable {
            response ? then(judge(response->responses)) : then(unreachable(response.error()));
        });
}

void TopicLink::remove(const reconcile::DeleteTopic& topic, Callback<void> then) {
    constexpr std::int16_t kNamesUpTo = 5;  // later versions name topics in another way
    kafka::DeleteTopicsRequest request;
    request.topic_names = {topic.name};
    request.timeout_ms = kTimeoutMillis;
    x_client.call<kafka::DeleteTopicsRequest>(
        kafka::TheController{}, std::move(request),
        [then = std::move(then)](const auto& response) mutable {
            response ? then(judge(response->responses, ErrorCode::unknown_topic_or_partition))
                     : then(unreachable(response.error()));
        },
        {.versions = {kafka::DeleteTopicsRequest::kMinVersion, kNamesUpTo},
         .error_of = [](const auto& response) { return controller_error(response.responses); }});
}

std::shared_ptr<TopicLink> TopicLinks::find(const kube::ObjectName& cluster,
                                            const std::vector<runtime::Endpoint>& bootstrap) {
    Entry& entry = x_links[cluster];
    if (!entry.link || entry.bootstrap != bootstrap) {
        entry.link = std::make_shared<TopicLink>(x_loop, x_network, bootstrap);
        entry.bootstrap = bootstrap;
    }
    return entry.link;
}

}  // namespace millrace::kube_operator::server
