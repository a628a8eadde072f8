// Child processes, for the operator's local mode: start, signal, hear of the end. They outlive
// their parent when it dies.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/runtime/loop.h"

namespace millrace::runtime {

// A process as it can be written down and found again: a pid alone may be given to another process
// later.
struct ProcessId {
    int pid = 0;
    std::uint64_t start_ticks = 0;  // clock ticks from boot to its start, from /proc/<pid>/stat

    auto operator<=>(const ProcessId&) const = default;
};

struct ProcessOptions {
    std::vector<std::string> argv;  // argv[0] is looked for in PATH unless it holds a slash
    std::map<std::string, std::string> environment;  // all of it; nothing is inherited
    std::string directory;    // working directory; empty means this process's own
    std::string output_path;  // standard output and error are appended to it; empty means /dev/null
};

// A process that carries a mark: a variable of its environment, with its value.
struct MarkedProcess {
    ProcessId process;
    std::string value;
};

struct ProcessEnd {
    bool known = true;  // false for an adopted process: only its parent learns how it ended
    int exit_code = 0;  // meaningful when signal is 0
    int signal = 0;     // the signal that ended it, or 0

    // "exit code 1", "signal 9 (Killed)", "ended".
    std::string to_string() const;
};

class ProcessRunner {
 public:
    using EndCallback = std::move_only_function<void(const ProcessEnd&)>;
    // Running processes go on; no callback follows.
    virtual ~ProcessRunner() = default;

    // Starts a process in a process group of its own, standard input from /dev/null, all signals at
    // their defaults. on_end runs on the loop. Errors: not_found (no such program or directory),
    // io_error.
    virtual Result<ProcessId> spawn(const ProcessOptions& options, EndCallback on_end) = 0;

    // Processes that lead a group, as those of spawn do, and whose environment holds the variable, oldest first. Only those
    // are seen whose environment this user may read.
    virtual std::vector<MarkedProcess> find_marked(const std::string& variable) const = 0;

    // Watches a process that an earlier run started. Errors: not_found when it is gone.
    virtual Status adopt(ProcessId process, EndCallback on_end) = 0;

    virtual bool lives(ProcessId process) const = 0;
    // To the process and its group. Errors: not_found when it is gone.
    virtual Status signal(ProcessId process, int signal_number) = 0;
};

std::unique_ptr<ProcessRunner> make_process_runner(Loop& loop);

}  // namespace millrace::runtime
