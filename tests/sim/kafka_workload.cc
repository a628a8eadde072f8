#include "tests/sim/kafka_workload.h"

#include <fmt/format.h>

#include "lib/kafka/error_code.h"
#include "lib/kafka/produce_fetch.h"
#include "lib/kafka/record.h"
#include "lib/kafka/topics.h"
#include "tests/sim/servers.h"

namespace millrace::sim {

namespace {

using kafka::ErrorCode;

constexpr std::string_view kTopic = "numbers";
constexpr std::size_t kOutstandingMax = 4;
constexpr Duration kAgain = 200ms;
constexpr std::int64_t kTimestampOfEnd = -1;
constexpr std::size_t kInflatedMax = 1 << 20;
constexpr kafka::VersionRange kFetchByName{4, 12};

kafka::ClientOptions client_options(std::string name) {
    kafka::ClientOptions options;
    options.client_id = std::move(name);
    options.connect_timeout = 2s;
    options.request_timeout = 6s;
    return options;
}

class ProducerProgram : public Program {
 public:
    ProducerProgram(const runtime::Runtime& runtime, World& world, std::string name, bool prepares,
                    KafkaWorkload& workload)
        : x_loop(runtime.loop),
          x_world(world),
          x_name(std::move(name)),
          x_prepares(prepares),
          x_workload(workload),
          x_client(runtime.loop, runtime.network, {"broker", kKafkaPort}, client_options(x_name)) {}

    Status start() override {
        if (x_prepares) {
            create_topic();
        }
        plan();
        return {};
    }

 private:
    void create_topic() {
        kafka::CreateTopicsRequest request;
        request.timeout_ms = 5'000;
        request.topics.push_back({.name = std::string(kTopic),
                                  .num_partitions = kPartitions,
                                  .replication_factor = 1,
                                  .assignments = {},
                                  .configs = {}});
        x_client.send<kafka::CreateTopicsRequest>(
            request, [this](const Result<kafka::CreateTopicsResponse>& response) {
                if (response && !response->topics.empty()) {
                    const ErrorCode error =
                        kafka::error_from_wire(response->topics.front().error_code);
                    x_world.note(x_name, "topic", kafka::name_of(error));
                    if (error == ErrorCode::none || error == ErrorCode::topic_already_exists) {
                        x_workload.prepared = true;
                        return;
                    }
                }
                x_loop.run_after(kAgain, [this] { create_topic(); });
            });
    }

    void plan() {
        x_loop.run_after(std::chrono::microseconds(x_loop.random().between(1'000, 50'000)), [this] {
            if (x_workload.prepared && x_workload.issuing && x_outstanding < kOutstandingMax) {
                produce();
            }
            plan();
        });
    }

    void produce() {
        const auto partition = static_cast<std::int32_t>(x_loop.random().below(kPartitions));
        std::vector<std::string> values;
        kafka::RecordBatchBuilder builder{kafka::BatchOptions{}};
        for (std::uint64_t left = 1 + x_loop.random().below(3); left > 0; --left) {
            values.push_back(fmt::format("{}:{}", x_name, ++x_sent));
            kafka::Record record;
            record.timestamp = x_loop.wall_now().millis;
            record.value = as_bytes(values.back());
            builder.add(record);
        }
        const auto batch = std::make_shared<const Bytes>(builder.build());
        kafka::ProduceRequest request;
        request.acks = -1;
        request.timeout_ms = 5'000;
        request.topics.push_back(
            {.name = std::string(kTopic),
             .partitions = {{.index = partition, .records = kafka::Records{.bytes = *batch}}}});
        const auto id = x_workload.history.batch_sent(
            partition, fmt::format("{}#{}", x_name, x_failures), std::move(values));
        ++x_outstanding;
        ++x_workload.outstanding[x_name];
        x_client.send<kafka::ProduceRequest>(
            request,
            [this, id, batch, begun = x_loop.now()](
                const Result<kafka::ProduceResponse>& response) { answered(id, begun, response); });
    }

