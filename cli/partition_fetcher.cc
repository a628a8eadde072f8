#include "cli/partition_fetcher.h"

#include <fmt/format.h>

#include "lib/kafka/record_batch.h"

namespace millrace::cli {
namespace {

// Versions 13 and up name topics by id.
constexpr kafka::VersionRange kFetchVersions{4, 12};
constexpr std::size_t kInflatedBytesMax = 512 << 20;
constexpr Duration kRefreshDelay = 200ms;
constexpr std::int64_t kLatest = -1;
constexpr std::int64_t kEarliest = -2;

using kafka::ErrorCode;

// Which transactions of a fetched stretch were aborted (Kafka 3.9: Fetch, aborted_transactions).
class AbortedTransactions {
 public:
    explicit AbortedTransactions(const kafka::FetchResponse::Topic::Partition& partition) {
        if (partition.aborted_transactions) {
            for (const auto& aborted : *partition.aborted_transactions) {
                x_starts.emplace(aborted.first_offset, aborted.producer_id);
            }
        }
    }

    // Called for each batch in order.
    bool covers(const kafka::BatchView& batch) {
        while (!x_starts.empty() && x_starts.begin()->first <= batch.last_offset().value()) {
            x_open.insert(x_starts.begin()->second);
            x_starts.erase(x_starts.begin());
        }
        const std::int64_t producer = batch.producer_id().value();
        if (batch.is_control()) {
            x_open.erase(producer);
            return false;
        }
        return batch.is_transactional() && x_open.contains(producer);
    }

