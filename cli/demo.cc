#include "cli/demo.h"

#include <fmt/format.h>

#include "cli/kafka_connection.h"
#include "cli/server_process.h"

namespace millrace::cli {
namespace {

constexpr std::string_view kTopic = "demo";
constexpr std::string_view kGroup = "demo";
constexpr std::string_view kPatience = "20000";  // ms without a message

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

Status run_tool(const std::vector<std::string>& argv, const std::string& input,
                const std::string& output) {
    const int code = TRY(run_to_end(argv, input, output));
    if (code != 0) {
        return fail(Errc::io_error, fmt::format("{} ended with {}", argv[1], code));
    }
    return {};
}

}  // namespace

Status run_demo(const std::string& bin_directory, const std::string& bootstrap,
                const DemoFiles& files) {
    const std::vector<std::string> sent = sorted_lines(TRY(read_text_file(files.lines)));
    const std::string program = bin_directory + "/millrace";
    const std::string output = files.directory + "/demo.out";
    fmt::print("Sending {} lines of {} to topic {}\n", sent.size(), files.lines, kTopic);
    std::fflush(stdout);
    TRY(run_tool({program, "kafka-console-producer", "--bootstrap-server", bootstrap, "--topic",
                  std::string(kTopic)},
                 files.lines, ""));
    fmt::print("Reading them back as group {}\n", kGroup);
    std::fflush(stdout);
    TRY(run_tool(
        {program, "kafka-console-consumer", "--bootstrap-server", bootstrap, "--topic",
         std::string(kTopic), "--group", std::string(kGroup), "--from-beginning", "--max-messages",
         std::to_string(sent.size()), "--timeout-ms", std::string(kPatience)},
        "", output));
    const std::vector<std::string> received = sorted_lines(TRY(read_text_file(output)));
    if (received != sent) {
        return fail(Errc::conflict,
                    fmt::format("{} lines came back, {} were sent, and they differ; see {}",
                                received.size(), sent.size(), output));
    }
    fmt::print("{} lines came back, all as they were sent.\n", received.size());
    return {};
}

}  // namespace millrace::cli
