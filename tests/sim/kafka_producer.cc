#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "lib/kafka/error_code.h"
#include "lib/kafka/produce_fetch.h"
#include "lib/kafka/record.h"
#include "lib/kafka/transactions.h"
#include "tests/sim/kafka_workload.h"

namespace millrace::sim {

namespace {

using kafka::ErrorCode;

constexpr std::size_t kOutstandingMax = 4;
constexpr std::size_t kWindow = 5;  // batches of a partition under way, as the protocol allows
constexpr Duration kAgain = 200ms;

kafka::TopicPartition partition_of(std::int32_t index) {
    return {std::string(kTopic), kafka::PartitionId(index)};
}

struct Answered {
    ErrorCode error = ErrorCode::none;
    std::int64_t base_offset = -1;
};

// Nothing when no answer says what became of the batch.
std::optional<Answered> read_answer(const Result<kafka::ProduceResponse>& response) {
    if (!response || response->topics.empty() || response->topics[0].partitions.empty()) {
        return {};
    }
    const auto& partition = response->topics[0].partitions[0];
    return Answered{kafka::error_from_wire(partition.error_code), partition.base_offset};
}

// What both kinds have in common: a cluster, values, requests.
class ProducerProgram : public Program {
 public:
    ProducerProgram(const runtime::Runtime& runtime, World& world, const std::string& name,
                    KafkaWorkload& workload)
        : x_loop(runtime.loop),
          x_world(world),
          x_name(name),
          x_life(workload.new_life(name)),
          x_workload(workload),
          x_cluster(runtime.loop, runtime.network, workload.bootstrap, cluster_options(name)) {
        x_workload.outstanding[x_name] = 0;
    }

 protected:
    std::vector<std::string> new_values() {
        std::vector<std::string> values;
        for (std::uint64_t left = 1 + x_loop.random().below(3); left > 0; --left) {
            values.push_back(fmt::format("{}:{}", x_life, ++x_made));
        }
        return values;
    }

    Bytes build(const kafka::BatchOptions& options, const std::vector<std::string>& values) {
        kafka::RecordBatchBuilder builder{options};
        for (const std::string& value : values) {
            kafka::Record record;
            record.timestamp = x_loop.wall_now().millis;
            record.value = as_bytes(value);
            builder.add(record);
        }
        return builder.build();
    }

    kafka::Client* leader(std::int32_t partition) {
        return x_cluster.connection(x_cluster.view().leader(partition_of(partition)));
    }

    void refresh() {
        if (!std::exchange(x_refreshing, true)) {
            x_cluster.refresh(std::vector{std::string(kTopic)},
                              [this](const Status&) { x_refreshing = false; });
        }
    }

    // batch is kept until the answer, which refers to it.
    void send(kafka::Client& client, std::int32_t partition, std::int16_t acks,
              std::shared_ptr<const Bytes> batch,
              std::move_only_function<void(std::optional<Answered>)> then) {
        kafka::ProduceRequest request;
        request.acks = acks;
        request.timeout_ms = 5'000;
        request.topics.push_back(
            {.name = std::string(kTopic),
             .partitions = {{.index = partition, .records = kafka::Records{.bytes = *batch}}}});
        client.send<kafka::ProduceRequest>(
            std::move(request), [this, batch, then = std::move(then)](
                                    const Result<kafka::ProduceResponse>& response) mutable {
                const std::optional<Answered> answer = read_answer(response);
                x_world.note(x_name, "produced",
                             answer ? fmt::format("{} {}", kafka::name_of(answer->error),
                                                  answer->base_offset)
                                    : "unknown");
                then(answer);
            });
    }

    runtime::Loop& x_loop;
    World& x_world;
    std::string x_name;
    std::string x_life;
    KafkaWorkload& x_workload;
    kafka::ClusterClient x_cluster;

 private:
    std::uint64_t x_made = 0;
    bool x_refreshing = false;
};

class PlainProducerProgram : public ProducerProgram {
 public:
    PlainProducerProgram(const runtime::Runtime& runtime, World& world, const std::string& name,
                         std::int16_t acks, KafkaWorkload& workload)
        : ProducerProgram(runtime, world, name, workload), x_acks(acks) {}

    Status start() override {
        plan();
        return {};
    }

 private:
    void plan() {
        x_loop.run_after(std::chrono::microseconds(x_loop.random().between(1'000, 60'000)), [this] {
            if (x_workload.prepared && x_workload.issuing && x_outstanding < kOutstandingMax) {
                produce();
            }
            plan();
        });
    }

    void produce() {
        const auto partition = static_cast<std::int32_t>(x_loop.random().below(kPartitions));
        kafka::Client* const client = leader(partition);
        if (client == nullptr) {
            refresh();
            return;
        }
        std::vector<std::string> values = new_values();
        auto batch = std::make_shared<const Bytes>(build({}, values));
        const auto id = x_workload.history.batch_sent(
            partition, {.name = fmt::format("{}#{}", x_life, x_failures)}, std::move(values));
        ++x_outstanding;
        ++x_workload.outstanding[x_name];
        send(*client, partition, x_acks, std::move(batch),
             [this, id, begun = x_loop.now()](std::optional<Answered> answer) {
                 --x_outstanding;
                 --x_workload.outstanding[x_name];
                 if (answer && answer->error == ErrorCode::none) {
                     x_workload.history.batch_acknowledged(id, answer->base_offset);
                     x_workload.answered(x_name, begun);
                     return;
                 }
                 ++x_failures;  // what is sent from here on may go over another connection
                 refresh();
             });
    }

