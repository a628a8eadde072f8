// The real runtime of a process: an epoll loop on the calling thread, POSIX files, threads for
// blocking work.
#pragma once

#include <functional>
#include <memory>

#include "lib/runtime/runtime.h"

namespace millrace::runtime {

struct PosixOptions {
    unsigned disk_threads = 2;  // threads for blocking file work
};

class PosixRuntime {
 public:
    virtual ~PosixRuntime() = default;
    virtual Runtime& get() = 0;

    // Called on the loop: TERM or INT the first time (a second one ends the process at once with
    // 128 + signal), and HUP.
    virtual void on_terminate(std::function<void()> callback) = 0;
    virtual void on_hangup(std::function<void()> callback) = 0;

    // Runs the loop until stop; returns the exit code given to stop.
    virtual int run() = 0;
    virtual void stop(int exit_code) = 0;
};

// Ignores SIGPIPE and SIGXFSZ, and takes over TERM, INT and HUP; one per process.
std::unique_ptr<PosixRuntime> make_posix_runtime(const PosixOptions& options);

}  // namespace millrace::runtime
