// zkServer.sh: one coordinator with a pid file in its data directory.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "cli/command.h"
#include "cli/four_letter.h"
#include "cli/kafka_connection.h"
#include "cli/server_process.h"
#include "lib/base/properties.h"
#include "lib/runtime/posix/posix_file_system.h"
#include "lib/runtime/version.h"

namespace millrace::cli {
namespace {

constexpr std::string_view kCoordinator = "millrace-coordinator";
constexpr std::string_view kDefaultPort = "2181";
constexpr Duration kStartTime = 15s;
constexpr Duration kStopTime = 60s;
constexpr int kLinesShown = 3;
constexpr std::array kOptions{
    Option{"config", "directory", "Where zoo.cfg lies; wins over $ZOOCFGDIR."},
};
constexpr Usage kUsage{
    .program = "zkServer.sh",
    .summary = "Starts, stops and asks a coordinator.",
    .options = kOptions,
    .operands = "start|start-foreground|stop|version|restart|status|print-cmd [zoo.cfg]",
    .examples = "  zkServer.sh start conf/zoo.cfg\n  zkServer.sh status\n",
};
constexpr std::array<std::string_view, 7> kActions{
    "start", "start-foreground", "stop", "version", "restart", "status", "print-cmd"};

std::string from_environment(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

// The file, found as the Java script finds it: a name without a folder lies in $ZOOCFGDIR or conf.
std::string config_path(const Invocation& invocation, const Options& options) {
    namespace fs = std::filesystem;
    const std::string from_variable = from_environment("ZOOCFG");
    const std::string name = options.operands().size() > 1 ? options.operands()[1]
                             : from_variable.empty()       ? "zoo.cfg"
                                                           : from_variable;
    if (name.find('/') != std::string::npos) {
        return name;
    }
    std::vector<fs::path> folders;
    if (const std::string wanted = options.text_or("config", from_environment("ZOOCFGDIR"));
        !wanted.empty()) {
        return (fs::path(wanted) / name).string();
    }
    const fs::path beside = fs::path(invocation.bin_directory).parent_path() / "conf";
    folders.insert(folders.end(), {beside, "conf", "."});
    for (const fs::path& folder : folders) {
        if (fs::exists(folder / name)) {
            return (folder / name).string();
        }
    }
    return (folders.front() / name).string();
}

// What the script must know of zoo.cfg.
struct Settings {
    std::string config;
    std::string data_directory;
    std::string pid_file;
    runtime::Endpoint client;  // where this host's clients connect
};

Result<Settings> read_settings(const std::string& path) {
    Settings settings;
    settings.config = path;
    std::string port(kDefaultPort);
    std::string address;
    const std::string text = TRY(read_text_file(path));
    for (const Property& entry : TRY(parse_properties(text))) {
        if (entry.key == "dataDir") {
            settings.data_directory = entry.value;
        } else if (entry.key == "clientPort") {
            port = entry.value;
        } else if (entry.key == "clientPortAddress") {
            address = entry.value;
        }
    }
    while (port.ends_with(' ')) {
        port.pop_back();
    }
    if (settings.data_directory.empty()) {
        return fail(Errc::invalid_argument, fmt::format("{}: dataDir is not set", path));
    }
    const bool everywhere = address.empty() || address == "0.0.0.0" || address == "::";
    settings.client = TRY(
        runtime::Endpoint::parse(fmt::format("{}:{}", everywhere ? "localhost" : address, port)));
    settings.pid_file = from_environment("ZOOPIDFILE");
    if (settings.pid_file.empty()) {
        settings.pid_file = settings.data_directory + "/zookeeper_server.pid";
    }
    return settings;
}

ServerCommand server_command(const Invocation& invocation, const Settings& settings) {
    return {.binary = fmt::format("{}/{}", invocation.bin_directory, kCoordinator),
            .java_name = "org.apache.zookeeper.server.quorum.QuorumPeerMain",
            .arguments = {settings.config}};
}

std::string output_path(const Invocation& invocation) {
    std::string folder = from_environment("ZOO_LOG_DIR");
    if (folder.empty()) {
        const auto logs = log_directory(invocation.bin_directory);
        folder = logs.value_or(".");
    }
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    const std::string user = from_environment("USER");
    return fmt::format("{}/zookeeper-{}-server-{}.out", folder, user.empty() ? "root" : user,
                       host.data());
}

// Until the new process answers, or has ended.
bool comes_up(EventRunner& runner, int pid, const Settings& settings) {
    bool ended = false;
    bool serves = false;
    runner.poll_until(
        [&] {
            ended = ::waitpid(pid, nullptr, WNOHANG) == pid;
            serves = !ended && ask_four_letters(runner, settings.client, "srvr").has_value();
            return ended || serves;
        },
        kStartTime);
    return !ended;
}

Status write_pid(const std::string& path, int pid) {
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
    return runtime::make_posix_file_system()->replace_file(path, as_bytes(std::to_string(pid)));
}

int start(const Invocation& invocation, const Settings& settings) {
    fmt::print("Starting zookeeper ... ");
    std::fflush(stdout);
    const int present = read_pid(settings.pid_file);
    if (runs_program(present, kCoordinator) || runs_program(present, "java")) {
        fmt::print("already running as process {}.\n", present);
        return exit_failed;
    }
    const std::string output = output_path(invocation);
    const auto pid = run_as_daemon(server_command(invocation, settings), output);
    if (!pid) {
        fmt::print("FAILED TO START\n{}\n", pid.error().message);
        return exit_failed;
    }
    const Status written = write_pid(settings.pid_file, *pid);
    if (!written) {
        fmt::print("FAILED TO WRITE PID\n{}\n", written.error().message);
        return exit_failed;
    }
    EventRunner runner;
    if (!comes_up(runner, *pid, settings)) {
        std::error_code ignored;
        std::filesystem::remove(settings.pid_file, ignored);
        fmt::print("FAILED TO START\n{}Its output is in {}\n", last_lines(output, kLinesShown),
                   output);
        return exit_failed;
    }
    fmt::print("STARTED\n");
    return exit_ok;
}

int stop(const Invocation& invocation, const Settings& settings) {
    fmt::print("Stopping zookeeper ... ");
    std::fflush(stdout);
    const int pid = read_pid(settings.pid_file);
    if (pid == 0) {
        fmt::print("no zookeeper to stop (could not find file {})\n", settings.pid_file);
        return exit_ok;
    }
    std::error_code ignored;
    if (!runs_program(pid, kCoordinator) && !runs_program(pid, "java")) {
        std::filesystem::remove(settings.pid_file, ignored);
        fmt::print("no zookeeper to stop (process {} is gone)\n", pid);
        return exit_ok;
    }
    EventRunner runner;
    const Status ended = terminate(runner, pid, kStopTime);
    if (!ended) {
        fmt::print("\n");
        return failure(invocation, ended.error().message);
    }
    std::filesystem::remove(settings.pid_file, ignored);
    fmt::print("STOPPED\n");
    return exit_ok;
}

int status(const Settings& settings) {
    fmt::print("Client port found: {}. Client address: {}. Client SSL: false.\n",
               settings.client.port, settings.client.host);
    std::fflush(stdout);
    EventRunner runner;
    const auto answer = ask_four_letters(runner, settings.client, "srvr");
    const std::size_t mode = answer ? answer->find("Mode: ") : std::string::npos;
    if (mode == std::string::npos) {
        fmt::print("Error contacting service. It is probably not running.\n");
        return exit_failed;
    }
    fmt::print("{}\n", std::string_view(*answer).substr(mode, answer->find('\n', mode) - mode));
    return exit_ok;
}

int run_action(const Invocation& invocation, const std::string& action, const Settings& settings) {
    if (action == "start") {
        return start(invocation, settings);
    }
    if (action == "start-foreground") {
        return failure(invocation,
                       run_in_place(server_command(invocation, settings)).error().message);
    }
    if (action == "print-cmd") {
        const ServerCommand command = server_command(invocation, settings);
        fmt::print("\"{}\" \"{}\" > \"{}\" 2>&1 < /dev/null\n", command.binary, settings.config,
                   output_path(invocation));
        return exit_ok;
    }
    if (action == "stop") {
        return stop(invocation, settings);
    }
    if (action == "restart") {
        const int stopped = stop(invocation, settings);
        return stopped == exit_ok ? start(invocation, settings) : stopped;
    }
    return status(settings);
}

}  // namespace

int zk_server(const Invocation& invocation) {
    const auto options = read_options(kUsage, invocation);
    if (!options) {
        return options.error();
    }
    const std::string action = options->operands().empty() ? "" : options->operands().front();
    if (std::ranges::find(kActions, action) == kActions.end()) {
        fmt::print(stderr, "Usage: {} [--config <conf-dir>] {{{}}} [zoo.cfg]\n", invocation.program,
                   fmt::join(kActions, "|"));
        return exit_usage;
    }
    // Monitoring that reads the output of the Java script expects these lines.
    const std::string no_jmx = from_environment("JMXDISABLE");
    fmt::print(stderr, "{}\n",
               no_jmx.empty() || no_jmx == "false" ? "ZooKeeper JMX enabled by default"
                                                   : "JMX disabled by user request");
    const std::string path = config_path(invocation, *options);
    fmt::print(stderr, "Using config: {}\n", path);
    if (action == "version") {
        fmt::print("Apache ZooKeeper, version 3.9.0 (millrace {}, {})\n", runtime::version(),
                   runtime::revision());
        return exit_ok;
    }
    const auto settings = read_settings(path);
    if (!settings) {
        return failure(invocation, settings.error().message);
    }
    return run_action(invocation, action, *settings);
}

}  // namespace millrace::cli
