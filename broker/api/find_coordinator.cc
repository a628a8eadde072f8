#include <algorithm>

#include "broker/api/group_service.h"
#include "broker/api/handlers.h"
#include "lib/kafka/topic_name.h"

namespace millrace::broker::api {
namespace {

using kafka::ErrorCode;
using kafka::FindCoordinatorRequest;

constexpr std::int8_t kGroup = 0;
constexpr std::int8_t kTransaction = 1;
constexpr std::int8_t kShare = 2;

using Answer = kafka::FindCoordinatorResponse::Coordinator;

Answer unavailable(const std::string& key, ErrorCode error, std::string message) {
    return {.key = key,
            .node_id = -1,
            .host = "",
            .port = -1,
            .error_code = wire_code(error),
            .error_message = std::move(message)};
}

void create_group_topic(Services& services) {
    const Config& config = services.config.in_force();
    controller::TopicSpec spec{
        .name = std::string(kafka::kGroupTopic),
        .partitions = config.int32("offsets.topic.num.partitions"),
        .replication_factor =
            static_cast<std::int16_t>(config.int32("offsets.topic.replication.factor")),
        .configs = {{"cleanup.policy", "compact"},
                    {"compression.type", "producer"},
                    {"segment.bytes", config.text("offsets.topic.segment.bytes")}}};
    services.cluster.create_topics({std::move(spec)}, {.timeout_ms = 0, .automatic = true},
                                   [](const std::vector<TopicOutcome>&) {});
}

Answer find(Services& services, const Call<FindCoordinatorRequest>& call, std::int8_t type,
            const std::string& key) {
    if (type == kTransaction) {
        // The one error that every client takes for final: after others librdkafka asks again without an end.
        return unavailable(key, ErrorCode::transactional_id_authorization_failed,
                           "transactions are not served by this release");
    }
    if (type != kGroup) {
        // Kafka 3.9 knows share groups from version 6 on and has no coordinator for them in ZooKeeper mode.
        const bool is_known = type == kShare && call.version() >= 6;
        return unavailable(
            key, is_known ? ErrorCode::coordinator_not_available : ErrorCode::invalid_request,
            "share groups are not served");
    }
    if (services.metadata.topic(kafka::kGroupTopic) == nullptr) {
        create_group_topic(services);
        return unavailable(key, ErrorCode::coordinator_not_available,
                           "the topic of the group coordinators is being created");
    }
    const std::int32_t partition = services.groups.core().partition_of(key);
    const controller::CachedPartition* known =
        services.metadata.partition(kafka::kGroupTopic, partition);
    const auto broker =
        known == nullptr ? std::nullopt : services.metadata.broker(known->leader, call.listener());
    if (!broker) {
        return unavailable(key, ErrorCode::coordinator_not_available,
                           "the partition of the group has no leader");
    }
    return {.key = key,
            .node_id = broker->id,
            .host = broker->host,
            .port = broker->port,
            .error_code = 0,
            .error_message = std::nullopt};
}

}  // namespace

void handle_find_coordinator(Services& services, FindCoordinatorRequest request,
                             Call<FindCoordinatorRequest> call) {
    kafka::FindCoordinatorResponse response;
    if (call.version() >= 4) {
        for (const std::string& key : request.coordinator_keys) {
            response.coordinators.push_back(find(services, call, request.key_type, key));
        }
    } else {
        const Answer answer = find(services, call, request.key_type, request.key);
        response.error_code = answer.error_code;
        response.error_message = answer.error_message;
        response.node_id = answer.node_id;
        response.host = answer.host;
        response.port = answer.port;
    }
    call.respond(response);
}

}  // namespace millrace::broker::api
