// One run of the console consumer: finds the topics, reads them alone or as a member of a group, prints, ends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/event_runner.h"
#include "cli/group_member.h"
#include "cli/kafka_connection.h"
#include "cli/output/record_printer.h"
#include "cli/partition_fetcher.h"

namespace millrace::cli {

struct ConsumerPlan {
    std::vector<runtime::Endpoint> bootstrap;
    kafka::ClusterClientOptions cluster;
    std::optional<std::string> topic;  // absent: every topic that `include` matches
    std::string include;
    std::optional<std::int32_t> partition;  // this one only
    std::int64_t start = -1;                // of `partition`; -1 latest, -2 earliest
    std::optional<GroupOptions> group;      // absent: every partition, without a group
    std::optional<std::int64_t> max_messages;
    std::optional<Duration> timeout;  // without a message
    RecordFormat format;
    FetchOptions fetch;
    bool create_topic = true;  // looking a topic up may create it
    Duration metadata_interval = 10s;
};

class ConsumerRun {
 public:
    explicit ConsumerRun(ConsumerPlan plan);

    // Until the messages, the time or a signal end it.
    Status run();
    std::uint64_t messages() const { return x_messages; }
    // The signal that ended it, or 0.
    int interrupted() const { return x_runner.interrupted(); }

 private:
    void start_group();
    void discover();
    void discovered(Result<kafka::MetadataResponse> response);
    void discover_again(Duration delay);
    void use_topics(const kafka::MetadataResponse& response);
    bool take(const kafka::TopicPartition& partition, const kafka::BatchView& batch,
              const kafka::Record& record);
    void write_later();
    void write_out();
    void watch_timeout();
    void finish(Status why);
    bool over() const { return x_end.has_value() || x_runner.interrupted() != 0; }

    ConsumerPlan x_plan;
    EventRunner x_runner;
    kafka::ClusterClient x_cluster;
    std::unique_ptr<kafka::ClusterClient> x_patient;
    PartitionFetcher x_fetcher;
    std::unique_ptr<GroupMember> x_member;
    std::optional<Status> x_end;
    std::string x_output;
    bool x_write_scheduled = false;
    std::uint64_t x_messages = 0;
    Instant x_last_message;
};

}  // namespace millrace::cli
