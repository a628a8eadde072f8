#include "cli/producer.h"

#include <fmt/format.h>

#include "lib/base/check.h"
#include "lib/kafka/hashing.h"

namespace millrace::cli {
namespace {

// Older versions carry message sets of another format.
constexpr std::int16_t kFirstWithBatches = 3;
// Earlier ones cannot say whether the topic may be created.
constexpr std::int16_t kFirstMetadata = 4;

kafka::ErrorCode topic_error(const kafka::MetadataResponse& response) {
    return response.topics.empty() ? kafka::ErrorCode::unknown_topic_or_partition
                                   : kafka::error_from_wire(response.topics.front().error_code);
}

kafka::ErrorCode partition_error(const kafka::ProduceResponse& response) {
    if (response.topics.empty() || response.topics.front().partitions.empty()) {
        return kafka::ErrorCode::unknown_server_error;
    }
    return kafka::error_from_wire(response.topics.front().partitions.front().error_code);
}

// The broker has not written the batch, and expects another number or knows of none.
bool forgets_producer(kafka::ErrorCode code) {
    return code == kafka::ErrorCode::out_of_order_sequence_number ||
           code == kafka::ErrorCode::unknown_producer_id;
}

}  // namespace

Producer::Producer(runtime::Loop& loop, kafka::ClusterClient& cluster, ProducerOptions options,
                   Events events)
    : x_loop(loop),
      x_cluster(cluster),
      x_options(std::move(options)),
      x_events(std::move(events)) {}

void Producer::start(std::move_only_function<void(Status)> then) {
    kafka::MetadataRequest request;
    request.allow_auto_topic_creation = true;
    request.topics.emplace();
    request.topics->emplace_back().name = x_options.topic;
    kafka::ClusterClient::Plan<kafka::MetadataRequest> plan;
    plan.versions.least = kFirstMetadata;
    // A topic that is being created has no leader at first: retried until it has.
    plan.error_of = topic_error;
    x_cluster.call<kafka::MetadataRequest>(
        kafka::AnyBroker{}, std::move(request),
        [this, then = std::move(then)](Result<kafka::MetadataResponse> response) mutable {
            if (!response) {
                then(fail(std::move(response).error()));
                return;
            }
            const kafka::ErrorCode code = topic_error(*response);
            if (code != kafka::ErrorCode::none || response->topics.front().partitions.empty()) {
                then(fail(Errc::invalid_argument, std::string(kafka::message_of(code))));
                return;
            }
            x_partitions.resize(response->topics.front().partitions.size());
            move_on();
            learn_id(std::move(then));
        },
        std::move(plan));
}

void Producer::learn_id(std::move_only_function<void(Status)> then) {
    if (!x_options.idempotent) {
        // So that the leaders are known, which messages without acknowledgement need.
        x_cluster.refresh(std::vector<std::string>{x_options.topic}, std::move(then));
        return;
    }
    kafka::InitProducerIdRequest request;
    request.transactional_id.reset();
    request.transaction_timeout_ms = x_options.timeout_ms;
    x_cluster.call<kafka::InitProducerIdRequest>(
        kafka::AnyBroker{}, std::move(request),
        [this,
         then = std::move(then)](const Result<kafka::InitProducerIdResponse>& response) mutable {
            if (!response) {
                then(fail(response.error()));
                return;
            }
            const kafka::ErrorCode code = kafka::error_from_wire(response->error_code);
            if (code != kafka::ErrorCode::none) {
                then(fail(Errc::invalid_argument, std::string(kafka::message_of(code))));
                return;
            }
            x_id = kafka::ProducerId(response->producer_id);
            x_epoch = kafka::ProducerEpoch(response->producer_epoch);
            then({});
        });
}

Status Producer::add(const Message& message) {
    CHECK(!x_partitions.empty(), "messages come after start");
    kafka::Record record;
    record.timestamp = x_loop.wall_now().millis;
    record.key = message.key;
    record.value = message.value;
    record.headers = message.headers;
    const std::size_t size = kafka::record_size_max(record);
    if (size + kafka::kBatchHeaderSize > x_options.request_bytes_max) {
        ++x_lost;
        return fail(Errc::too_large,
                    fmt::format("The message is {} bytes when serialized which is larger than {}, "
                                "which is the value of the max.request.size configuration.",
                                size + kafka::kBatchHeaderSize, x_options.request_bytes_max));
    }
    const std::size_t index = choose(message);
    Partition& partition = x_partitions[index];
    if (partition.open != nullptr && partition.open->size() + size > x_options.batch_bytes) {
        close_batch(index);
        // A message without a key goes on elsewhere.
        if (!message.key && index != x_sticky) {
            return add(message);
        }
    }
    if (partition.open == nullptr) {
        open_batch(index);
    }
    const std::size_t before = partition.open->size();
    partition.open->add(record);
    x_buffered += partition.open->size() - before;
    schedule(index);
    return {};
}

std::size_t Producer::choose(const Message& message) {
    if (message.key) {
        return static_cast<std::size_t>(
            kafka::partition_for_key(*message.key, static_cast<std::int32_t>(x_partitions.size())));
    }
    return x_sticky;
}

// Chooses where the next messages without a key go: a partition with nothing to do, when there is one.
void Producer::move_on() {
    std::vector<std::size_t> idle;
    for (std::size_t i = 0; i < x_partitions.size(); ++i) {
        if (!x_partitions[i].under_way && x_partitions[i].closed.empty()) {
            idle.push_back(i);
        }
    }
    x_sticky = idle.empty() ? x_loop.random().below(x_partitions.size())
                            : idle[x_loop.random().below(idle.size())];
}

void Producer::open_batch(std::size_t index) {
    Partition& partition = x_partitions[index];
    kafka::BatchOptions options;
    options.codec = x_options.codec;
    partition.open = std::make_unique<kafka::RecordBatchBuilder>(options);
    x_buffered += partition.open->size();
}

void Producer::close_batch(std::size_t index) {
    Partition& partition = x_partitions[index];
    const std::size_t counted = partition.open->size();
    const std::int32_t records = partition.open->record_count();
    partition.closed.push_back(
        {.bytes = partition.open->build(), .records = records, .counted = counted});
    partition.open.reset();
    if (index == x_sticky) {
        move_on();
    }
}

void Producer::schedule(std::size_t index) {
    Partition& partition = x_partitions[index];
    if (partition.under_way || partition.lingering) {
        return;
    }
    partition.lingering = true;
    const auto stop_lingering = [this, index] {
        x_partitions[index].lingering = false;
        pump(index);
    };
    if (x_options.linger > Duration{} && !x_flushing && partition.closed.empty()) {
        x_loop.run_after(x_options.linger, stop_lingering);
    } else {
        x_loop.at_turn_end(stop_lingering);
    }
}

void Producer::flush() {
    x_flushing = true;
    for (std::size_t i = 0; i < x_partitions.size(); ++i) {
        pump(i);
    }
}

void Producer::pump(std::size_t index) {
    Partition& partition = x_partitions[index];
    if (partition.under_way) {
        return;
    }
    if (partition.closed.empty() && partition.open != nullptr) {
        close_batch(index);
    }
    if (partition.closed.empty() || x_renewing) {
        return;
    }
    partition.under_way = true;
    if (x_options.idempotent) {
        number(partition);
    }
    if (x_options.acks == 0) {
        transmit_unanswered(index);
    } else {
        transmit(index);
    }
}

// Retries keep the number, by which the broker knows them.
void Producer::number(Partition& partition) {
    Batch& batch = partition.closed.front();
    if (std::exchange(batch.has_number, true)) {
        return;
    }
    kafka::set_producer(batch.bytes, x_id, x_epoch, partition.next_sequence);
    // Sequence numbers wrap from 2^31-1 to 0.
    partition.next_sequence =
        static_cast<std::int32_t>((static_cast<std::uint32_t>(partition.next_sequence) +
                                   static_cast<std::uint32_t>(batch.records)) &
                                  0x7fffffffU);
}

// Nothing leaves until the new id is there. Without one, what waits is lost.
void Producer::renew_id() {
    if (std::exchange(x_renewing, true)) {
        return;
    }
    for (Partition& partition : x_partitions) {
        partition.next_sequence = 0;
    }
    learn_id([this](const Status& learned) {
        x_renewing = false;
        for (std::size_t i = 0; i < x_partitions.size(); ++i) {
            while (!learned && !x_partitions[i].under_way && !x_partitions[i].closed.empty()) {
                give_up(i, learned.error().message);
            }
            pump(i);
        }
        x_events.on_progress();
    });
}

kafka::ProduceRequest Producer::request_for(std::size_t index) const {
    kafka::ProduceRequest request;
    request.acks = x_options.acks;
    request.timeout_ms = x_options.timeout_ms;
    auto& topic = request.topics.emplace_back();
    topic.name = x_options.topic;
    auto& partition = topic.partitions.emplace_back();
    partition.index = static_cast<std::int32_t>(index);
    partition.records.bytes = x_partitions[index].closed.front().bytes;
    return request;
}

void Producer::transmit(std::size_t index) {
    kafka::ClusterClient::Plan<kafka::ProduceRequest> plan;
    plan.versions.least = kFirstWithBatches;
    plan.error_of = partition_error;
    plan.retries_most = x_options.retries_most;
    const kafka::TopicPartition to{x_options.topic,
                                   kafka::PartitionId(static_cast<std::int32_t>(index))};
    // The bytes live in `closed` until the answer, longer than any encoding of the request.
    x_cluster.call<kafka::ProduceRequest>(
        kafka::LeaderOf{to}, request_for(index),
        [this, index](const Result<kafka::ProduceResponse>& response) {
            answered(index, response);
        },
        std::move(plan));
}

void Producer::transmit_unanswered(std::size_t index) {
    const kafka::TopicPartition to{x_options.topic,
                                   kafka::PartitionId(static_cast<std::int32_t>(index))};
    kafka::Client* const client = x_cluster.connection(x_cluster.view().leader(to));
    if (client == nullptr) {
        x_loop.post([this, index] { finish(index, "the partition has no leader"); });
        return;
    }
    kafka::RawRequest raw;
    raw.key = kafka::ApiKey::produce;
    raw.versions = {kFirstWithBatches, kafka::ProduceRequest::kMaxVersion};
    raw.answered = false;
    raw.encode = [request = request_for(index)](wire::Writer& writer, std::int16_t version) {
        request.encode(writer, version);
    };
    raw.then = [this, index](const Result<kafka::RawAnswer>& answer) {
        finish(index, answer ? std::nullopt : std::optional(answer.error().message));
    };
    client->send_raw(std::move(raw));
}

void Producer::answered(std::size_t index, const Result<kafka::ProduceResponse>& response) {
    if (!response) {
        finish(index, response.error().message);
        return;
    }
    const kafka::ErrorCode code = partition_error(*response);
    if (code == kafka::ErrorCode::none || code == kafka::ErrorCode::duplicate_sequence_number) {
        finish(index, std::nullopt);
        return;
    }
    Batch& batch = x_partitions[index].closed.front();
    if (forgets_producer(code) && !std::exchange(batch.begins_anew, true)) {
        batch.has_number = false;
        x_partitions[index].under_way = false;
        renew_id();
        return;
    }
    finish(index, fmt::format("{} ({})", kafka::message_of(code), kafka::name_of(code)));
}

void Producer::finish(std::size_t index, const std::optional<std::string>& why_lost) {
    Partition& partition = x_partitions[index];
    partition.under_way = false;
    if (why_lost) {
        give_up(index, *why_lost);
        if (x_options.idempotent) {
            renew_id();
        }
    } else {
        x_buffered -= partition.closed.front().counted;
        partition.closed.pop_front();
    }
    if (!partition.closed.empty() || partition.open != nullptr) {
        pump(index);
    }
    x_events.on_progress();
}

void Producer::give_up(std::size_t index, const std::string& why) {
    Partition& partition = x_partitions[index];
    const Batch batch = std::move(partition.closed.front());
    partition.closed.pop_front();
    x_buffered -= batch.counted;
    x_lost += static_cast<std::uint64_t>(batch.records);
    x_events.on_loss(fmt::format("Error when sending {} message{} to topic {} partition {}: {}",
                                 batch.records, batch.records == 1 ? "" : "s", x_options.topic,
                                 index, why));
}

}  // namespace millrace::cli
