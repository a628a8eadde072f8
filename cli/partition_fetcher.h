// Reads partitions from their leaders, one fetch at a time and broker, and shows the records in order.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "lib/kafka/cluster_client.h"
#include "lib/kafka/record.h"

namespace millrace::cli {

// Where a partition starts that has no position, or whose position is outside the log.
enum class OffsetReset { earliest, latest, none };

struct FetchOptions {
    std::int32_t min_bytes = 1;
    std::int32_t max_bytes = 50 << 20;
    std::int32_t max_wait_ms = 500;
    std::int32_t partition_bytes = 1 << 20;
    bool committed_only = false;  // leave out what aborted transactions wrote
    OffsetReset reset = OffsetReset::latest;
};

// The loop and the cluster outlive it, and the loop turns no more after its end.
class PartitionFetcher {
 public:
    using Positions = std::map<kafka::TopicPartition, std::int64_t>;
    // -1 latest, -2 earliest, as ListOffsets has them; nothing: as options.reset says.
    using Starts = std::map<kafka::TopicPartition, std::optional<std::int64_t>>;

    struct Events {
        // False: the record is not taken, and nothing is read any more.
        std::function<bool(const kafka::TopicPartition&, const kafka::BatchView&,
                           const kafka::Record&)>
            on_record;
        // What no retry can mend.
        std::function<void(const Error&)> on_failure;
    };

    PartitionFetcher(runtime::Loop& loop, kafka::ClusterClient& cluster, FetchOptions options,
                     Events events);

    // Replaces all partitions.
    void assign(Starts starts);
    // Adds partitions that are not read yet.
    void add(const Starts& starts);
    // Nothing is read any more.
    void stop();
    // While paused no new fetch starts.
    void pause() { x_paused = true; }
    void resume();

    // The next offset of every partition that has one: what a group commits.
    Positions positions() const;
    bool has(const kafka::TopicPartition& partition) const {
        return x_partitions.contains(partition);
    }

 private:
    struct Partition {
        std::optional<std::int64_t> position;
        std::int64_t wanted = 0;  // to look up when there is no position: -1 or -2
        bool looking_up = false;
    };
    using Response = kafka::FetchResponse;

    std::int64_t reset_target() const;
    void pump_later();
    void pump();
    void look_up(const kafka::TopicPartition& partition);
    void looked_up(const kafka::TopicPartition& partition,
                   Result<kafka::ListOffsetsResponse> response);
    void fetch(kafka::BrokerId broker, const std::vector<kafka::TopicPartition>& partitions);
    void take(const Result<Response>& response);
    void take_partition(const std::string& topic, const Response::Topic::Partition& partition);
    void take_records(const kafka::TopicPartition& of, Partition& state,
                      const Response::Topic::Partition& partition);
    bool take_batch(const kafka::TopicPartition& of, Partition& state,
                    const kafka::BatchView& batch);
    void out_of_range(const kafka::TopicPartition& of, Partition& state);
    void refresh_later();

    runtime::Loop& x_loop;
    kafka::ClusterClient& x_cluster;
    FetchOptions x_options;
    Events x_events;
    std::map<kafka::TopicPartition, Partition> x_partitions;
    std::set<kafka::BrokerId> x_busy;  // brokers with a fetch under way
    std::uint64_t x_assignment = 0;    // answers of an earlier one are thrown away
    bool x_paused = false;
    bool x_pump_scheduled = false;
    bool x_refreshing = false;
};

}  // namespace millrace::cli
