#include "broker/api/handlers.h"

namespace millrace::broker::api {

using kafka::ErrorCode;

LedPartition find_led(Services& services, std::string_view topic, std::int32_t partition,
                      std::int32_t client_epoch) {
    replica::Partition* held = services.replicas.find(topic, partition);
    if (held == nullptr) {
        // Kafka tells a client that knows too much from one that knows too little.
        const bool exists = services.metadata.partition(topic, partition) != nullptr;
        return {nullptr,
                exists ? ErrorCode::not_leader_or_follower : ErrorCode::unknown_topic_or_partition};
    }
    const ErrorCode error = held->check_leader(client_epoch);
    if (error != ErrorCode::none) {
        return {nullptr, error};
    }
    return held->log().failed() ? LedPartition{nullptr, ErrorCode::kafka_storage_error}
                                : LedPartition{held, ErrorCode::none};
}

}  // namespace millrace::broker::api
