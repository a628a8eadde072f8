// kafka-server-start.sh, kafka-server-stop.sh, zookeeper-server-start.sh, zookeeper-server-stop.sh.
#include <fmt/format.h>
#include <signal.h>

#include <array>
#include <cstdio>
#include <filesystem>

#include "cli/command.h"
#include "cli/server_process.h"

namespace millrace::cli {
namespace {

constexpr std::string_view kBroker = "millrace-broker";
constexpr std::string_view kCoordinator = "millrace-coordinator";

constexpr std::array kBrokerOptions{
    Option{"daemon", "", "Run in the background; output goes to $LOG_DIR/kafkaServer.out."},
    Option{"override", "property=value", "Wins over the file.", true},
    Option{"name", "name", "No effect: names the Java process."},
    Option{"loggc", "", "No effect: there is no garbage collector."},
};
constexpr Usage kBrokerUsage{
    .program = "kafka-server-start.sh",
    .summary = "Starts a broker.",
    .options = kBrokerOptions,
    .operands = "server.properties",
    .examples =
        "  kafka-server-start.sh config/server.properties\n"
        "  kafka-server-start.sh -daemon config/server.properties --override broker.id=1\n",
};
constexpr std::array kCoordinatorOptions{
    Option{"daemon", "", "Run in the background; output goes to $LOG_DIR/zookeeper.out."},
    Option{"name", "name", "No effect: names the Java process."},
    Option{"loggc", "", "No effect: there is no garbage collector."},
};
constexpr Usage kCoordinatorUsage{
    .program = "zookeeper-server-start.sh",
    .summary = "Starts a coordinator.",
    .options = kCoordinatorOptions,
    .operands = "zookeeper.properties",
    .examples = "  zookeeper-server-start.sh -daemon config/zookeeper.properties\n",
};
constexpr Usage kStopUsage{
    .program = "kafka-server-stop.sh",
    .summary = "Asks the servers of this user to end.",
    .options = {},
    .operands = "",
    .examples = "",
};

int start_server(const Invocation& invocation, const Options& options, ServerCommand command,
                 std::string_view output_name) {
    if (options.operands().size() != 1) {
        fmt::print("USAGE: {} [-daemon] {}\n", invocation.program,
                   output_name == "kafkaServer.out"
                       ? "server.properties [--override property=value]*"
                       : "zookeeper.properties");
        return exit_failed;
    }
    if (!std::filesystem::exists(command.binary)) {
        return failure(invocation, fmt::format("{} is missing", command.binary));
    }
    command.arguments.insert(command.arguments.begin(), options.operands().front());
    if (!options.has("daemon")) {
        return failure(invocation, run_in_place(command).error().message);
    }
    const auto logs = log_directory(invocation.bin_directory);
    if (!logs) {
        return failure(invocation, logs.error().message);
    }
    const auto pid = run_as_daemon(command, fmt::format("{}/{}", *logs, output_name));
    return pid ? exit_ok : failure(invocation, pid.error().message);
}

int stop_servers(const Invocation& invocation, std::string_view program, std::string_view what) {
    const auto options = read_options(kStopUsage, invocation);
    if (!options) {
        return options.error();
    }
    const std::vector<int> pids = own_processes(program);
    if (pids.empty()) {
        fmt::print("No {} server to stop\n", what);
        return exit_failed;
    }
    for (const int pid : pids) {
        ::kill(pid, SIGTERM);
    }
    return exit_ok;
}

}  // namespace

int kafka_server_start(const Invocation& invocation) {
    const auto options = read_options(kBrokerUsage, invocation);
    if (!options) {
        return options.error();
    }
    ServerCommand command{.binary = fmt::format("{}/{}", invocation.bin_directory, kBroker),
                          .java_name = "kafka.Kafka",
                          .arguments = {}};
    for (const std::string& pair : options->all("override")) {
        command.arguments.insert(command.arguments.end(), {"--override", pair});
    }
    return start_server(invocation, *options, std::move(command), "kafkaServer.out");
}

int zookeeper_server_start(const Invocation& invocation) {
    const auto options = read_options(kCoordinatorUsage, invocation);
    if (!options) {
        return options.error();
    }
    ServerCommand command{.binary = fmt::format("{}/{}", invocation.bin_directory, kCoordinator),
                          .java_name = "org.apache.zookeeper.server.quorum.QuorumPeerMain",
                          .arguments = {}};
    return start_server(invocation, *options, std::move(command), "zookeeper.out");
}

int kafka_server_stop(const Invocation& invocation) {
    return stop_servers(invocation, kBroker, "kafka");
}

int zookeeper_server_stop(const Invocation& invocation) {
    return stop_servers(invocation, kCoordinator, "zookeeper");
}

}  // namespace millrace::cli
