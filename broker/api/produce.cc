#include <fmt/format.h>

#include <algorithm>

#include "broker/api/handlers.h"
#include "lib/kafka/message_set.h"
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

constexpr std::size_t kInflatedBytesMax = std::size_t{256} << 20;  // of one compressed message

// The records of one partition as the log takes them, or why it will not get them.
struct Checked {
    ErrorCode error = ErrorCode::none;
    std::string message;
    BytesView records;
    Bytes converted;  // what records shows when they came in an old format
};

Checked refused(ErrorCode error, std::string message) {
    return {.error = error, .message = std::move(message), .records = {}, .converted = {}};
}

// Messages of magic 0 and 1: they become one batch.
Checked convert_old(BytesView records) {
    Result<Bytes> batch = kafka::batch_of_message_set(records, kInflatedBytesMax);
    if (!batch) {
        const Error& error = batch.error();
        return refused(error.code == Errc::too_large     ? ErrorCode::message_too_large
                       : error.code == Errc::unsupported ? ErrorCode::invalid_record
                                                         : ErrorCode::corrupt_message,
                       error.message);
    }
    Checked checked;
    checked.converted = std::move(*batch);
    checked.records = checked.converted;
    return checked;
}

// What must hold of the records before the log looks at them. From version 3 on it is exactly one batch of magic 2.
Checked check_records(const ProduceRequest& request, std::int16_t version, BytesView records) {
    constexpr std::int16_t kBatchesOnly = 3;
    constexpr std::int16_t kZstdFrom = 7;
    const auto prefix = kafka::peek_batch(records);
    if (!prefix || prefix->size > records.size()) {
        return version >= kBatchesOnly
                   ? refused(ErrorCode::invalid_record, "a partition without a record batch")
                   : Checked{};  // nothing to append, as Kafka sees it
    }
    if (prefix->magic != kafka::kMagicNow) {
        return version >= kBatchesOnly
                   ? refused(ErrorCode::invalid_record,
                             "Produce of this version takes batches of magic 2 only")
                   : convert_old(records);
    }
    const auto batch = kafka::BatchView::parse(records);
    if (!batch) {
        return refused(batch.error().code == Errc::unsupported ? ErrorCode::invalid_record
                                                               : ErrorCode::corrupt_message,
                       batch.error().message);
    }
    if (batch->codec() == kafka::Codec::zstd && version < kZstdFrom) {
        return refused(ErrorCode::unsupported_compression_type,
                       "zstd needs Produce version 7 or later");
    }
    const BytesView rest = records.subspan(batch->size());
    const auto second = kafka::peek_batch(rest);
    const bool one = !second || second->size > rest.size();  // a part of one more does not count
    if (!one && version >= kBatchesOnly) {
        return refused(ErrorCode::invalid_record, "a partition with more than one record batch");
    }
    if (batch->is_transactional() && !request.transactional_id) {
        return refused(ErrorCode::transactional_id_authorization_failed,
                       "a transactional batch without a transactional id");
    }
    if (request.transactional_id) {
        return refused(ErrorCode::invalid_txn_state, "transactions are not served by this release");
    }
    Checked checked;
    checked.records = one ? batch->bytes() : records;
    return checked;
}

// compression.type: what was sent otherwise is packed anew. The checksum of what came is the log's to check, so it is looked
// at here before it is replaced.
Checked compress_as_configured(Checked checked, const log::LogConfig& config) {
    const auto batch = kafka::BatchView::parse(checked.records);
    if (!config.compression || !batch || batch->codec() == *config.compression) {
        return checked;
    }
    if (!batch->checksum_holds()) {
        return refused(ErrorCode::corrupt_message, "a batch has a wrong checksum");
    }
    Result<Bytes> packed = kafka::recompress(*batch, {.codec = *config.compression,
                                                      .level = config.compression_level,
                                                      .inflated_bytes_max = kInflatedBytesMax});
    if (!packed) {
        return refused(ErrorCode::invalid_record, packed.error().message);
    }
    checked.converted = std::move(*packed);
    checked.records = checked.converted;
    return checked;
}

Checked check_partition(Produce& produce, const ProduceRequest& request,
                        replica::Partition& partition, BytesView records) {
    const log::LogConfig& config = partition.log().config();
    constexpr std::int16_t kAll = -1;
    // No more than there are can be asked for: with one replica the leader is enough.
    const replica::Leadership& leadership = partition.leadership();
    const std::size_t wanted =
        std::min(static_cast<std::size_t>(config.in_sync_min), leadership.replicas.size());
    if (produce.acks == kAll && leadership.isr.size() < wanted) {
        return refused(ErrorCode::not_enough_replicas,
                       fmt::format("{} replicas are in sync, min.insync.replicas is {}",
                                   leadership.isr.size(), config.in_sync_min));
    }
    Checked checked = check_records(request, produce.call.version(), records);
    return checked.error == ErrorCode::none ? compress_as_configured(std::move(checked), config)
                                            : checked;
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
            if (!acks_known) {
                refuse_partition(*produce, answer, ErrorCode::invalid_required_acks,
                                 "acks must be 0, 1 or -1");
                continue;
            }
            const LedPartition led = find_led(services, topic.name, part.index, -1);
            Checked checked;
            if (kafka::is_internal_topic(topic.name)) {
                checked = refused(ErrorCode::invalid_topic_exception,
                                  "clients may not write to internal topics");
            } else if (led.partition == nullptr) {
                checked = refused(led.error, "");
            } else {
                checked = check_partition(*produce, request, *led.partition, part.records.bytes);
            }
            if (checked.error != ErrorCode::none) {
                refuse_partition(*produce, answer, checked.error, std::move(checked.message));
                fill_leader_hint(services, topic.name, *produce, answer);
                continue;
            }
            if (checked.records.empty()) {
                continue;
            }
            append(services, produce, *led.partition, checked.records,
                   {produce->response.topics.size() - 1, i});
        }
    }
    produce->finish_one();
}

}  // namespace millrace::broker::api
