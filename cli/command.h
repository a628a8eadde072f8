// What every command is given, and how it ends.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "cli/options.h"

namespace millrace::cli {

enum ExitCode : int {
    exit_ok = 0,
    exit_failed = 1,  // also for what the Java tools refuse with 1, such as two actions at once
    exit_usage = 2,   // the command line or a properties file asks for what there is not
    exit_of_signals = 128,  // and the number of the signal, when INT, TERM or HUP ended it
};

struct Invocation {
    std::string program;             // as the user called it, "kafka-topics.sh"
    std::vector<std::string> words;  // what followed
    std::string bin_directory;       // where the real binary lies, without a slash at the end
};

using Command = int (*)(const Invocation&);

int kafka_topics(const Invocation& invocation);
int console_producer(const Invocation& invocation);
int console_consumer(const Invocation& invocation);
int kafka_server_start(const Invocation& invocation);
int kafka_server_stop(const Invocation& invocation);
int zookeeper_server_start(const Invocation& invocation);
int zookeeper_server_stop(const Invocation& invocation);
int zk_server(const Invocation& invocation);
int zk_shell(const Invocation& invocation);
int local_up(const Invocation& invocation);
int local_status(const Invocation& invocation);
int local_down(const Invocation& invocation);

// Parses the words. For --help, --version and a wrong line everything is printed, and the exit code comes back.
std::expected<Options, int> read_options(const Usage& usage, const Invocation& invocation);

// Prints the message and where help is found; returns exit_usage.
int usage_error(const Invocation& invocation, std::string_view message);
// The same for what the Java tool refuses too, with its exit code: returns exit_failed.
int misuse_error(const Invocation& invocation, std::string_view message);
// One of both: unsupported is what these tools do not have, all else the Java tool refuses too.
int refusal(const Invocation& invocation, const Error& error);
// Prints "program: message"; returns exit_failed.
int failure(const Invocation& invocation, std::string_view message);

}  // namespace millrace::cli
