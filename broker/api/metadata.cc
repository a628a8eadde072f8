#include "broker/api/handlers.h"
#include "broker/api/permissions.h"
#include "lib/kafka/topic_name.h"

namespace millrace::broker::api {
namespace {

using kafka::ErrorCode;
using kafka::MetadataRequest;
using kafka::MetadataResponse;

MetadataResponse::Topic describe(Services& services, const Call<MetadataRequest>& call,
                                 const std::string& name, const controller::CachedTopic& topic) {
    MetadataResponse::Topic answer;
    answer.name = name;
    answer.topic_id = topic.id;
    answer.is_internal = kafka::is_internal_topic(name);
    const auto partitions =
        services.metadata.view(topic, {.listener = call.listener(),
                                       .unavailable_endpoints_are_errors = call.version() == 0,
                                       .missing_listener_is_error = call.version() >= 6});
    for (const controller::PartitionView& partition : partitions) {
        answer.partitions.push_back({.error_code = wire_code(partition.error),
                                     .partition_index = partition.partition,
                                     .leader_id = partition.leader,
                                     .leader_epoch = partition.leader_epoch,
                                     .replica_nodes = partition.replicas,
                                     .isr_nodes = partition.isr,
                                     .offline_replicas = partition.offline_replicas});
    }
    return answer;
}

MetadataResponse::Topic missing(std::optional<std::string> name, const kafka::Uuid& id,
                                ErrorCode error) {
    MetadataResponse::Topic answer;
    answer.error_code = wire_code(error);
    answer.name = std::move(name);
    answer.topic_id = id;
    answer.is_internal = answer.name && kafka::is_internal_topic(*answer.name);
    return answer;
}

// Topics by name; those that are not there are put up for creation when the client and the broker allow it.
void describe_asked(Services& services, const MetadataRequest& request,
                    const Call<MetadataRequest>& call, MetadataResponse& response) {
    const bool creates = (call.version() < 4 || request.allow_auto_topic_creation) &&
                         services.config.in_force().boolean("auto.create.topics.enable");
    std::vector<controller::TopicSpec> to_create;
    for (const auto& asked : *request.topics) {
        const bool by_id = !asked.name.has_value() || !asked.topic_id.is_zero();
        if (by_id) {
            const std::string* name = services.metadata.topic_name(asked.topic_id);
            response.topics.push_back(
                name == nullptr ? missing(std::nullopt, asked.topic_id, ErrorCode::unknown_topic_id)
                                : describe(services, call, *name, *services.metadata.topic(*name)));
            continue;
        }
        const std::string& name = *asked.name;
        if (const controller::CachedTopic* topic = services.metadata.topic(name)) {
            response.topics.push_back(describe(services, call, name, *topic));
        } else if (!kafka::check_topic_name(name)) {
            response.topics.push_back(missing(name, {}, ErrorCode::invalid_topic_exception));
        } else if (creates && !kafka::is_internal_topic(name)) {
            to_create.push_back({.name = name});
            response.topics.push_back(missing(name, {}, ErrorCode::leader_not_available));
        } else {
            response.topics.push_back(missing(name, {}, ErrorCode::unknown_topic_or_partition));
        }
    }
    if (!to_create.empty()) {
        services.cluster.create_topics(std::move(to_create), {.timeout_ms = 0, .automatic = true},
                                       [](const std::vector<TopicOutcome>&) {});
    }
}

void grant(const MetadataRequest& request, MetadataResponse& response) {
    if (request.include_cluster_authorized_operations) {
        response.cluster_authorized_operations = kClusterOperations;
    }
    if (!request.include_topic_authorized_operations) {
        return;
    }
    for (MetadataResponse::Topic& topic : response.topics) {
        if (topic.error_code == wire_code(ErrorCode::none)) {
            topic.topic_authorized_operations = kTopicOperations;
        }
    }
}

}  // namespace

void handle_metadata(Services& services, MetadataRequest request, Call<MetadataRequest> call) {
    MetadataResponse response;
    for (const controller::BrokerView& broker : services.metadata.brokers(call.listener())) {
        response.brokers.push_back({broker.id, broker.host, broker.port, broker.rack});
    }
    response.cluster_id = services.cluster_id;
    response.controller_id = services.metadata.controller_id();
    const bool all = !request.topics || (call.version() == 0 && request.topics->empty());
    if (all) {
        for (const auto& [name, topic] : services.metadata.topics()) {
            response.topics.push_back(describe(services, call, name, topic));
        }
    } else {
        describe_asked(services, request, call, response);
    }
    if (call.version() < 12) {
        for (MetadataResponse::Topic& topic : response.topics) {
            topic.name = topic.name.value_or("");
        }
    }
    grant(request, response);
    call.respond(response);
}

void handle_describe_cluster(Services& services, kafka::DescribeClusterRequest request,
                             Call<kafka::DescribeClusterRequest> call) {
    kafka::DescribeClusterResponse response;
    response.endpoint_type = request.endpoint_type;
    if (request.endpoint_type != 1) {
        response.error_code =
            wire_code(request.endpoint_type == 2 ? ErrorCode::mismatched_endpoint_type
                                                 : ErrorCode::unsupported_endpoint_type);
        response.error_message = "only brokers (endpoint type 1) are known here";
        call.respond(response);
        return;
    }
    for (const controller::BrokerView& broker : services.metadata.brokers(call.listener())) {
        response.brokers.push_back({broker.id, broker.host, broker.port, broker.rack});
    }
    response.cluster_id = services.cluster_id;
    response.controller_id = services.metadata.controller_id();
    if (request.include_cluster_authorized_operations) {
        response.cluster_authorized_operations = kClusterOperations;
    }
    call.respond(response);
}

}  // namespace millrace::broker::api
