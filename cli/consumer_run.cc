#include "cli/consumer_run.h"

#include <fmt/format.h>
#include <re2/re2.h>
#include <unistd.h>

#include <cerrno>

#include "lib/runtime/posix/posix_error.h"

namespace millrace::cli {
namespace {

constexpr std::size_t kOutputBytes = 256 * 1024;
constexpr Duration kTopicRetry = 200ms;
// A join is answered when the last member has come, at the latest after the rebalance timeout.
constexpr Duration kJoinMargin = 5s;

kafka::ClusterClientOptions patient_options(kafka::ClusterClientOptions options,
                                            const GroupOptions& group) {
    const Duration longest = std::chrono::milliseconds(group.rebalance_timeout_ms) + kJoinMargin;
    options.connection.request_timeout = longest;
    options.call_timeout = 2 * longest;
    return options;
}

}  // namespace

ConsumerRun::ConsumerRun(ConsumerPlan plan)
    : x_plan(std::move(plan)),
      x_cluster(x_runner.loop(), x_runner.network(), x_plan.bootstrap, x_plan.cluster),
      x_fetcher(x_runner.loop(), x_cluster, x_plan.fetch,
                {.on_record = [this](const auto& partition, const auto& batch,
                                     const auto& record) { return take(partition, batch, record); },
                 .on_failure = [this](const Error& error) { finish(fail(error)); }}) {
    if (x_plan.group) {
        start_group();
    }
}

void ConsumerRun::start_group() {
    x_patient = std::make_unique<kafka::ClusterClient>(
        x_runner.loop(), x_runner.network(), x_plan.bootstrap,
        patient_options(x_plan.cluster, *x_plan.group));
    x_member = std::make_unique<GroupMember>(
        x_runner.loop(), GroupMember::Clusters{*x_patient, x_cluster}, *x_plan.group,
        GroupMember::Events{
            .on_assigned =
                [this](PartitionFetcher::Starts starts) { x_fetcher.assign(std::move(starts)); },
            .on_revoked = [this] { x_fetcher.stop(); },
            .positions = [this] { return x_fetcher.positions(); },
            .on_failure = [this](const Error& error) { finish(fail(error)); }});
}

Status ConsumerRun::run() {
    x_runner.take_signals();
    x_last_message = x_runner.loop().now();
    watch_timeout();
    if (x_plan.max_messages == 0) {
        finish({});
    }
    discover();
    x_runner.run_until([this] { return over(); });
    write_out();
    if (x_member != nullptr) {
        bool left = false;
        x_member->leave([&left] { left = true; });
        x_runner.run_until([&left] { return left; });
    }
    return x_end.value_or(Status{});
}

void ConsumerRun::discover() {
    kafka::MetadataRequest request;
    request.allow_auto_topic_creation = x_plan.topic && x_plan.create_topic;
    request.topics.reset();
    if (x_plan.topic) {
        request.topics.emplace();
        request.topics->emplace_back().name = x_plan.topic;
    }
    kafka::ClusterClient::Plan<kafka::MetadataRequest> plan;
    plan.versions.least = 4;
    x_cluster.call<kafka::MetadataRequest>(
        kafka::AnyBroker{}, std::move(request),
        [this](Result<kafka::MetadataResponse> response) { discovered(std::move(response)); },
        std::move(plan));
}

void ConsumerRun::discover_again(Duration delay) {
    x_runner.loop().run_after(delay, [this] { discover(); });
}

void ConsumerRun::discovered(Result<kafka::MetadataResponse> response) {
    if (!response) {
        fmt::print(stderr, "The brokers do not answer: {}\n", response.error().message);
        discover_again(kTopicRetry);
        return;
    }
    if (x_plan.topic && !response->topics.empty()) {
        const auto code = kafka::error_from_wire(response->topics.front().error_code);
        if (kafka::is_retriable(code)) {
            discover_again(kTopicRetry);
            return;
        }
        if (code != kafka::ErrorCode::none) {
            finish(fail(Errc::invalid_argument,
                        fmt::format("topic {}: {}", *x_plan.topic, kafka::message_of(code))));
            return;
        }
    }
    use_topics(*response);
    discover_again(x_plan.metadata_interval);
}

void ConsumerRun::use_topics(const kafka::MetadataResponse& response) {
    const RE2 pattern(x_plan.include, RE2::Quiet);
    if (!pattern.ok()) {
        finish(
            fail(Errc::invalid_argument, fmt::format("{} is an invalid regex.", x_plan.include)));
        return;
    }
    std::vector<std::string> names;
    PartitionFetcher::Starts starts;
    for (const auto& topic : response.topics) {
        const std::string name = topic.name.value_or("");
        if (!x_plan.topic && (topic.is_internal || !RE2::FullMatch(name, pattern))) {
            continue;
        }
        names.push_back(name);
        for (const auto& partition : topic.partitions) {
            starts[{name, kafka::PartitionId(partition.partition_index)}] = std::nullopt;
        }
    }
    if (x_member != nullptr) {
        x_member->subscribe(std::move(names));
        x_member->check_partitions();
        return;
    }
    if (x_plan.partition) {
        const kafka::TopicPartition only{*x_plan.topic, kafka::PartitionId(*x_plan.partition)};
        if (!starts.contains(only)) {
            finish(
                fail(Errc::not_found, fmt::format("there is no partition {}", only.to_string())));
            return;
        }
        starts = {{only, x_plan.start}};
    }
    x_fetcher.add(starts);
}

bool ConsumerRun::take(const kafka::TopicPartition& partition, const kafka::BatchView& batch,
                       const kafka::Record& record) {
    if (over()) {
        return false;
    }
    if (Status printed = append_record(x_output, x_plan.format, partition.partition.value(),
                                       batch.timestamp_type(), record);
        !printed) {
        finish(std::move(printed));
        return false;
    }
    ++x_messages;
    x_last_message = x_runner.loop().now();
    if (x_output.size() >= kOutputBytes) {
        write_out();
    } else {
        write_later();
    }
    if (x_plan.max_messages && x_messages >= static_cast<std::uint64_t>(*x_plan.max_messages)) {
        // The record is taken: it counts as read when the group commits.
        finish({});
    }
    return true;
}

void ConsumerRun::write_later() {
    if (!x_write_scheduled) {
        x_write_scheduled = true;
        x_runner.loop().at_turn_end([this] {
            x_write_scheduled = false;
            write_out();
        });
    }
}

void ConsumerRun::write_out() {
    std::string_view rest = x_output;
    while (!rest.empty()) {
        const ssize_t count = runtime::retry_interrupted(
            [rest] { return ::write(STDOUT_FILENO, rest.data(), rest.size()); });
        if (count < 0) {
            finish(fail(Errc::io_error, "Unable to write to standard out, closing consumer."));
            break;
        }
        rest.remove_prefix(static_cast<std::size_t>(count));
    }
    x_output.clear();
}

void ConsumerRun::watch_timeout() {
    if (!x_plan.timeout) {
        return;
    }
    const Instant end = x_last_message + *x_plan.timeout;
    if (x_runner.loop().now() < end) {
        x_runner.loop().run_at(end, [this] { watch_timeout(); });
        return;
    }
    fmt::print(stderr, "No message for {} ms.\n", to_millis(*x_plan.timeout));
    finish({});
}

void ConsumerRun::finish(Status why) {
    if (!x_end) {
        x_end = std::move(why);
    }
}

}  // namespace millrace::cli
