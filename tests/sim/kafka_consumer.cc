#include <fmt/format.h>

#include <algorithm>

#include "lib/kafka/error_code.h"
#include "lib/kafka/groups.h"
#include "lib/kafka/metadata.h"
#include "lib/kafka/produce_fetch.h"
#include "lib/kafka/record.h"
#include "lib/kafka/topics.h"
#include "tests/sim/kafka_workload.h"

namespace millrace::sim {

namespace {

using kafka::ErrorCode;

constexpr Duration kAgain = 200ms;
constexpr std::int64_t kTimestampOfEnd = -1;
constexpr std::size_t kInflatedMax = 1 << 20;
constexpr kafka::VersionRange kFetchByName{4, 12};
constexpr kafka::VersionRange kOneGroup{1, 7};

// Reads one partition from its start, on and on.
class PartitionReader {
 public:
    using OnRecord = std::function<void(std::int64_t offset, std::string value)>;

    PartitionReader(runtime::Loop& loop, World& world, kafka::ClusterClient& cluster,
                    KafkaHistory& history, std::int32_t partition, OnRecord on_record)
        : x_loop(loop),
          x_world(world),
          x_cluster(cluster),
          x_history(history),
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
        x_cluster.call<kafka::FetchRequest>(
            kafka::LeaderOf{{std::string(kTopic), kafka::PartitionId(x_partition)}},
            std::move(request),
            [this, floor = x_history.high_watermark_floor(x_partition)](
                const Result<kafka::FetchResponse>& response) {
                const bool got = response && !response->topics.empty() &&
                                 !response->topics[0].partitions.empty() &&
                                 take(response->topics[0].partitions[0], floor);
                x_loop.run_after(got ? Duration{1ms} : kAgain, [this] { fetch(); });
            },
            {.versions = kFetchByName, .error_of = first_error});
    }

 private:
    static ErrorCode first_error(const kafka::FetchResponse& response) {
        return response.topics.empty() || response.topics[0].partitions.empty()
                   ? ErrorCode::none
                   : kafka::error_from_wire(response.topics[0].partitions[0].error_code);
    }

    bool take(const kafka::FetchResponseTopicPartition& partition, std::int64_t floor) {
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
        x_history.high_watermark_told(x_partition, floor, partition.high_watermark);
        kafka::BatchReader batches(partition.records.bytes);
        while (batches.next()) {
            if (!batches.batch().checksum_holds()) {
                x_world.violation(fmt::format("a damaged batch was served at offset {}",
                                              batches.batch().base_offset().value()));
                return false;
            }
            auto records = kafka::RecordReader::open(batches.batch(), kInflatedMax);
            while (records && records->next()) {
                take(records->record(), partition.high_watermark);
            }
        }
        return true;
    }

    void take(const kafka::Record& record, std::int64_t high_watermark) {
        if (record.offset >= high_watermark) {
            x_world.violation(
                fmt::format("offset {} of partition {} was served with the high "
                            "watermark at {}",
                            record.offset, x_partition, high_watermark));
        }
        if (record.offset >= x_next && record.value) {
            x_next = record.offset + 1;
            x_on_record(record.offset, to_text(*record.value));
        }
    }

    runtime::Loop& x_loop;
    World& x_world;
    kafka::ClusterClient& x_cluster;
    KafkaHistory& x_history;
    std::int32_t x_partition;
    OnRecord x_on_record;
    std::int64_t x_next = 0;
    bool x_reported = false;
};

class ConsumerProgram : public Program {
 public:
    ConsumerProgram(const runtime::Runtime& runtime, World& world, KafkaWorkload& workload)
        : x_workload(workload),
          x_loop(runtime.loop),
          x_cluster(runtime.loop, runtime.network, workload.bootstrap,
                    cluster_options("consumer")) {
        for (std::int32_t i = 0; i < kPartitions; ++i) {
            x_readers.push_back(std::make_unique<PartitionReader>(
                runtime.loop, world, x_cluster, workload.history, i,
                [&workload, i](std::int64_t offset, const std::string& value) {
                    workload.history.consumed(i, offset, value);
                }));
        }
    }

    Status start() override {
        begin();
        return {};
    }

 private:
    void begin() {
        if (!x_workload.prepared) {
            x_loop.run_after(kAgain, [this] { begin(); });
            return;
        }
        for (const auto& reader : x_readers) {
            reader->fetch();
        }
    }

