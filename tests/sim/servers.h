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

// What the brokers of a world have in common; each still needs its own id and address.
ConfigSource draw_broker_settings(Random& random);
// host: the name of the broker's machine.
Config broker_config(const ConfigSource& settings, std::int32_t id, const std::string& host);
MakeProgram broker_program(Config config);
// A broker may end when it finds no coordinators, or another session under its id, for too long.
bool broker_may_end(const std::string& why);

}  // namespace millrace::sim
