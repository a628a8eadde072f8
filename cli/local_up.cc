// millrace up: coordinators, brokers and topics on this machine, by the operator's local mode.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "cli/demo.h"
#include "cli/event_runner.h"
#include "cli/kafka_connection.h"
#include "cli/local_api.h"
#include "cli/local_mode.h"
#include "cli/output/progress.h"
#include "cli/server_process.h"
#include "lib/runtime/process.h"

extern char** environ;

namespace millrace::cli {
namespace {

namespace fs = std::filesystem;

constexpr Duration kListenTime = 30s;
constexpr Duration kLookInterval = 100ms;
constexpr Duration kConnectTime = 2s;
constexpr Duration kStopTime = 120s;
// So long nothing becomes ready before what is waited for is told again.
constexpr Duration kQuietTime = 5s;
constexpr int kLinesShown = 3;
constexpr std::int64_t kReadySeconds = 180;
constexpr std::int64_t kReadySecondsMax = 86'400;
constexpr std::int64_t kPortMax = 65'535;
constexpr std::string_view kQuickstart = "quickstart.yaml";

constexpr std::array kOptions{
    kDirectoryOption,
    Option{"demo", "", "Then send messages through the topic 'demo' and read them back."},
    Option{"port", "number", "Port of the API server; default any free one."},
    Option{"timeout", "seconds", "How long until all must be ready; default 180."},
};
constexpr Usage kUsage{
    .program = "millrace up",
    .summary =
        "Starts what the files declare (default: examples/quickstart.yaml) on this machine "
        "and stays until\nCtrl-C. Everything it writes lies in one directory.",
    .options = kOptions,
    .operands = "[file.yaml ...]",
    .examples = "  millrace up --demo\n  millrace up --dir ~/clusters/a cluster.yaml\n",
};

struct Plan {
    std::string directory;
    std::vector<std::string> files;
    std::string port;
    Duration ready_time{};
    std::string demo_file;              // empty: no demo
    std::vector<std::string> expected;  // titles of resources
};

Result<Plan> plan_for(const Invocation& invocation, const Options& options) {
    Plan plan;
    plan.directory = local_directory(options);
    plan.port = std::to_string(TRY(options.number("port", 0, kPortMax)).value_or(0));
    plan.ready_time = std::chrono::seconds(
        TRY(options.number("timeout", 1, kReadySecondsMax)).value_or(kReadySeconds));
    plan.files = options.operands();
    if (plan.files.empty()) {
        plan.files.push_back(example_file(invocation.bin_directory, kQuickstart));
    }
    if (plan.files.front().empty()) {
        return fail(Errc::not_found, fmt::format("{} is not found; name a file", kQuickstart));
    }
    for (const std::string& file : plan.files) {
        const std::string text = TRY(read_text_file(file));
        const std::vector<std::string> titles = declared_resources(text);
        plan.expected.insert(plan.expected.end(), titles.begin(), titles.end());
    }
    if (options.has("demo")) {
        plan.demo_file = example_file(invocation.bin_directory, kDemoFile);
        if (plan.demo_file.empty()) {
            return fail(Errc::not_found, fmt::format("examples/{} is not found", kDemoFile));
        }
    }
    return plan;
}

std::map<std::string, std::string> own_environment() {
    std::map<std::string, std::string> variables;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        variables.insert(split_pair(*entry));
    }
    return variables;
}

// As a user in the working directory writes it.
std::string shown_path(const std::string& path) {
    const std::string here = fs::current_path().string() + "/";
    return path.starts_with(here) ? path.substr(here.size()) : path;
}

// The operator as a child: from its start to its end.
class LocalCluster {
 public:
    LocalCluster(const Invocation& invocation, const Plan& plan)
        : x_invocation(invocation), x_plan(plan) {
        // Before the first thread.
        x_runner.take_signals();
        x_processes = runtime::make_process_runner(x_runner.loop());
    }

    int run() {
        const int code = serve();
        stop();
        return code;
    }

 private:
    bool ended() const { return x_end.has_value(); }
    bool interrupted() const { return x_runner.interrupted() != 0; }
    std::string log_path() const { return x_plan.directory + "/operator.log"; }
    Duration elapsed() { return x_runner.loop().now() - x_started; }

