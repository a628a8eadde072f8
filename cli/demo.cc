#include "cli/demo.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <map>

#include "cli/kafka_connection.h"
#include "cli/server_process.h"

namespace millrace::cli {
namespace {

constexpr std::string_view kTopic = "demo";
constexpr std::string_view kPatience = "20000";  // ms without a message
constexpr std::int64_t kLatest = -1;             // ListOffsets: the end of the log

using Offsets = std::map<std::int32_t, std::int64_t>;  // by partition

std::vector<std::string> sorted_lines(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        lines.emplace_back(line);
    }
    std::ranges::sort(lines);
    return lines;
}

class Demo {
 public:
    Demo(EventRunner& runner, std::string bin_directory, std::string bootstrap,
         std::vector<runtime::Endpoint> endpoints)
        : x_runner(runner),
          x_program(std::move(bin_directory) + "/millrace"),
          x_bootstrap(std::move(bootstrap)),
          x_cluster(runner.loop(), runner.network(), std::move(endpoints), {}) {}

    Status run(const DemoFiles& files) {
        const std::vector<std::string> sent = sorted_lines(TRY(read_text_file(files.lines)));
        const Offsets before = TRY(end_offsets());
        tell(fmt::format("Sending {} lines of {} to topic {}", sent.size(), files.lines, kTopic));
        TRY(run_tool({x_program, "kafka-console-producer", "--bootstrap-server", x_bootstrap,
                      "--topic", std::string(kTopic)},
                     files.lines, ""));
        const Offsets after = TRY(end_offsets());
        tell("Reading them back");
        const std::string output = files.directory + "/demo.out";
        std::string received;
        for (const auto& [partition, end] : after) {
            const auto known = before.find(partition);
            const std::int64_t start = known == before.end() ? 0 : known->second;
            if (start < end) {
                TRY(read_back(partition, start, end - start, output));
                received += TRY(read_text_file(output));
            }
        }
        const std::vector<std::string> back = sorted_lines(received);
        if (back != sent) {
            return fail(Errc::conflict, fmt::format("{} lines came back, {} were sent, and they "
                                                    "differ; the last ones are in {}",
                                                    back.size(), sent.size(), output));
        }
        tell(fmt::format("{} lines came back, all as they were sent.", back.size()));
        return {};
    }

 private:
    static void tell(const std::string& line) {
        fmt::print("{}\n", line);
        std::fflush(stdout);
    }

    Status run_tool(const std::vector<std::string>& argv, const std::string& input,
                    const std::string& output) {
        const int code = TRY(run_to_end(x_runner, argv, input, output));
        if (code != 0) {
            return fail(Errc::io_error, fmt::format("{} ended with {}", argv[1], code));
        }
        return {};
    }

    Status read_back(std::int32_t partition, std::int64_t offset, std::int64_t count,
                     const std::string& output) {
        return run_tool({x_program, "kafka-console-consumer", "--bootstrap-server", x_bootstrap,
                         "--topic", std::string(kTopic), "--partition", std::to_string(partition),
                         "--offset", std::to_string(offset), "--max-messages",
                         std::to_string(count), "--timeout-ms", std::string(kPatience)},
                        "", output);
    }

    Result<Offsets> end_offsets() {
        Offsets offsets;
        const auto metadata = TRY(fetch_metadata(x_runner, x_cluster, {std::string(kTopic)}));
        for (const auto& topic : metadata.topics) {
            for (const auto& partition : topic.partitions) {
                offsets[partition.partition_index] = TRY(end_offset(partition.partition_index));
            }
        }
        if (offsets.empty()) {
            return fail(Errc::not_found, fmt::format("there is no topic {}", kTopic));
        }
        return offsets;
    }

    Result<std::int64_t> end_offset(std::int32_t partition) {
        kafka::ListOffsetsRequest request;
        request.replica_id = -1;
        auto& topic = request.topics.emplace_back();
        topic.name = kTopic;
        auto& item = topic.partitions.emplace_back();
        item.partition_index = partition;
        item.timestamp = kLatest;
        kafka::ClusterClient::Plan<kafka::ListOffsetsRequest> plan;
        plan.versions.least = 1;
        const kafka::TopicPartition of{std::string(kTopic), kafka::PartitionId(partition)};
        const auto response =
            TRY(x_runner.await<Result<kafka::ListOffsetsResponse>>([&](auto then) {
                x_cluster.call<kafka::ListOffsetsRequest>(kafka::LeaderOf{of}, std::move(request),
                                                          std::move(then), std::move(plan));
            }));
        if (response.topics.empty() || response.topics.front().partitions.empty()) {
            return fail(Errc::malformed, "the answer about offsets is empty");
        }
        const auto& found = response.topics.front().partitions.front();
        if (found.error_code != 0) {
            return fail(Errc::io_error, error_text(found.error_code, std::nullopt));
        }
        return found.offset;
    }

    EventRunner& x_runner;
    std::string x_program;
    std::string x_bootstrap;
    kafka::ClusterClient x_cluster;
};

}  // namespace

Status run_demo(EventRunner& runner, const std::string& bin_directory, const std::string& bootstrap,
                const DemoFiles& files) {
    auto endpoints = TRY(parse_bootstrap(bootstrap));
    return Demo(runner, bin_directory, bootstrap, std::move(endpoints)).run(files);
}

}  // namespace millrace::cli