 private:
    std::multimap<std::int64_t, std::int64_t> x_starts;  // producer ids by first offset
    std::set<std::int64_t> x_open;
};

ErrorCode list_error(const kafka::ListOffsetsResponse& response) {
    if (response.topics.empty() || response.topics.front().partitions.empty()) {
        return ErrorCode::unknown_server_error;
    }
    return kafka::error_from_wire(response.topics.front().partitions.front().error_code);
}

}  // namespace

PartitionFetcher::PartitionFetcher(runtime::Loop& loop, kafka::ClusterClient& cluster,
                                   FetchOptions options, Events events)
    : x_loop(loop), x_cluster(cluster), x_options(options), x_events(std::move(events)) {}

std::int64_t PartitionFetcher::reset_target() const {
    return x_options.reset == OffsetReset::earliest ? kEarliest : kLatest;
}

void PartitionFetcher::assign(Starts starts) {
    ++x_assignment;
    x_partitions.clear();
    x_busy.clear();
    add(starts);
}

void PartitionFetcher::add(const Starts& starts) {
    for (const auto& [partition, start] : starts) {
        const auto [entry, is_new] = x_partitions.try_emplace(partition);
        if (!is_new) {
            continue;
        }
        if (start && *start >= 0) {
            entry->second.position = start;
        } else if (!start && x_options.reset == OffsetReset::none) {
            x_events.on_failure(
                {Errc::not_found,
                 fmt::format("Undefined offset with no reset policy for partitions: "
                             "[{}]",
                             partition.to_string())});
            return;
        } else {
            entry->second.wanted = start.value_or(reset_target());
        }
    }
    pump_later();
}

void PartitionFetcher::stop() {
    assign({});
}

void PartitionFetcher::resume() {
    x_paused = false;
    pump_later();
}

PartitionFetcher::Positions PartitionFetcher::positions() const {
    Positions positions;
    for (const auto& [partition, state] : x_partitions) {
        if (state.position) {
            positions.emplace(partition, *state.position);
        }
    }
    return positions;
}

void PartitionFetcher::pump_later() {
    if (x_pump_scheduled) {
        return;
    }
    x_pump_scheduled = true;
    x_loop.post([this] {
        x_pump_scheduled = false;
        pump();
    });
}

void PartitionFetcher::pump() {
    if (x_paused) {
        return;
    }
    std::map<kafka::BrokerId, std::vector<kafka::TopicPartition>> by_leader;
    for (const auto& [partition, state] : x_partitions) {
        if (!state.position) {
            look_up(partition);
            continue;
        }
        const kafka::BrokerId leader = x_cluster.view().leader(partition);
        if (leader == kafka::kNoBroker) {
            refresh_later();
        } else if (!x_busy.contains(leader)) {
            by_leader[leader].push_back(partition);
        }
    }
    for (const auto& [leader, partitions] : by_leader) {
        fetch(leader, partitions);
    }
}

void PartitionFetcher::look_up(const kafka::TopicPartition& partition) {
    Partition& state = x_partitions.at(partition);
    if (state.looking_up) {
        return;
    }
    state.looking_up = true;
    kafka::ListOffsetsRequest request;
    request.replica_id = -1;
    request.isolation_level = x_options.committed_only ? 1 : 0;
    auto& topic = request.topics.emplace_back();
    topic.name = partition.topic;
    auto& item = topic.partitions.emplace_back();
    item.partition_index = partition.partition.value();
    item.timestamp = state.wanted;
    kafka::ClusterClient::Plan<kafka::ListOffsetsRequest> plan;
    plan.versions.least = x_options.committed_only ? 2 : 1;
    plan.error_of = list_error;
    x_cluster.call<kafka::ListOffsetsRequest>(
        kafka::LeaderOf{partition}, std::move(request),
        [this, partition, assignment = x_assignment](Result<kafka::ListOffsetsResponse> response) {
            if (assignment == x_assignment) {
                looked_up(partition, std::move(response));
            }
        },
        std::move(plan));
}

void PartitionFetcher::looked_up(const kafka::TopicPartition& partition,
                                 Result<kafka::ListOffsetsResponse> response) {
    Partition& state = x_partitions.at(partition);
    state.looking_up = false;
    if (!response) {
        x_events.on_failure(response.error());
        return;
    }
    const ErrorCode code = list_error(*response);
    if (code != ErrorCode::none) {
        x_events.on_failure({Errc::invalid_argument,
                             fmt::format("{}: {}", partition.to_string(), message_of(code))});
        return;
    }
    state.position = response->topics.front().partitions.front().offset;
    pump_later();
}

void PartitionFetcher::fetch(kafka::BrokerId broker,
                             const std::vector<kafka::TopicPartition>& partitions) {
    kafka::Client* const client = x_cluster.connection(broker);
    if (client == nullptr) {
        refresh_later();
        return;
    }
    kafka::FetchRequest request;
    request.max_wait_ms = x_options.max_wait_ms;
    request.min_bytes = x_options.min_bytes;
    request.max_bytes = x_options.max_bytes;
    request.isolation_level = x_options.committed_only ? 1 : 0;
    for (const kafka::TopicPartition& partition : partitions) {
        if (request.topics.empty() || request.topics.back().topic != partition.topic) {
            request.topics.emplace_back().topic = partition.topic;
        }
        auto& item = request.topics.back().partitions.emplace_back();
        item.partition = partition.partition.value();
        item.fetch_offset = *x_partitions.at(partition).position;
        item.partition_max_bytes = x_options.partition_bytes;
    }
    x_busy.insert(broker);
    client->send<kafka::FetchRequest>(
        std::move(request), kFetchVersions,
        [this, broker, assignment = x_assignment](const Result<Response>& response) {
            if (assignment != x_assignment) {
                return;
            }
            x_busy.erase(broker);
            take(response);
        });
}

void PartitionFetcher::take(const Result<Response>& response) {
    if (!response || response->error_code != 0) {
        refresh_later();
        return;
    }
    const std::uint64_t assignment = x_assignment;
    for (const auto& topic : response->topics) {
        for (const auto& partition : topic.partitions) {
            take_partition(topic.topic, partition);
            if (assignment != x_assignment) {
                return;
            }
        }
    }
    if (!x_refreshing) {
        pump_later();
    }
}

void PartitionFetcher::take_partition(const std::string& topic,
                                      const Response::Topic::Partition& partition) {
    const kafka::TopicPartition of{topic, kafka::PartitionId(partition.partition_index)};
    const auto found = x_partitions.find(of);
    if (found == x_partitions.end()) {
        return;
    }
    const ErrorCode code = kafka::error_from_wire(partition.error_code);
    if (code == ErrorCode::none) {
        take_records(of, found->second, partition);
    } else if (code == ErrorCode::offset_out_of_range) {
        out_of_range(of, found->second);
    } else if (kafka::is_retriable(code)) {
        refresh_later();
    } else {
        x_events.on_failure(
            {Errc::invalid_argument, fmt::format("{}: {}", of.to_string(), message_of(code))});
    }
}

void PartitionFetcher::out_of_range(const kafka::TopicPartition& of, Partition& state) {
    if (x_options.reset == OffsetReset::none) {
        x_events.on_failure(
            {Errc::not_found,
             fmt::format(
                 "Fetch position {} is out of range for partition {}, and there is no reset "
                 "policy",
                 *state.position, of.to_string())});
        return;
    }
    state.position.reset();
    state.wanted = reset_target();
}

void PartitionFetcher::take_records(const kafka::TopicPartition& of, Partition& state,
                                    const Response::Topic::Partition& partition) {
    AbortedTransactions aborted(partition);
    kafka::BatchReader batches(partition.records.bytes);
    const std::uint64_t assignment = x_assignment;
    while (batches.next()) {
        const kafka::BatchView& batch = batches.batch();
        const bool skipped =
            (x_options.committed_only && aborted.covers(batch)) || batch.is_control();
        if (!skipped && (!take_batch(of, state, batch) || assignment != x_assignment)) {
            return;
        }
        // The last offsets of a batch may have been compacted away.
        state.position = std::max(*state.position, batch.next_offset().value());
    }
    if (!batches.status()) {
        x_events.on_failure(batches.status().error());
    }
}

bool PartitionFetcher::take_batch(const kafka::TopicPartition& of, Partition& state,
                                  const kafka::BatchView& batch) {
    auto records = kafka::RecordReader::open(batch, kInflatedBytesMax);
    if (!records) {
        x_events.on_failure(records.error());
        return false;
    }
    const std::uint64_t assignment = x_assignment;
    while (records->next()) {
        const kafka::Record& record = records->record();
        if (record.offset < *state.position) {
            continue;  // the batch began before the position
        }
        if (!x_events.on_record(of, batch, record)) {
            if (assignment == x_assignment) {
                x_paused = true;
            }
            return false;
        }
        state.position = record.offset + 1;
    }
    if (!records->status()) {
        x_events.on_failure(records->status().error());
        return false;
    }
    return true;
}

void PartitionFetcher::refresh_later() {
    if (x_refreshing) {
        return;
    }
    x_refreshing = true;
    x_loop.run_after(kRefreshDelay, [this] {
        std::set<std::string> topics;
        for (const auto& [partition, state] : x_partitions) {
            topics.insert(partition.topic);
        }
        x_cluster.refresh(std::vector<std::string>(topics.begin(), topics.end()),
                          [this](const Status&) {
                              x_refreshing = false;
                              pump_later();
                          });
    });
}

}  // namespace millrace::cli
