// The servers under test as programs of a simulated machine.
#pragma once

#include "coordinator/server/options.h"
#include "lib/base/config.h"
#include "tests/sim/world.h"

namespace millrace::sim {

inline constexpr std::uint16_t kZkPort = 2181;
inline constexpr std::uint16_t kKafkaPort = 9092;

// Small limits drawn from the world, so that rolling, snapshots and purging happen within a run.
coordinator::server::ServerOptions draw_coordinator_options(Random& random);
MakeProgram coordinator_program(coordinator::server::ServerOptions options);

// host: the name of the broker's machine.
Config draw_broker_config(Random& random, const std::string& host);
// config outlives the program.
MakeProgram broker_program(const Config& config);

}  // namespace millrace::sim
