#include "broker/api/handlers.h"
#include "lib/kafka/topic_name.h"

namespace millrace::broker::api {
namespace {

using kafka::ErrorCode;
using kafka::ListOffsetsRequest;

// Timestamps that stand for a place.
constexpr std::int64_t kLatest = -1;
constexpr std::int64_t kEarliest = -2;
constexpr std::int64_t kMaxTimestamp = -3;   // KIP-734
constexpr std::int64_t kEarliestLocal = -4;  // KIP-405
constexpr std::int64_t kLatestTiered = -5;   // KIP-1005

std::int16_t first_version_of(std::int64_t timestamp) {
    switch (timestamp) {
        case kMaxTimestamp:
            return 7;
        case kEarliestLocal:
            return 8;
        case kLatestTiered:
            return 9;
        default:
            return 0;
    }
}

struct Found {
    ErrorCode error = ErrorCode::none;
    log::TimestampAndOffset at;
};

Found find_offset(replica::Partition& partition, std::int64_t timestamp, bool committed_only) {
    const std::int64_t bound =
        committed_only ? partition.last_stable_offset() : partition.high_watermark();
    log::PartitionLog& log = partition.log();
    if (timestamp == kLatest) {
        return {.at = {-1, bound, log.latest_epoch()}};
    }
    if (timestamp == kEarliest || timestamp == kEarliestLocal) {
        return {.at = {-1, log.log_start_offset(), log.epoch_at(log.log_start_offset())}};
    }
    if (timestamp == kLatestTiered) {
        return {};
    }
    const auto found = timestamp == kMaxTimestamp ? log.offset_of_max_timestamp()
                                                  : log.offset_for_timestamp(timestamp, bound);
    if (!found) {
        return {.error = ErrorCode::kafka_storage_error};
    }
    return *found && (*found)->offset < bound ? Found{.at = **found} : Found{};
}

// Each version has fields of its own for the answer.
void fill_place(std::int16_t version, const log::TimestampAndOffset& at,
                kafka::ListOffsetsResponse::Topic::Partition& answer) {
    if (version == 0) {
        if (at.offset >= 0) {
            answer.old_style_offsets = {at.offset};
        }
        return;
    }
    answer.timestamp = at.timestamp;
    answer.offset = at.offset;
    if (version >= 4) {
        answer.leader_epoch = at.leader_epoch;
    }
}

}  // namespace

void handle_list_offsets(Services& services, ListOffsetsRequest request,
                         Call<ListOffsetsRequest> call) {
    kafka::ListOffsetsResponse response;
    for (const auto& topic : request.topics) {
        auto& answers = response.topics.emplace_back();
        answers.name = topic.name;
        for (const auto& asked : topic.partitions) {
            auto& answer = answers.partitions.emplace_back();
            answer.partition_index = asked.partition_index;
            if (asked.timestamp < kLatestTiered ||
                call.version() < first_version_of(asked.timestamp)) {
                answer.error_code = wire_code(ErrorCode::unsupported_version);
                continue;
            }
            const LedPartition led =
                find_led(services, topic.name, asked.partition_index, asked.current_leader_epoch);
            if (led.partition == nullptr) {
                answer.error_code = wire_code(led.error);
                continue;
            }
            const Found found =
                find_offset(*led.partition, asked.timestamp, request.isolation_level == 1);
            answer.error_code = wire_code(found.error);
            fill_place(call.version(), found.at, answer);
        }
    }
    call.respond(response);
}

void handle_offset_for_leader_epoch(Services& services, kafka::OffsetForLeaderEpochRequest request,
                                    Call<kafka::OffsetForLeaderEpochRequest> call) {
    kafka::OffsetForLeaderEpochResponse response;
    for (const auto& topic : request.topics) {
        auto& answers = response.topics.emplace_back();
        answers.topic = topic.topic;
        for (const auto& asked : topic.partitions) {
            auto& answer = answers.partitions.emplace_back();
            answer.partition = asked.partition;
            const LedPartition led =
                find_led(services, topic.topic, asked.partition, asked.current_leader_epoch);
            answer.error_code = wire_code(led.error);
            if (led.partition != nullptr) {
                const log::EpochEnd end = led.partition->log().end_of_epoch(asked.leader_epoch);
                answer.leader_epoch = end.epoch;
                answer.end_offset = end.end_offset;
            }
        }
    }
    call.respond(response);
}

void handle_delete_records(Services& services, kafka::DeleteRecordsRequest request,
                           Call<kafka::DeleteRecordsRequest> call) {
    kafka::DeleteRecordsResponse response;
    for (const auto& topic : request.topics) {
        auto& answers = response.topics.emplace_back();
        answers.name = topic.name;
        for (const auto& asked : topic.partitions) {
            auto& answer = answers.partitions.emplace_back();
            answer.partition_index = asked.partition_index;
            answer.low_watermark = -1;
            if (kafka::is_internal_topic(topic.name)) {
                answer.error_code = wire_code(ErrorCode::invalid_topic_exception);
                continue;
            }
            const LedPartition led = find_led(services, topic.name, asked.partition_index, -1);
            if (led.partition == nullptr) {
                answer.error_code = wire_code(led.error);
                continue;
            }
            log::PartitionLog& log = led.partition->log();
            const std::int64_t offset =
                asked.offset == -1 ? led.partition->high_watermark() : asked.offset;
            if (!log.config().cleanup_delete) {
                answer.error_code = wire_code(ErrorCode::policy_violation);
            } else if (offset < 0 || !log.advance_log_start_offset(offset)) {
                answer.error_code = wire_code(ErrorCode::offset_out_of_range);
            } else {
                answer.low_watermark = log.log_start_offset();
            }
        }
    }
    call.respond(response);
}

}  // namespace millrace::broker::api
