#include "broker/api/group_service.h"
#include "broker/api/handlers.h"
#include "lib/base/log.h"
#include "lib/kafka/topic_name.h"

namespace millrace::broker::api {
namespace {

using kafka::ErrorCode;
using kafka::LeaderAndIsrPartition;
using kafka::LeaderAndIsrPartitionError;
using kafka::LeaderAndIsrRequest;

// Fences requests of an earlier controller, and those meant for an earlier life of this broker.
template <class Request>
ErrorCode check_epochs(Services& services, const Request& request) {
    if (request.broker_epoch >= 0 && request.broker_epoch < services.broker_epoch()) {
        return ErrorCode::stale_broker_epoch;
    }
    if (request.controller_epoch < services.controller_epoch) {
        return ErrorCode::stale_controller_epoch;
    }
    services.controller_epoch = request.controller_epoch;
    return ErrorCode::none;
}

void follow_leadership(Services& services, replica::Partition& partition, bool begins) {
    if (partition.id().topic != kafka::kGroupTopic) {
        return;
    }
    if (begins) {
        services.groups.lead(partition);
    } else if (!partition.leads()) {
        services.groups.resign(partition.id().partition, partition.leadership().leader_epoch);
    }
}

ErrorCode code_of(const Error& error) {
    if (error.code == Errc::conflict) {
        return ErrorCode::inconsistent_topic_id;
    }
    return error.code == Errc::invalid_argument ? ErrorCode::invalid_topic_exception
                                                : ErrorCode::kafka_storage_error;
}

ErrorCode apply(Services& services, const std::string& topic, const kafka::Uuid& id,
                const LeaderAndIsrPartition& state) {
    const auto partition = services.replicas.obtain({topic, state.partition_index}, id);
    if (!partition) {
        log_error("replica", "{}-{}: {}", topic, state.partition_index, partition.error().message);
        return code_of(partition.error());
    }
    const replica::Leadership leadership{.leader = state.leader,
                                         .leader_epoch = state.leader_epoch,
                                         .partition_epoch = state.partition_epoch,
                                         .controller_epoch = state.controller_epoch,
                                         .isr = state.isr,
                                         .replicas = state.replicas};
    const Result<bool> begins = (*partition)->apply(leadership);
    if (!begins) {
        return ErrorCode::stale_controller_epoch;
    }
    follow_leadership(services, **partition, *begins);
    return ErrorCode::none;
}

void apply_topic(Services& services, const LeaderAndIsrRequest::TopicState& topic,
                 kafka::LeaderAndIsrResponse& response, std::int16_t version) {
    std::vector<LeaderAndIsrPartitionError> errors;
    for (const LeaderAndIsrPartition& state : topic.partition_states) {
        LeaderAndIsrPartitionError error;
        error.topic_name = topic.topic_name;
        error.partition_index = state.partition_index;
        error.error_code = wire_code(apply(services, topic.topic_name, topic.topic_id, state));
        errors.push_back(std::move(error));
    }
    if (version >= 5) {
        response.topics.push_back({topic.topic_id, std::move(errors)});
    } else {
        response.partition_errors.insert(response.partition_errors.end(), errors.begin(),
                                         errors.end());
    }
}

// One partition to stop, whatever version named it.
struct Stop {
    std::string topic;
    std::int32_t partition = 0;
    std::int32_t leader_epoch = -1;
    bool deletes = false;
};

std::vector<Stop> stops_of(const kafka::StopReplicaRequest& request) {
    std::vector<Stop> stops;
    stops.reserve(request.ungrouped_partitions.size());
    for (const auto& partition : request.ungrouped_partitions) {
        stops.push_back(
            {partition.topic_name, partition.partition_index, -1, request.delete_partitions});
    }
    for (const auto& topic : request.topics) {
        for (const std::int32_t partition : topic.partition_indexes) {
            stops.push_back({topic.name, partition, -1, request.delete_partitions});
        }
    }
    for (const auto& topic : request.topic_states) {
        for (const auto& state : topic.partition_states) {
            stops.push_back({topic.topic_name, state.partition_index, state.leader_epoch,
                             state.delete_partition});
        }
    }
    return stops;
}

ErrorCode stop(Services& services, const Stop& wanted) {
    const replica::Partition* partition = services.replicas.find(wanted.topic, wanted.partition);
    const bool is_stale = partition != nullptr && wanted.leader_epoch >= 0 &&
                          wanted.leader_epoch < partition->leadership().leader_epoch;
    if (is_stale) {
        return ErrorCode::fenced_leader_epoch;
    }
    if (wanted.topic == kafka::kGroupTopic) {
        services.groups.resign(wanted.partition,
                               wanted.deletes ? std::nullopt : std::optional(wanted.leader_epoch));
    }
    const Status status = services.replicas.stop({wanted.topic, wanted.partition}, wanted.deletes);
    if (!status) {
        log_error("replica", "cannot stop {}-{}: {}", wanted.topic, wanted.partition,
                  status.error().message);
        return ErrorCode::kafka_storage_error;
    }
    return ErrorCode::none;
}

}  // namespace

void handle_leader_and_isr(Services& services, LeaderAndIsrRequest request,
                           Call<LeaderAndIsrRequest> call) {
    kafka::LeaderAndIsrResponse response;
    const ErrorCode fenced = check_epochs(services, request);
    response.error_code = wire_code(fenced);
    if (fenced == ErrorCode::none) {
        // Versions 0 and 1 name the topic in each partition.
        for (const LeaderAndIsrPartition& state : request.ungrouped_partition_states) {
            LeaderAndIsrRequest::TopicState topic;
            topic.topic_name = state.topic_name;
            topic.partition_states = {state};
            apply_topic(services, topic, response, call.version());
        }
        for (const auto& topic : request.topic_states) {
            apply_topic(services, topic, response, call.version());
        }
    }
    call.respond(response);
}

void handle_stop_replica(Services& services, kafka::StopReplicaRequest request,
                         Call<kafka::StopReplicaRequest> call) {
    kafka::StopReplicaResponse response;
    const ErrorCode fenced = check_epochs(services, request);
    response.error_code = wire_code(fenced);
    if (fenced == ErrorCode::none) {
        for (const Stop& wanted : stops_of(request)) {
            response.partition_errors.push_back(
                {wanted.topic, wanted.partition, wire_code(stop(services, wanted))});
        }
    }
    call.respond(response);
}

void handle_update_metadata(Services& services, kafka::UpdateMetadataRequest request,
                            Call<kafka::UpdateMetadataRequest> call) {
    kafka::UpdateMetadataResponse response;
    const ErrorCode fenced = check_epochs(services, request);
    response.error_code = wire_code(fenced);
    if (fenced == ErrorCode::none) {
        const controller::MetadataCache::Change change = services.metadata.apply(request);
        if (!change.removed_topics.empty()) {
            GroupService& groups = services.groups;
            groups.perform(groups.core().forget_topics(change.removed_topics, groups.moment()));
        }
        services.on_metadata();
    }
    call.respond(response);
}

void handle_controlled_shutdown(Services& services, kafka::ControlledShutdownRequest request,
                                Call<kafka::ControlledShutdownRequest> call) {
    services.cluster.controlled_shutdown(
        request,
        [call](const kafka::ControlledShutdownResponse& response) { call.respond(response); });
}

}  // namespace millrace::broker::api
