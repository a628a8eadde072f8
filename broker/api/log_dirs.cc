#include <algorithm>
#include <map>
#include <set>

#include "broker/api/handlers.h"

namespace millrace::broker::api {
namespace {

using kafka::DescribeLogDirsRequest;
using kafka::DescribeLogDirsResponse;
using kafka::ErrorCode;

// Which partitions a request names; nothing stands for all.
using Asked = std::optional<std::set<log::TopicPartition>>;

Asked read_asked(const DescribeLogDirsRequest& request) {
    if (!request.topics) {
        return std::nullopt;
    }
    Asked asked(std::in_place);
    for (const auto& topic : *request.topics) {
        for (const std::int32_t partition : topic.partitions) {
            asked->insert({topic.topic, partition});
        }
    }
    return asked;
}

DescribeLogDirsResponse::LogDir describe(log::LogDirectory& directory, const Asked& asked) {
    DescribeLogDirsResponse::LogDir answer;
    answer.log_dir = directory.path();
    if (!directory.online()) {
        answer.error_code = wire_code(ErrorCode::kafka_storage_error);
        return answer;
    }
    if (const auto usable = directory.usable_bytes()) {
        answer.usable_bytes = static_cast<std::int64_t>(*usable);
    }
    for (const log::PartitionLog* log : directory.all()) {
        const log::TopicPartition& id = log->partition();
        if (asked && !asked->contains(id)) {
            continue;
        }
        if (answer.topics.empty() || answer.topics.back().name != id.topic) {
            answer.topics.emplace_back().name = id.topic;
        }
        // The lag is that of a copy on its way to another directory: there is none.
        answer.topics.back().partitions.push_back(
            {.partition_index = id.partition,
             .partition_size = static_cast<std::int64_t>(log->size_bytes()),
             .offset_lag = 0,
             .is_future_key = false});
    }
    return answer;
}

}  // namespace

void handle_describe_log_dirs(Services& services, DescribeLogDirsRequest request,
                              Call<DescribeLogDirsRequest> call) {
    const Asked asked = read_asked(request);
    DescribeLogDirsResponse response;
    for (log::LogDirectory* directory : services.replicas.directories()) {
        response.results.push_back(describe(*directory, asked));
    }
    call.respond(response);
}

void handle_describe_producers(Services& services, kafka::DescribeProducersRequest request,
                               Call<kafka::DescribeProducersRequest> call) {
    kafka::DescribeProducersResponse response;
    for (const auto& topic : request.topics) {
        auto& answers = response.topics.emplace_back();
        answers.name = topic.name;
        for (const std::int32_t index : topic.partition_indexes) {
            auto& answer = answers.partitions.emplace_back();
            answer.partition_index = index;
            const LedPartition led = find_led(services, topic.name, index, -1);
            answer.error_code = wire_code(led.error);
            if (led.partition == nullptr) {
                continue;
            }
            for (const log::ActiveProducer& producer : led.partition->log().active_producers()) {
                answer.active_producers.push_back(
                    {.producer_id = producer.producer_id,
                     .producer_epoch = producer.producer_epoch,
                     .last_sequence = producer.last_sequence,
                     .last_timestamp = producer.last_timestamp,
                     .coordinator_epoch = producer.coordinator_epoch,
                     .current_txn_start_offset = producer.current_transaction_first_offset});
            }
        }
    }
    call.respond(response);
}

}  // namespace millrace::broker::api
