// Seeds that found something once. What a seed does changes with the servers and the workload, so each line also says which
// test shows the same by itself.
#pragma once

#include <cstdint>

namespace millrace::sim {

inline constexpr std::uint64_t kRegressions[] = {
    1,
};

}  // namespace millrace::sim
