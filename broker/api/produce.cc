#include <fmt/format.h>

#include <algorithm>

#include "broker/api/handlers.h"
#include "lib/kafka/record_batch.h"
#include "lib/kafka/topic_name.h"

namespace millrace::broker::api {
namespace {

using kafka::ErrorCode;
using kafka::ProduceRequest;
using kafka::ProduceResponse;

// Collects the outcome of every partition; answers when the last one is in.
struct Produce {
    Call<ProduceRequest> call;
    std::int16_t acks = 0;
    ProduceResponse response;
    std::size_t open =
        1;  // appends that are not acknowledged, and one for the loop that starts them
    ErrorCode first_error = ErrorCode::none;

    void finish_one() {
        if (--open > 0) {
            return;
        }
        if (acks != 0) {
            call.respond(response);
        } else if (first_error == ErrorCode::none) {
            call.respond_nothing();
        } else {
            // A producer that asked for no answer learns of an error by losing the connection.
            call.refuse({Errc::invalid_argument,
                         fmt::format("Produce with acks=0 failed: {}", name_of(first_error))});
        }
    }
};

using Partition = ProduceResponse::Topic::Partition;

void fill_leader_hint(Services& services, const std::string& topic, Produce& produce,
                      Partition& answer) {
    const controller::CachedPartition* known = services.metadata.partition(topic, answer.index);
    if (produce.call.version() < 10 || known == nullptr ||
        answer.error_code != wire_code(ErrorCode::not_leader_or_follower)) {
        return;
    }
    answer.current_leader = {known->leader, known->leader_epoch};
    const auto broker = services.metadata.broker(known->leader, produce.call.listener());
    const auto same = [&](const auto& endpoint) { return endpoint.node_id == known->leader; };
    if (broker && std::ranges::none_of(produce.response.node_endpoints, same)) {
        produce.response.node_endpoints.push_back(
            {broker->id, broker->host, broker->port, broker->rack});
    }
}

// What a batch must not be, whatever the log says.
std::pair<ErrorCode, std::string> check_batch(const ProduceRequest& request, std::int16_t version,
                                              BytesView records) {
    const auto batch = kafka::BatchView::parse(records);
    if (!batch) {
        const bool is_old = batch.error().code == Errc::unsupported;
        return {is_old ? ErrorCode::unsupported_for_message_format : ErrorCode::corrupt_message,
                batch.error().message};
    }
    if (batch->codec() == kafka::Codec::zstd && version < 7) {
        return {ErrorCode::unsupported_compression_type, "zstd needs Produce version 7 or later"};
    }
    if (batch->is_transactional() || request.transactional_id) {
        return {ErrorCode::invalid_txn_state, "transactions are not served by this release"};
    }
    return {ErrorCode::none, ""};
}

void refuse_partition(Produce& produce, Partition& answer, ErrorCode error, std::string message) {
    answer.error_code = wire_code(error);
    if (!message.empty()) {
        answer.error_message = std::move(message);
    }
    if (produce.first_error == ErrorCode::none) {
        produce.first_error = error;
    }
}

void append(Services& services, const std::shared_ptr<Produce>& produce,
            replica::Partition& partition, BytesView records,
            std::pair<std::size_t, std::size_t> place) {
    Partition& answer = produce->response.topics[place.first].partitions[place.second];
    ++produce->open;
    const log::AppendResult result = partition.append(
        {.records = records, .leader_epoch = partition.leadership().leader_epoch},
        [produce, place](ErrorCode error) {
            if (error != ErrorCode::none) {
                Partition& late = produce->response.topics[place.first].partitions[place.second];
                refuse_partition(*produce, late, error, "the write to the log failed");
                late.base_offset = -1;
            }
            produce->finish_one();
        });
    answer.log_start_offset = result.log_start_offset;
    if (!result.ok()) {
        refuse_partition(*produce, answer, result.error, result.message);
        produce->finish_one();
        return;
    }
    answer.base_offset = result.first_offset;
    answer.log_append_time_ms = result.log_append_time;
    if (!result.duplicate) {
        services.records_in +=
            static_cast<std::uint64_t>(result.last_offset - result.first_offset + 1);
    }
}

}  // namespace

void handle_produce(Services& services, ProduceRequest request, Call<ProduceRequest> call) {
    auto produce = std::make_shared<Produce>(Produce{.call = call, .acks = request.acks});
    const bool acks_known = request.acks >= -1 && request.acks <= 1;
    for (const auto& topic : request.topics) {
        auto& answers = produce->response.topics.emplace_back();
        answers.name = topic.name;
        answers.partitions.resize(topic.partitions.size());
        for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
            const auto& part = topic.partitions[i];
            Partition& answer = answers.partitions[i];
            answer.index = part.index;
            answer.base_offset = -1;
            auto [error, message] = check_batch(request, call.version(), part.records.bytes);
            if (!acks_known) {
                refuse_partition(*produce, answer, ErrorCode::invalid_required_acks,
                                 "acks must be 0, 1 or -1");
                continue;
            }
            if (kafka::is_internal_topic(topic.name)) {
                error = ErrorCode::invalid_topic_exception;
                message = "clients may not write to internal topics";
            }
            const LedPartition led = find_led(services, topic.name, part.index, -1);
            if (led.partition == nullptr) {
                error = led.error;
                message.clear();
            }
            if (error != ErrorCode::none) {
                refuse_partition(*produce, answer, error, std::move(message));
                fill_leader_hint(services, topic.name, *produce, answer);
                continue;
            }
            append(services, produce, *led.partition, part.records.bytes,
                   {produce->response.topics.size() - 1, i});
        }
    }
    produce->finish_one();
}

}  // namespace millrace::broker::api
