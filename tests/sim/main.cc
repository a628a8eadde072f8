// sim_test: runs seeds of the simulated world, one after the other; prints how to run a failed one again.
#include <fmt/format.h>

#include <unistd.h>
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "lib/base/log.h"
#include "tests/sim/regressions.h"
#include "tests/sim/scenario.h"

namespace millrace::sim {

namespace {

constexpr std::size_t kViolationsShown = 10;

struct Arguments {
    std::optional<std::uint64_t> seed;
    std::uint64_t first = 1;
    std::uint64_t count = 20;
    double cpu_seconds = 0;
    std::uint64_t repeated = 1;
    int brokers = -1;
    bool regressions = false;
    bool lying_disks = false;
    bool verbose = false;
};

// What to say when a broken invariant ends the process; written by a signal handler, so ready beforehand.
char replay_line[256];

void say_how_to_replay(int) {
    (void)!::write(2, replay_line, std::strlen(replay_line));
}

std::string replay_command(const ScenarioOptions& options) {
    const std::string brokers =
        options.brokers < 0 ? "" : fmt::format(" --brokers {}", options.brokers);
    return fmt::format("build/release/tests/sim_test --seed {}{}{} --verbose", options.seed,
                       options.lying_disks ? " --lying-disks" : "", brokers);
}

Outcome run_seed(const ScenarioOptions& options) {
    const std::string line =
        fmt::format("seed {} aborted; replay: {}\n", options.seed, replay_command(options));
    std::memset(replay_line, 0, sizeof replay_line);
    std::memcpy(replay_line, line.data(), std::min(line.size(), sizeof replay_line - 1));
    return run_scenario(options);
}

bool report(const ScenarioOptions& options, const Outcome& outcome) {
    fmt::print(
        "seed {}: {:.0f} s, {} brokers, {} faults, {} events, hash {:016x}; acknowledged: {} "
        "writes, {} records, {} commits, {} topics; {} records read, {} watches told, {} sessions "
        "expired{}\n",
        options.seed, outcome.virtual_seconds, outcome.brokers, outcome.faults, outcome.events,
        outcome.trace_hash, outcome.writes_acknowledged, outcome.records_acknowledged,
        outcome.commits_acknowledged, outcome.topics_made, outcome.records_consumed,
        outcome.watch_events, outcome.sessions_expired,
        outcome.violations.empty() ? "" : "; FAILED");
    for (std::size_t i = 0; i < std::min(outcome.violations.size(), kViolationsShown); ++i) {
        fmt::print("  {}\n", outcome.violations[i]);
    }
    if (outcome.violations.size() > kViolationsShown) {
        fmt::print("  and {} more\n", outcome.violations.size() - kViolationsShown);
    }
    std::fflush(stdout);
    return outcome.violations.empty();
}

// With lying disks a run passes when the checks find a loss.
int run_lying(const Arguments& arguments) {
    for (std::uint64_t i = 0; i < arguments.count; ++i) {
        const ScenarioOptions options{
            .seed = arguments.first + i, .lying_disks = true, .brokers = arguments.brokers};
        const Outcome outcome = run_seed(options);
        report(options, outcome);
        for (const std::string& violation : outcome.violations) {
            if (violation.starts_with("lost: ")) {
                fmt::print("the checks noticed that acknowledged data was lost\n");
                return 0;
            }
        }
    }
    fmt::print("the disks lied in {} seeds and no check noticed\n", arguments.count);
    return 1;
}

bool run_one(const ScenarioOptions& options, bool twice) {
    const Outcome outcome = run_seed(options);
    bool passed = report(options, outcome);
    if (twice) {
        const Outcome again = run_seed(options);
        if (again.trace_hash != outcome.trace_hash || again.events != outcome.events) {
            fmt::print("  the same seed ran differently: {} events, hash {:016x}\n", again.events,
                       again.trace_hash);
            passed = false;
        }
    }
    if (!passed) {
        fmt::print("  replay: {}\n", replay_command(options));
    }
    return passed;
}

double cpu_seconds() {
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

int run_all(const Arguments& arguments) {
    std::vector<std::uint64_t> seeds;
    if (arguments.regressions) {
        seeds.assign(std::begin(kRegressions), std::end(kRegressions));
    } else {
        for (std::uint64_t i = 0; i < arguments.count; ++i) {
            seeds.push_back(arguments.first + i);
        }
    }
    std::uint64_t run = 0;
    std::uint64_t failed = 0;
    for (const std::uint64_t seed : seeds) {
        // A slow machine runs fewer seeds, and at least one.
        if (arguments.cpu_seconds > 0 && run > 0 && cpu_seconds() > arguments.cpu_seconds) {
            break;
        }
        const ScenarioOptions options{
            .seed = seed, .brokers = arguments.brokers, .verbose = arguments.verbose};
        failed += run_one(options, run < arguments.repeated) ? 0 : 1;
        ++run;
    }
    fmt::print("{} of {} seeds passed, {:.1f} s of CPU\n", run - failed, run, cpu_seconds());
    return failed == 0 ? 0 : 1;
}

}  // namespace

}  // namespace millrace::sim

int main(int argc, char** argv) {
    millrace::sim::Arguments arguments;
    CLI::App app("Runs the servers in a simulated world.");
    app.add_option("--seed", arguments.seed, "run this seed alone, once");
    app.add_option("--first", arguments.first, "the first seed of a series");
    app.add_option("--seeds", arguments.count, "how many seeds");
    app.add_option("--cpu-seconds", arguments.cpu_seconds,
                   "begin no further seed after so much CPU; 0: no limit");
    app.add_option("--repeated", arguments.repeated, "run so many of them twice and compare");
    app.add_option("--brokers", arguments.brokers, "how many brokers; -1: drawn from the seed");
    app.add_flag("--regressions", arguments.regressions, "the seeds that failed once");
    app.add_flag("--lying-disks", arguments.lying_disks,
                 "disks make nothing durable; passes when a check notices");
    app.add_flag("--verbose", arguments.verbose, "print every event and the servers' log");
    CLI11_PARSE(app, argc, argv);
    if (arguments.seed) {
        arguments.first = *arguments.seed;
        arguments.count = 1;
        arguments.repeated = 0;
    }
    std::signal(SIGABRT, millrace::sim::say_how_to_replay);
    millrace::configure_log(
        arguments.verbose ? millrace::LogLevel::debug : millrace::LogLevel::error,
        millrace::LogFormat::text);
    return arguments.lying_disks ? millrace::sim::run_lying(arguments)
                                 : millrace::sim::run_all(arguments);
}