    void answered(KafkaHistory::BatchId batch, Instant begun,
                  const Result<kafka::ProduceResponse>& response) {
        --x_outstanding;
        --x_workload.outstanding[x_name];
        if (!response || response->topics.empty() || response->topics[0].partitions.empty()) {
            x_world.note(x_name, "unknown", response ? "empty" : response.error().message);
            ++x_failures;  // what is sent from here on goes over another connection
            return;
        }
        const auto& partition = response->topics[0].partitions[0];
        const ErrorCode error = kafka::error_from_wire(partition.error_code);
        x_world.note(x_name, "produced",
                     fmt::format("{} {}", kafka::name_of(error), partition.base_offset));
        if (error == ErrorCode::none) {
            x_workload.history.batch_acknowledged(batch, partition.base_offset);
            Instant& since = x_workload.answered_since[x_name];
            since = std::max(since, begun);
        }
    }

    runtime::Loop& x_loop;
    World& x_world;
    std::string x_name;
    bool x_prepares;
    KafkaWorkload& x_workload;
    kafka::Client x_client;
    std::size_t x_outstanding = 0;
    std::uint64_t x_sent = 0;
    std::uint64_t x_failures = 0;
};

// Reads one partition from its start, on and on.
class PartitionReader {
 public:
    using OnRecord = std::function<void(std::int64_t offset, std::string value)>;

    PartitionReader(runtime::Loop& loop, World& world, kafka::Client& client,
                    std::int32_t partition, OnRecord on_record)
        : x_loop(loop),
          x_world(world),
          x_client(client),
          x_partition(partition),
          x_on_record(std::move(on_record)) {}

    std::int64_t next_offset() const { return x_next; }

