// Seeds that ran red once. What a seed does changes with the servers and the workload, so each line also says which unit test
// shows the same by itself.
#pragma once

#include <cstdint>

namespace millrace::sim {

inline constexpr std::uint64_t kRegressions[] = {
    24,   // broker_log_recovery_test: a segment that lost its end, and the next one survived
    49,   // the disk itself: it tore a sector under the coordinator's log
    124,  // the disk itself: a write cut short by a crash ended within a sector
    147,  // the same, while recovering
};

}  // namespace millrace::sim