    Status start() {
        std::error_code error;
        fs::create_directories(x_plan.directory, error);
        fs::remove(x_plan.directory + "/api-server.url", error);
        // The log tells of this run; the one before it is kept.
        fs::rename(log_path(), log_path() + ".1", error);
        runtime::ProcessOptions options;
        options.argv = {fmt::format("{}/{}", x_invocation.bin_directory, kOperator), "--local",
                        x_plan.directory, "--port", x_plan.port};
        for (const std::string& file : x_plan.files) {
            options.argv.insert(options.argv.end(), {"--apply", fs::absolute(file).string()});
        }
        options.environment = own_environment();
        options.output_path = log_path();
        x_started = x_runner.loop().now();
        x_operator = TRY(
            x_processes->spawn(options, [this](const runtime::ProcessEnd& end) { x_end = end; }));
        return {};
    }

    int serve() {
        const Status started = start();
        if (!started) {
            return failure(x_invocation, started.error().message);
        }
        fmt::print("Everything this run writes lies in {}\nWaiting for the resources of {}\n",
                   x_plan.directory, fmt::join(x_plan.files, ", "));
        std::fflush(stdout);
        const bool listens = x_runner.poll_until(
            [this] {
                return ended() || interrupted() || !api_server_url(x_plan.directory).empty();
            },
            kListenTime);
        if (!listens || ended() || interrupted()) {
            return gave_up("the API server does not listen");
        }
        LocalApi api(x_runner, api_server_url(x_plan.directory));
        if (!all_become_ready(api)) {
            return gave_up(why_not_ready());
        }
        const bool shows = !x_plan.demo_file.empty();
        if (shows) {
            const Status shown =
                run_demo(x_runner, x_invocation.bin_directory, x_bootstrap,
                         {.lines = x_plan.demo_file, .directory = x_plan.directory});
            if (!shown) {
                return gave_up(shown.error().message);
            }
        }
        print_addresses();
        const bool on_terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
        return shows && !on_terminal ? exit_ok : stay();
    }

    std::string why_not_ready() const {
        const std::string said = last_server_error(x_plan.directory);
        return said.empty() ? x_last_reason : fmt::format("{} ({})", x_last_reason, said);
    }

    // Looks until every declared resource is ready, and says so for each.
    bool all_become_ready(LocalApi& api) {
        ReadyProgress progress(x_plan.expected);
        Instant quiet_since = x_started;
        const Instant end = x_started + x_plan.ready_time;
        while (!ended() && !interrupted() && x_runner.loop().now() < end) {
            const auto resources = api.resources();
            if (!resources) {
                x_last_reason = resources.error().message;
            } else {
                note_addresses(*resources);
                const bool served = all_serve(*resources);
                for (const ResourceState& resource : *resources) {
                    const std::string news = progress.note(
                        resource.title(), resource.ready && served, resource.message, elapsed());
                    quiet_since = news.empty() ? quiet_since : x_runner.loop().now();
                    fmt::print("{}", news);
                }
                if (progress.complete()) {
                    fmt::print("All ready after {:.1f} s.\n", seconds_of(elapsed()));
                    return true;
                }
                x_last_reason = progress.waiting_for();
            }
            if (x_runner.loop().now() - quiet_since >= kQuietTime) {
                quiet_since = x_runner.loop().now();
                fmt::print("  after {:.0f} s: {}\n", seconds_of(elapsed()), why_not_ready());
            }
            std::fflush(stdout);
            x_runner.run_until([this] { return ended() || interrupted(); }, kLookInterval);
        }
        return false;
    }

    // The conditions of an earlier life of the directory stand until the operator has looked: an address counts when
    // something accepts connections there.
    bool all_serve(const std::vector<ResourceState>& resources) {
        for (const ResourceState& resource : resources) {
            const bool has_address =
                resource.kind == "CoordinatorEnsemble" || resource.kind == "KafkaCluster";
            if (resource.ready && has_address && !accepts_connections(resource.address)) {
                return false;
            }
        }
        return true;
    }

