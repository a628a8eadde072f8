// What the kernel says about this process.
#pragma once

#include <cstdint>

namespace millrace::runtime {

struct ProcessFigures {
    double cpu_seconds = 0;            // user and system
    std::uint64_t resident_bytes = 0;  // in memory now
    std::uint64_t open_descriptors = 0;
    std::uint64_t descriptors_max = 0;
    double start_time_seconds = 0;  // since 1970
};

// Reads /proc; what cannot be read stays 0.
ProcessFigures read_process_figures();

// Field 22 of /proc/<pid>/stat: clock ticks from boot to the start of a process; 0 when there is none or it is a zombie.
std::uint64_t process_start_ticks(int pid);

}  // namespace millrace::runtime
