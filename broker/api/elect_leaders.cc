#include "broker/api/handlers.h"

namespace millrace::broker::api {
namespace {

using kafka::ElectLeadersRequest;
using kafka::ElectLeadersResponse;
using kafka::ErrorCode;

constexpr std::int8_t kPreferred = 0;
constexpr std::int8_t kUnclean = 1;

struct Outcome {
    ErrorCode error = ErrorCode::none;
    const char* message = nullptr;
};

// A partition with one replica has the only leader it can have, or none while that broker is away: nothing is ever elected.
Outcome elect(Services& services, const std::string& topic, std::int32_t index, std::int8_t type) {
    const controller::CachedPartition* partition = services.metadata.partition(topic, index);
    if (partition == nullptr) {
        return {ErrorCode::unknown_topic_or_partition, "The partition does not exist."};
    }
    if (partition->replicas.size() != 1) {
        return {ErrorCode::invalid_request,
                "this release does not elect leaders of partitions with several replicas"};
    }
    const std::int32_t replica = partition->replicas.front();
    if (partition->leader == replica && services.metadata.is_alive(replica)) {
        return {ErrorCode::election_not_needed, "Leader election not needed for topic partition."};
    }
    return type == kUnclean ? Outcome{ErrorCode::eligible_leaders_not_available,
                                      "Eligible topic partition leaders are not available."}
                            : Outcome{ErrorCode::preferred_leader_not_available,
                                      "The preferred leader was not available."};
}

using Topics = std::vector<ElectLeadersRequest::TopicPartitions>;

Topics all_partitions(const Services& services) {
    Topics topics;
    for (const auto& [name, topic] : services.metadata.topics()) {
        auto& listed = topics.emplace_back();
        listed.topic = name;
        for (const auto& [index, partition] : topic.partitions) {
            listed.partitions.push_back(index);
        }
    }
    return topics;
}

}  // namespace

void handle_elect_leaders(Services& services, ElectLeadersRequest request,
                          Call<ElectLeadersRequest> call) {
    ElectLeadersResponse response;
    const std::int8_t type = call.version() == 0 ? kPreferred : request.election_type;
    if (type != kPreferred && type != kUnclean) {
        call.refuse({Errc::invalid_argument, "ElectLeaders with an unknown type of election"});
        return;
    }
    const bool all = !request.topic_partitions;
    for (const auto& topic : all ? all_partitions(services) : *request.topic_partitions) {
        ElectLeadersResponse::Topic answers;
        answers.topic = topic.topic;
        for (const std::int32_t index : topic.partitions) {
            const Outcome outcome =
                services.cluster.is_controller()
                    ? elect(services, topic.topic, index, type)
                    : Outcome{ErrorCode::not_controller, "this broker is not the controller"};
            // Who asks for all partitions hears of those only that have no leader to be content with.
            if (all && outcome.error == ErrorCode::election_not_needed) {
                continue;
            }
            answers.partition_result.push_back({index, wire_code(outcome.error),
                                                outcome.message == nullptr
                                                    ? std::nullopt
                                                    : std::optional<std::string>(outcome.message)});
        }
        if (!answers.partition_result.empty()) {
            response.replica_election_results.push_back(std::move(answers));
        }
    }
    call.respond(response);
}

// Replicas stay where they were made in this release: no partition is ever on its way to another broker.
void handle_list_partition_reassignments(Services& services,
                                         kafka::ListPartitionReassignmentsRequest,
                                         Call<kafka::ListPartitionReassignmentsRequest> call) {
    kafka::ListPartitionReassignmentsResponse response;
    if (!services.cluster.is_controller()) {
        response.error_code = wire_code(ErrorCode::not_controller);
        response.error_message = "this broker is not the controller";
    }
    call.respond(response);
}

}  // namespace millrace::broker::api