    std::int16_t x_acks;
    std::size_t x_outstanding = 0;
    std::uint64_t x_failures = 0;
};

class IdempotentProducerProgram : public ProducerProgram {
 public:
    using ProducerProgram::ProducerProgram;

    Status start() override {
        ask_id();
        return {};
    }

 private:
    struct Batch {
        KafkaHistory::BatchId id;
        std::shared_ptr<const Bytes> bytes;
        Instant made;
    };
    struct Lane {
        std::deque<Batch> open;  // not acknowledged, in order
        std::size_t sent = 0;    // that many of them are under way
        // Before the broker knows the producer it takes any sequence number, so the first batch goes alone.
        bool is_known = false;
        bool failed = false;  // what is under way is waited for, then all of it goes again
        std::int32_t next_sequence = 0;
    };

    void ask_id() {
        x_cluster.call<kafka::InitProducerIdRequest>(
            kafka::AnyBroker{}, {.transactional_id = {}, .transaction_timeout_ms = 60'000},
            [this](const Result<kafka::InitProducerIdResponse>& response) {
                if (!response || response->error_code != 0) {
                    x_loop.run_after(kAgain, [this] { ask_id(); });
                    return;
                }
                x_id = kafka::ProducerId(response->producer_id);
                x_epoch = kafka::ProducerEpoch(response->producer_epoch);
                if (!x_workload.producer_ids.insert(response->producer_id).second) {
                    x_world.violation(
                        fmt::format("producer id {} was given twice", response->producer_id));
                }
                plan();
            });
    }

    void plan() {
        x_loop.run_after(std::chrono::microseconds(x_loop.random().between(1'000, 60'000)), [this] {
            const auto partition = static_cast<std::int32_t>(x_loop.random().below(kPartitions));
            if (x_workload.prepared && x_workload.issuing &&
                x_lanes[partition].open.size() < kWindow) {
                add(partition);
            }
            pump(partition);
            plan();
        });
    }

    void add(std::int32_t partition) {
        Lane& lane = x_lanes[partition];
        std::vector<std::string> values = new_values();
        const auto count = static_cast<std::int32_t>(values.size());
        auto bytes = std::make_shared<const Bytes>(build(
            {.producer_id = x_id, .producer_epoch = x_epoch, .base_sequence = lane.next_sequence},
            values));
        lane.next_sequence += count;
        const auto id = x_workload.history.batch_sent(
            partition, {.name = x_life, .has_sequences = true}, std::move(values));
        lane.open.push_back({id, std::move(bytes), x_loop.now()});
        ++x_workload.outstanding[x_name];
    }

    void pump(std::int32_t partition) {
        Lane& lane = x_lanes[partition];
        const std::size_t window = lane.is_known ? kWindow : 1;
        while (!lane.failed && lane.sent < std::min(window, lane.open.size())) {
            kafka::Client* const client = leader(partition);
            if (client == nullptr) {
                refresh();
                return;
            }
            const Batch& batch = lane.open[lane.sent++];
            send(*client, partition, -1, batch.bytes,
                 [this, partition, id = batch.id](std::optional<Answered> answer) {
                     answered(partition, id, answer);
                 });
        }
    }

    void answered(std::int32_t partition, KafkaHistory::BatchId id,
                  std::optional<Answered> answer) {
        Lane& lane = x_lanes[partition];
        --lane.sent;
        const bool is_first = lane.open.front().id == id;
        if (answer && answer->error == ErrorCode::none && is_first) {
            x_workload.history.batch_acknowledged(id, answer->base_offset);
            x_workload.answered(x_name, lane.open.front().made);
            lane.open.pop_front();
            lane.is_known = true;
            --x_workload.outstanding[x_name];
        } else {
            // Behind a failed batch the others fail too; they may only succeed when it was there all the time.
            const bool is_gap = answer && is_first &&
                                (answer->error == ErrorCode::out_of_order_sequence_number ||
                                 answer->error == ErrorCode::unknown_producer_id ||
                                 answer->error == ErrorCode::duplicate_sequence_number ||
                                 answer->error == ErrorCode::invalid_producer_epoch);
            if (is_gap) {
                x_world.violation(fmt::format("lost: the next batch of {} in partition {} got {}",
                                              x_life, partition, kafka::name_of(answer->error)));
            }
            lane.failed = true;
            refresh();
        }
        if (lane.failed && lane.sent == 0) {
            x_loop.run_after(kAgain, [this, partition] {
                x_lanes[partition].failed = false;
                pump(partition);
            });
        }
    }

    kafka::ProducerId x_id{};
    kafka::ProducerEpoch x_epoch{};
    std::map<std::int32_t, Lane> x_lanes;
};

}  // namespace

kafka::ClusterClientOptions cluster_options(const std::string& client) {
    kafka::ClusterClientOptions options;
    options.connection.client_id = client;
    options.connection.connect_timeout = 2s;
    options.connection.request_timeout = 6s;
    options.call_timeout = 10s;
    return options;
}

MakeProgram kafka_producer(World& world, std::string name, std::int16_t acks,
                           KafkaWorkload& workload) {
    return [&world, name, acks, &workload](const runtime::Runtime& runtime,
                                           const std::function<void(std::string)>&) {
        return std::make_unique<PlainProducerProgram>(runtime, world, name, acks, workload);
    };
}

MakeProgram kafka_idempotent_producer(World& world, std::string name, KafkaWorkload& workload) {
    return [&world, name, &workload](const runtime::Runtime& runtime,
                                     const std::function<void(std::string)>&) {
        return std::make_unique<IdempotentProducerProgram>(runtime, world, name, workload);
    };
}

}  // namespace millrace::sim
