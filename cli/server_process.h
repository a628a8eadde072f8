// Servers as processes: run in the place of this one, as a daemon, found by their program, ended.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/event_runner.h"
#include "lib/base/result.h"

namespace millrace::cli {

struct ServerCommand {
    std::string binary;  // full path
    // The main class of the Java server, shown behind the program in process lists: init scripts look for it.
    std::string_view java_name;
    std::vector<std::string> arguments;
};

// Replaces this process. Comes back only with the error.
Status run_in_place(const ServerCommand& command);

// Starts it in a session of its own, input from nowhere, output appended to the file. Returns its pid.
Result<int> run_as_daemon(const ServerCommand& command, const std::string& output_path);

// Runs a program to its end, its input and output being files (empty: nothing, this process's own). Ends it when the runner
// is interrupted. Returns its exit code, 128 and the signal when one ended it.
Result<int> run_to_end(EventRunner& runner, const std::vector<std::string>& argv,
                       const std::string& input_path, const std::string& output_path);

// Processes of this user that run a program of this file name, wherever it lies.
std::vector<int> own_processes(std::string_view program);
// Those of them whose command line names something in the directory.
std::vector<int> own_processes_in(std::string_view program, const std::string& directory);
// True when the process exists and runs a program of this file name.
bool runs_program(int pid, std::string_view program);

// TERM, and waits until the process is gone. Errors: timed_out.
Status terminate(EventRunner& runner, int pid, Duration at_most);

// $LOG_DIR, or "logs" beside the folder of the programs, or in the current folder when that cannot be written; made when
// missing.
Result<std::string> log_directory(const std::string& bin_directory);

// The last lines of a text file of at most 1 MiB, each with its end; empty when there are none.
std::string last_lines(const std::string& path, int count);

// The pid in a file; 0 when there is none.
int read_pid(const std::string& path);

}  // namespace millrace::cli