    void fetch() {
        kafka::FetchRequest request;
        request.max_wait_ms = 300;
        request.min_bytes = 1;
        request.max_bytes = 1 << 20;
        request.topics.push_back({.topic = std::string(kTopic),
                                  .topic_id = {},
                                  .partitions = {{.partition = x_partition,
                                                  .fetch_offset = x_next,
                                                  .partition_max_bytes = static_cast<std::int32_t>(
                                                      x_loop.random().between(50, 20'000)),
                                                  .replica_directory_id = {}}}});
        x_client.send<kafka::FetchRequest>(
            request, kFetchByName, [this](const Result<kafka::FetchResponse>& response) {
                const bool got = response && !response->topics.empty() &&
                                 !response->topics[0].partitions.empty() &&
                                 take(response->topics[0].partitions[0]);
                x_loop.run_after(got ? Duration{1ms} : kAgain, [this] { fetch(); });
            });
    }

 private:
    bool take(const kafka::FetchResponseTopicPartition& partition) {
        const ErrorCode error = kafka::error_from_wire(partition.error_code);
        if (error != ErrorCode::none) {
            if (error == ErrorCode::offset_out_of_range && !std::exchange(x_reported, true)) {
                x_world.violation(
                    fmt::format("offset {} of partition {} was read up to, and is "
                                "out of range now",
                                x_next, x_partition));
            }
            return false;
        }
        kafka::BatchReader batches(partition.records.bytes);
        while (batches.next()) {
            if (!batches.batch().checksum_holds()) {
                x_world.violation(fmt::format("a damaged batch was served at offset {}",
                                              batches.batch().base_offset().value()));
                return false;
            }
            auto records = kafka::RecordReader::open(batches.batch(), kInflatedMax);
            while (records && records->next()) {
                const kafka::Record& record = records->record();
                if (record.offset >= x_next && record.value) {
                    x_next = record.offset + 1;
                    x_on_record(record.offset, to_text(*record.value));
                }
            }
        }
        return true;
    }

    runtime::Loop& x_loop;
    World& x_world;
    kafka::Client& x_client;
    std::int32_t x_partition;
    OnRecord x_on_record;
    std::int64_t x_next = 0;
    bool x_reported = false;
};

class ConsumerProgram : public Program {
 public:
    ConsumerProgram(const runtime::Runtime& runtime, World& world, KafkaWorkload& workload)
        : x_client(runtime.loop, runtime.network, {"broker", kKafkaPort},
                   client_options("consumer")) {
        for (std::int32_t i = 0; i < kPartitions; ++i) {
            x_readers.push_back(std::make_unique<PartitionReader>(
                runtime.loop, world, x_client, i,
                [&workload, i](std::int64_t offset, const std::string& value) {
                    workload.history.consumed(i, offset, value);
                }));
        }
    }

    Status start() override {
        for (const auto& reader : x_readers) {
            reader->fetch();
        }
        return {};
    }

 private:
    kafka::Client x_client;
    std::vector<std::unique_ptr<PartitionReader>> x_readers;
};

class ReaderProgram : public Program {
 public:
    ReaderProgram(const runtime::Runtime& runtime, World& world, KafkaFinal& final)
        : x_loop(runtime.loop),
          x_client(runtime.loop, runtime.network, {"broker", kKafkaPort}, client_options("reader")),
          x_final(final) {
        for (std::int32_t i = 0; i < kPartitions; ++i) {
            x_readers.push_back(std::make_unique<PartitionReader>(
                runtime.loop, world, x_client, i,
                [&final, i](std::int64_t offset, std::string value) {
                    final.logs[i].emplace_back(offset, std::move(value));
                }));
        }
    }

    Status start() override {
        for (std::int32_t i = 0; i < kPartitions; ++i) {
            x_readers[static_cast<std::size_t>(i)]->fetch();
            ask_end(i);
        }
        return {};
    }

 private:
    void ask_end(std::int32_t partition) {
        kafka::ListOffsetsRequest request;
        request.replica_id = -1;
        request.topics.push_back(
            {.name = std::string(kTopic),
             .partitions = {{.partition_index = partition, .timestamp = kTimestampOfEnd}}});
        x_client.send<kafka::ListOffsetsRequest>(
            request, [this, partition](const Result<kafka::ListOffsetsResponse>& response) {
                if (response && !response->topics.empty() &&
                    !response->topics[0].partitions.empty()) {
                    const auto& told = response->topics[0].partitions[0];
                    const auto& reader = *x_readers[static_cast<std::size_t>(partition)];
                    if (kafka::error_from_wire(told.error_code) == ErrorCode::none &&
                        told.offset <= reader.next_offset()) {
                        x_final.ends[partition] = told.offset;
                        return;
                    }
                }
                x_loop.run_after(kAgain, [this, partition] { ask_end(partition); });
            });
    }

    runtime::Loop& x_loop;
    kafka::Client x_client;
    KafkaFinal& x_final;
    std::vector<std::unique_ptr<PartitionReader>> x_readers;
};

}  // namespace

MakeProgram kafka_producer(World& world, std::string name, bool prepares, KafkaWorkload& workload) {
    return [&world, name, prepares, &workload](const runtime::Runtime& runtime,
                                               const std::function<void(std::string)>&) {
        return std::make_unique<ProducerProgram>(runtime, world, name, prepares, workload);
    };
}

MakeProgram kafka_consumer(World& world, KafkaWorkload& workload) {
    return [&world, &workload](const runtime::Runtime& runtime,
                               const std::function<void(std::string)>&) {
        return std::make_unique<ConsumerProgram>(runtime, world, workload);
    };
}

MakeProgram kafka_reader(World& world, KafkaFinal& final) {
    return
        [&world, &final](const runtime::Runtime& runtime, const std::function<void(std::string)>&) {
            return std::make_unique<ReaderProgram>(runtime, world, final);
        };
}

}  // namespace millrace::sim
