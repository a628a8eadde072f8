// One run of a seed: a coordinator, brokers and their clients, faults for a while, then quiet, progress and the checks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::sim {

struct ScenarioOptions {
    std::uint64_t seed = 1;
    bool lying_disks = false;  // syncs make nothing durable: the checks must notice
    int brokers = -1;          // -1: drawn
    bool verbose = false;
};

struct Outcome {
    std::vector<std::string> violations;
    std::uint64_t trace_hash = 0;
    std::uint64_t events = 0;
    std::size_t brokers = 0;
    std::size_t writes_acknowledged = 0;
    std::size_t records_acknowledged = 0;
    std::size_t records_consumed = 0;
    std::size_t commits_acknowledged = 0;
    std::size_t topics_made = 0;
    std::size_t watch_events = 0;
    std::size_t sessions_expired = 0;
    std::size_t faults = 0;
    double virtual_seconds = 0;
};

Outcome run_scenario(const ScenarioOptions& options);

}  // namespace millrace::sim