    bool accepts_connections(const std::string& addresses) {
        const auto endpoints = parse_bootstrap(addresses);
        return endpoints && std::ranges::all_of(*endpoints, [this](const auto& endpoint) {
                   return x_runner
                       .await<Result<std::unique_ptr<runtime::Stream>>>([&](auto then) {
                           x_runner.network().connect(endpoint, kConnectTime, std::move(then));
                       })
                       .has_value();
               });
    }

    void note_addresses(const std::vector<ResourceState>& resources) {
        for (const ResourceState& resource : resources) {
            if (resource.kind == "CoordinatorEnsemble") {
                x_coordinator = resource.address;
            } else if (resource.kind == "KafkaCluster") {
                x_bootstrap = resource.address;
            }
        }
    }

    void print_addresses() const {
        const std::string bin = shown_path(x_invocation.bin_directory);
        const std::string first = x_bootstrap.substr(0, x_bootstrap.find(','));
        const std::string url = api_server_url(x_plan.directory);
        fmt::print(
            "\n  Kafka       {}\n  ZooKeeper   {}\n  Kubernetes  {}\n\nNext, in another "
            "terminal:\n",
            x_bootstrap, x_coordinator, url);
        fmt::print("  kcat -b {} -L\n", first);
        fmt::print("  {}/kafka-topics.sh --bootstrap-server {} --describe\n", bin, first);
        fmt::print(
            "  {}/kafka-console-consumer.sh --bootstrap-server {} --topic demo "
            "--from-beginning\n",
            bin, first);
        fmt::print("  {}/zkCli.sh -server {} ls /brokers/ids\n", bin, x_coordinator);
        fmt::print("  kubectl --server {} get millrace\n", url);
        fmt::print("  {}/millrace status --dir {}\n\n", bin, shown_path(x_plan.directory));
        std::fflush(stdout);
    }

    int stay() {
        fmt::print("It runs until Ctrl-C, or 'millrace down --dir {}'.\n", x_plan.directory);
        std::fflush(stdout);
        x_runner.run_until([this] { return ended() || interrupted(); });
        // 0: somebody asked it to end, as `millrace down` does.
        return interrupted() || (x_end->signal == 0 && x_end->exit_code == 0)
                   ? exit_ok
                   : gave_up("the operator ended");
    }

    int gave_up(std::string_view reason) {
        if (interrupted()) {
            fmt::print("\nInterrupted\n");
            return exit_of_signals + x_runner.interrupted();
        }
        if (!ended()) {
            return failure(x_invocation, fmt::format("{}\nThe output of the operator is in {}",
                                                     reason, log_path()));
        }
        // Killed, it had no time for last words.
        return failure(
            x_invocation,
            fmt::format("the operator ended with {}\n{}Its output is in {}", x_end->to_string(),
                        x_end->signal == 0 ? last_lines(log_path(), kLinesShown) : "", log_path()));
    }

    void stop() {
        if (!x_operator || ended()) {
            return;
        }
        fmt::print("Stopping\n");
        std::fflush(stdout);
        (void)x_processes->signal(*x_operator, SIGTERM);
        if (x_runner.run_until([this] { return ended(); }, kStopTime)) {
            fmt::print("Stopped in order. The data stays in {}\n", x_plan.directory);
        } else {
            fmt::print("The operator (process {}) has not ended yet; see {}.\n", x_operator->pid,
                       log_path());
        }
    }

    const Invocation& x_invocation;
    const Plan& x_plan;
    EventRunner x_runner;
    std::unique_ptr<runtime::ProcessRunner> x_processes;
    std::optional<runtime::ProcessId> x_operator;
    std::optional<runtime::ProcessEnd> x_end;
    Instant x_started;
    std::string x_coordinator;
    std::string x_bootstrap;
    std::string x_last_reason = "nothing is declared";
};

}  // namespace

int local_up(const Invocation& invocation) {
    const auto options = read_options(kUsage, invocation);
    if (!options) {
        return options.error();
    }
    const auto plan = plan_for(invocation, *options);
    if (!plan) {
        return usage_error(invocation, plan.error().message);
    }
    if (const int pid = operator_pid(plan->directory); pid != 0) {
        return failure(invocation,
                       fmt::format("a cluster runs in {} already (operator process {}); see "
                                   "'millrace status' and 'millrace down'",
                                   plan->directory, pid));
    }
    return LocalCluster(invocation, *plan).run();
}

}  // namespace millrace::cli
