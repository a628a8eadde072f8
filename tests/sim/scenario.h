// One run of a seed: a coordinator, a broker and their clients, faults for a while, then quiet, progress and the checks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::sim {

struct ScenarioOptions {
    std::uint64_t seed = 1;
    bool lying_disks = false;  // sync_data makes nothing durable: the checks must notice
    bool with_broker = true;
    bool verbose = false;
};

struct Outcome {
    std::vector<std::string> violations;
    std::uint64_t trace_hash = 0;
    std::uint64_t events = 0;
    std::size_t writes_acknowledged = 0;
    std::size_t records_acknowledged = 0;
    std::size_t records_consumed = 0;
    std::size_t faults = 0;
    double virtual_seconds = 0;
};

Outcome run_scenario(const ScenarioOptions& options);

}  // namespace millrace::sim
