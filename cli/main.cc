// millrace: one binary for every command. Called as kafka-topics.sh, zkCli.sh and so on (links to it) it is that command;
// called as millrace, the first word names the command.
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <exception>
#include <filesystem>

#include "cli/command.h"
#include "lib/base/config.h"
#include "lib/base/log.h"
#include "lib/runtime/version.h"

namespace millrace::cli {
namespace {

struct Row {
    std::string_view name;        // as `millrace <name>`; with ".sh" behind it, the name of a link
    std::string_view short_name;  // another word for it; empty: none
    std::string_view doc;
    Command run;
};

constexpr std::array kCommands{
    Row{"up", "", "Start coordinators, brokers and topics on this machine.", local_up},
    Row{"status", "", "Show what `up` started.", local_status},
    Row{"down", "", "Stop what `up` started.", local_down},
    Row{"kafka-topics", "topics", "Create, list, describe, alter and delete topics.", kafka_topics},
    Row{"kafka-console-producer", "produce", "Send lines as messages.", console_producer},
    Row{"kafka-console-consumer", "consume", "Print messages.", console_consumer},
    Row{"kafka-server-start", "", "Start a broker.", kafka_server_start},
    Row{"kafka-server-stop", "", "Stop the brokers of this user.", kafka_server_stop},
    Row{"zookeeper-server-start", "", "Start a coordinator.", zookeeper_server_start},
    Row{"zookeeper-server-stop", "", "Stop the coordinators of this user.", zookeeper_server_stop},
    Row{"zkServer", "", "Start, stop and ask a coordinator, with a pid file.", zk_server},
    Row{"zkCli", "zk", "A shell for the nodes of a coordinator.", zk_shell},
};

const Row* find_command(std::string_view name) {
    const auto found = std::ranges::find_if(kCommands, [name](const Row& row) {
        return row.name == name || (!row.short_name.empty() && row.short_name == name);
    });
    return found == kCommands.end() ? nullptr : &*found;
}

void print_overview(std::FILE* to) {
    fmt::print(to,
               "Millrace: Kafka and ZooKeeper without a JVM.\n\nUsage: millrace <command> "
               "[options]\n\nCommands:\n");
    for (const Row& row : kCommands) {
        fmt::print(to, "  {:<24}{}\n", row.name, row.doc);
    }
    fmt::print(to,
               "\nThe Kafka and ZooKeeper commands are also found under their own names, such "
               "as kafka-topics.sh.\n'millrace <command> --help' shows the options.\n");
}

int unknown_command(std::string_view word) {
    std::vector<std::string_view> names;
    for (const Row& row : kCommands) {
        names.push_back(row.name);
        names.push_back(row.short_name);
    }
    const auto nearest = nearest_name(word, names);
    fmt::print(stderr, "millrace: there is no command '{}'{}\nTry 'millrace --help'.\n", word,
               nearest ? fmt::format("; did you mean {}?", *nearest) : "");
    return exit_usage;
}

// Where the binary itself lies, whatever link it was called by.
std::string bin_directory() {
    std::error_code error;
    const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
    return error ? "." : path.parent_path().string();
}

int run(const std::string& called, std::vector<std::string> words) {
    std::string_view name = called;
    name.remove_prefix(std::min(name.size(), name.rfind('/') + 1));
    std::string_view stem = name;
    if (stem.ends_with(".sh")) {
        stem.remove_suffix(3);
    }
    const Row* row = find_command(stem);
    std::string program(name);
    if (row == nullptr) {
        if (words.empty() || words.front() == "--help" || words.front() == "-h" ||
            words.front() == "help") {
            print_overview(words.empty() ? stderr : stdout);
            return words.empty() ? exit_usage : exit_ok;
        }
        const std::string first = words.front();
        if (first == "--version" || first == "version") {
            fmt::print("millrace {} ({})\n", runtime::version(), runtime::revision());
            return exit_ok;
        }
        stem = first;
        if (stem.ends_with(".sh")) {
            stem.remove_suffix(3);
        }
        row = find_command(stem);
        if (row == nullptr) {
            return unknown_command(first);
        }
        words.erase(words.begin());
        program = fmt::format("{} {}", name, row->name);
    }
    configure_log(LogLevel::error, LogFormat::text);
    return row->run(
        {.program = program, .words = std::move(words), .bin_directory = bin_directory()});
}

}  // namespace
}  // namespace millrace::cli

int main(int argc, char** argv) {
    try {
        return millrace::cli::run(argv[0], {argv + 1, argv + argc});
    } catch (const std::exception& error) {
        fmt::print(stderr, "millrace: {}\n", error.what());
        return 1;
    }
}