    KafkaWorkload& x_workload;
    runtime::Loop& x_loop;
    kafka::ClusterClient x_cluster;
    std::vector<std::unique_ptr<PartitionReader>> x_readers;
};

class ReaderProgram : public Program {
 public:
    ReaderProgram(const runtime::Runtime& runtime, World& world, KafkaWorkload& workload,
                  KafkaFinal& final)
        : x_loop(runtime.loop),
          x_cluster(runtime.loop, runtime.network, workload.bootstrap, cluster_options("reader")),
          x_final(final) {
        for (std::int32_t i = 0; i < kPartitions; ++i) {
            x_readers.push_back(std::make_unique<PartitionReader>(
                runtime.loop, world, x_cluster, workload.history, i,
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
        ask_committed();
        ask_topics();
        return {};
    }

 private:
    void ask_end(std::int32_t partition) {
        kafka::ListOffsetsRequest request;
        request.replica_id = -1;
        request.topics.push_back(
            {.name = std::string(kTopic),
             .partitions = {{.partition_index = partition, .timestamp = kTimestampOfEnd}}});
        x_cluster.call<kafka::ListOffsetsRequest>(
            kafka::LeaderOf{{std::string(kTopic), kafka::PartitionId(partition)}},
            std::move(request),
            [this, partition](const Result<kafka::ListOffsetsResponse>& response) {
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
                x_cluster.refresh(std::vector{std::string(kTopic)}, [](const Status&) {});
                x_loop.run_after(kAgain, [this, partition] { ask_end(partition); });
            });
    }

    void ask_committed() {
        kafka::OffsetFetchRequest request;
        request.group_id = kGroup;
        auto& topic = request.topics.emplace().emplace_back();
        topic.name = kTopic;
        for (std::int32_t i = 0; i < kPartitions; ++i) {
            topic.partition_indexes.push_back(i);
        }
        x_cluster.call<kafka::OffsetFetchRequest>(
            kafka::CoordinatorOf{kafka::CoordinatorType::group, std::string(kGroup)},
            std::move(request),
            [this](const Result<kafka::OffsetFetchResponse>& response) {
                if (!response || response->error_code != 0 || response->topics.empty()) {
                    x_loop.run_after(kAgain, [this] { ask_committed(); });
                    return;
                }
                for (const auto& partition : response->topics[0].partitions) {
                    x_final.committed[partition.partition_index] = partition.committed_offset;
                }
                x_final.is_committed_read = true;
            },
            {.versions = kOneGroup});
    }

    // Until every topic that must be there is known with all its leaders; else the reading does not end.
    void ask_topics() {
        kafka::MetadataRequest request;
        request.allow_auto_topic_creation = false;
        request.topics.reset();
        x_cluster.call<kafka::MetadataRequest>(
            kafka::AnyBroker{}, std::move(request),
            [this](const Result<kafka::MetadataResponse>& response) {
                bool is_complete = response.has_value();
                if (response) {
                    x_final.topics.clear();
                    for (const auto& topic : response->topics) {
                        is_complete = is_complete && take(topic);
                    }
                }
                if (is_complete && !x_final.topics.contains(std::string(kTopic))) {
                    is_complete = false;
                }
                if (is_complete) {
                    x_final.are_topics_read = true;
                } else {
                    x_loop.run_after(kAgain, [this] { ask_topics(); });
                }
            },
            {.versions = {4, kafka::MetadataRequest::kMaxVersion}});
    }

    bool take(const kafka::MetadataResponse::Topic& topic) {
        if (topic.error_code != 0 || !topic.name) {
            return false;
        }
        x_final.topics[*topic.name] = static_cast<std::int32_t>(topic.partitions.size());
        return std::ranges::all_of(topic.partitions, [](const auto& partition) {
            return partition.error_code == 0 && partition.leader_id >= 0;
        });
    }

    runtime::Loop& x_loop;
    kafka::ClusterClient x_cluster;
    KafkaFinal& x_final;
    std::vector<std::unique_ptr<PartitionReader>> x_readers;
};

}  // namespace

MakeProgram kafka_consumer(World& world, KafkaWorkload& workload) {
    return [&world, &workload](const runtime::Runtime& runtime,
                               const std::function<void(std::string)>&) {
        return std::make_unique<ConsumerProgram>(runtime, world, workload);
    };
}

MakeProgram kafka_reader(World& world, KafkaWorkload& workload, KafkaFinal& final) {
    return [&world, &workload, &final](const runtime::Runtime& runtime,
                                       const std::function<void(std::string)>&) {
        return std::make_unique<ReaderProgram>(runtime, world, workload, final);
    };
}

}  // namespace millrace::sim
