// sim_test: runs seeds of the simulated world, one after the other; prints how to run a failed one again.
#include <fmt/format.h>

#include <unistd.h>
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "lib/base/log.h"
#include "tests/sim/scenario.h"

namespace millrace::sim {

namespace {

constexpr std::size_t kViolationsShown = 10;

struct Arguments {
    std::optional<std::uint64_t> seed;
    std::uint64_t first = 1;
    std::uint64_t count = 20;
    std::uint64_t repeated = 1;  // that many of the seeds run twice
    bool lying_disks = false;
    bool without_broker = false;
    bool verbose = false;
};

// What to say when a broken invariant ends the process; written by a signal handler, so ready beforehand.
char replay_line[256];

void say_how_to_replay(int) {
    (void)!::write(2, replay_line, std::strlen(replay_line));
}

std::string replay_command(const ScenarioOptions& options) {
    return fmt::format("sim_test --seed {}{}{} --verbose", options.seed,
                       options.lying_disks ? " --lying-disks" : "",
                       options.with_broker ? "" : " --without-broker");
}

Outcome run_seed(const ScenarioOptions& options) {
    const std::string line =
        fmt::format("seed {} aborted; replay: {}\n", options.seed, replay_command(options));
    std::memcpy(replay_line, line.c_str(), std::min(line.size() + 1, sizeof replay_line - 1));
    return run_scenario(options);
}

bool report(const ScenarioOptions& options, const Outcome& outcome) {
    fmt::print(
        "seed {}: {:.0f} s, {} events, {} faults, {} writes and {} records acknowledged, {} "
        "consumed, hash {:016x}{}\n",
        options.seed, outcome.virtual_seconds, outcome.events, outcome.faults,
        outcome.writes_acknowledged, outcome.records_acknowledged, outcome.records_consumed,
        outcome.trace_hash, outcome.violations.empty() ? "" : ", FAILED");
    for (std::size_t i = 0; i < std::min(outcome.violations.size(), kViolationsShown); ++i) {
        fmt::print("  {}\n", outcome.violations[i]);
    }
    if (outcome.violations.size() > kViolationsShown) {
        fmt::print("  and {} more\n", outcome.violations.size() - kViolationsShown);
    }
    return outcome.violations.empty();
}

ScenarioOptions options_of(const Arguments& arguments, std::uint64_t seed) {
    return {.seed = seed,
            .lying_disks = arguments.lying_disks,
            .with_broker = !arguments.without_broker,
            .verbose = arguments.verbose};
}

// With lying disks a run passes when the checks find a loss.
int run_lying(const Arguments& arguments) {
    for (std::uint64_t i = 0; i < arguments.count; ++i) {
        const ScenarioOptions options = options_of(arguments, arguments.first + i);
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

int run_all(const Arguments& arguments) {
    std::uint64_t failed = 0;
    for (std::uint64_t i = 0; i < arguments.count; ++i) {
        const ScenarioOptions options = options_of(arguments, arguments.first + i);
        const Outcome outcome = run_seed(options);
        bool passed = report(options, outcome);
        if (i < arguments.repeated) {
            const Outcome again = run_seed(options);
            if (again.trace_hash != outcome.trace_hash || again.events != outcome.events) {
                fmt::print("  the same seed ran differently: {} events, hash {:016x}\n",
                           again.events, again.trace_hash);
                passed = false;
            }
        }
        if (!passed) {
            ++failed;
            fmt::print("  replay: {}\n", replay_command(options));
        }
    }
    fmt::print("{} of {} seeds passed\n", arguments.count - failed, arguments.count);
    return failed == 0 ? 0 : 1;
}

}  // namespace

}  // namespace millrace::sim

int main(int argc, char** argv) {
    millrace::sim::Arguments arguments;
    CLI::App app("Runs the servers in a simulated world.");
    app.add_option("--seed", arguments.seed, "run this seed alone");
    app.add_option("--first", arguments.first, "the first seed of a series");
    app.add_option("--seeds", arguments.count, "how many seeds");
    app.add_option("--repeated", arguments.repeated, "run so many of them twice and compare");
    app.add_flag("--lying-disks", arguments.lying_disks,
                 "disks make nothing durable; passes when a check notices");
    app.add_flag("--without-broker", arguments.without_broker, "the coordinator alone");
    app.add_flag("--verbose", arguments.verbose, "print every event and the servers' log");
    CLI11_PARSE(app, argc, argv);
    if (arguments.seed) {
        arguments.first = *arguments.seed;
        arguments.count = 1;
    }
    std::signal(SIGABRT, millrace::sim::say_how_to_replay);
    millrace::configure_log(
        arguments.verbose ? millrace::LogLevel::debug : millrace::LogLevel::error,
        millrace::LogFormat::text);
    return arguments.lying_disks ? millrace::sim::run_lying(arguments)
                                 : millrace::sim::run_all(arguments);
}
