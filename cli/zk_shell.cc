// zkCli.sh: one command from the command line, or a shell.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <deque>

#include "cli/command.h"
#include "cli/line_input.h"
#include "cli/zk_commands.h"
#include "lib/runtime/version.h"

namespace millrace::cli {
namespace {

constexpr int kUnknownCommand = 127;
constexpr std::size_t kHistoryShown = 11;
constexpr std::size_t kLinesWaitingMax = 1024;
constexpr std::int64_t kSessionTimeoutMillis = 30'000;
constexpr std::int64_t kSessionTimeoutMillisMax = 2'147'483'647;

constexpr std::array kOptions{
    Option{"server", "host:port,...[/chroot]", "The servers; default localhost:2181."},
    Option{"timeout", "ms", "Session timeout; default 30000."},
    Option{.name = "r", .value = "", .doc = "", .refusal = "read-only sessions are not offered"},
    Option{.name = "client-configuration",
           .value = "file",
           .doc = "",
           .refusal = "TLS and SASL are not offered by this shell yet"},
    Option{"waitforconnection", "", "No effect: the shell always waits for the connection."},
};
constexpr Usage kUsage{
    .program = "zkCli.sh",
    .summary = "A shell for the nodes of a coordinator; with a command, that command only.",
    .options = kOptions,
    .operands = "[command ...]",
    .examples =
        "  zkCli.sh -server localhost:2181\n  zkCli.sh -server localhost:2181 get /brokers\n",
};

// Commands of the shell itself, beside those that ask a server.
struct ShellRow {
    std::string_view name;
    std::string_view arguments;
};
constexpr std::array kShellRows{
    ShellRow{"close", ""},
    ShellRow{"connect", "host:port"},
    ShellRow{"help", ""},
    ShellRow{"history", ""},
    ShellRow{"printwatches", "on|off"},
    ShellRow{"quit", ""},
    ShellRow{"redo", "cmdno"},
    ShellRow{"version", ""},
};

// What the Java shell has beside them.
constexpr std::array<std::string_view, 7> kLaterCommands{
    "addWatch", "config", "delquota", "listquota", "reconfig", "removewatches", "setquota"};

// Blanks part words; quotes keep blanks and are taken off.
std::vector<std::string> split_words(std::string_view line) {
    std::vector<std::string> words;
    std::optional<std::string> word;
    char quote = '\0';
    for (const char c : line) {
        if (quote != '\0' ? c == quote : (c == '"' || c == '\'')) {
            quote = quote != '\0' ? '\0' : c;
            word = word.value_or("");
        } else if (quote == '\0' && (c == ' ' || c == '\t')) {
            if (word) {
                words.push_back(std::move(*word));
                word.reset();
            }
        } else {
            word = word.value_or("") + c;
        }
    }
    if (word) {
        words.push_back(std::move(*word));
    }
    return words;
}

void print_help() {
    std::vector<std::string> rows;
    for (const ZkCommand& command : zk_commands()) {
        rows.push_back(fmt::format("\t{} {}", command.name, command.arguments));
    }
    for (const ShellRow& row : kShellRows) {
        rows.push_back(fmt::format("\t{} {}", row.name, row.arguments));
    }
    std::ranges::sort(rows);
    fmt::print(stderr,
               "ZooKeeper -server host:port -client-configuration properties-file cmd args\n{}\n",
               fmt::join(rows, "\n"));
}

class Shell {
 public:
    Shell(std::string servers, Duration session_timeout)
        : x_servers(std::move(servers)), x_session_timeout(session_timeout), x_session(x_runner) {}

    int run_one(const std::vector<std::string>& words) {
        fmt::print("Connecting to {}\n", x_servers);
        std::fflush(stdout);
        // What the shell answers itself needs no server.
        const bool asks = std::ranges::find(zk_commands(), words.front(), &ZkCommand::name) !=
                          zk_commands().end();
        if (asks && !connect()) {
            return exit_failed;
        }
        const int code = execute(words);
        x_session.close();
        return code;
    }

    int run_lines() {
        fmt::print("Connecting to {}\nWelcome to ZooKeeper!\n", x_servers);
        std::fflush(stdout);
        (void)connect();
        LineInput input(x_runner.loop());
        std::deque<std::string> lines;
        input.start(
            [&](std::string_view line) {
                lines.emplace_back(line);
                if (lines.size() >= kLinesWaitingMax) {
                    input.pause();
                }
            },
            [](const Status&) {});
        int code = exit_ok;
        while (!x_quit) {
            prompt();
            x_runner.run_until([&] { return !lines.empty() || input.ended(); });
            if (lines.empty()) {
                break;
            }
            const std::string line = std::move(lines.front());
            lines.pop_front();
            input.resume();
            const std::vector<std::string> words = split_words(line);
            if (!words.empty()) {
                x_history.push_back(line);
                code = execute(words);
            }
        }
        x_session.close();
        return x_quit ? exit_ok : code;
    }

 private:
    bool connect() {
        const Status connected = x_session.connect(x_servers, x_session_timeout);
        if (!connected) {
            fmt::print(stderr, "{}\n", connected.error().message);
        }
        return connected.has_value();
    }

    void prompt() const {
        if (::isatty(STDIN_FILENO) == 1) {
            fmt::print("[zk: {}({}) {}] ", x_servers, x_session.state(), x_history.size());
            std::fflush(stdout);
        }
    }

    int execute(const std::vector<std::string>& words) {
        const auto commands = zk_commands();
        const auto found = std::ranges::find(commands, words.front(), &ZkCommand::name);
        const int code = found != commands.end() ? ask(*found, words) : run_own(words);
        std::fflush(stdout);
        return code;
    }

    int ask(const ZkCommand& command, const std::vector<std::string>& words) {
        const Usage usage{.program = command.name,
                          .summary = "",
                          .options = command.options,
                          .operands = command.arguments,
                          .examples = ""};
        const auto options = Options::parse(usage, std::span(words).subspan(1));
        if (!options) {
            fmt::print(stderr, "{}\n{} {}\n", options.error().message, command.name,
                       command.arguments);
            return options.error().code == Errc::unsupported ? exit_usage : exit_failed;
        }
        if (options->has("help") || options->has("version")) {
            fmt::print(stderr, "{} {}\n", command.name, command.arguments);
            return exit_usage;
        }
        const std::size_t operands = options->operands().size();
        if (operands < command.operands_min || operands > command.operands_max) {
            fmt::print(stderr, "{} {}\n", command.name, command.arguments);
            return exit_failed;
        }
        if (!x_session.open()) {
            fmt::print("Not connected\n");
            return exit_failed;
        }
        const Status done = command.run(x_session, *options);
        if (!done) {
            fmt::print(stderr, "{}\n", done.error().message);
        }
        return done ? exit_ok : exit_failed;
    }

    int run_own(const std::vector<std::string>& words) {
        const std::string& name = words.front();
        if (name == "quit" || name == "close") {
            x_session.close();
            if (x_session.prints_watches()) {
                fmt::print(
                    "\nWATCHER::\n\nWatchedEvent state:Closed type:None path:null zxid: -1\n");
            }
            x_quit = name == "quit";
            return exit_ok;
        }
        if (name == "connect") {
            x_servers = words.size() > 1 ? half_width(words[1]) : x_servers;
            return connect() ? exit_ok : exit_failed;
        }
        if (name == "help") {
            // Java's shell takes it for an unknown word, which makes it print the same.
            return unknown(name);
        }
        if (name == "version") {
            fmt::print("ZooKeeper CLI version: 3.9.0 (millrace {}, {})\n", runtime::version(),
                       runtime::revision());
            return exit_ok;
        }
        if (name == "history") {
            print_history();
            return exit_ok;
        }
        if (name == "printwatches") {
            return set_watches(words);
        }
        if (name == "redo") {
            return redo(words);
        }
        if (std::ranges::find(kLaterCommands, name) != kLaterCommands.end()) {
            fmt::print(stderr, "{} comes with a later release of this shell\n", name);
            return exit_usage;
        }
        return unknown(name);
    }

    static int unknown(const std::string& name) {
        print_help();
        if (name != "help") {
            fmt::print(stderr, "Command not found: Command not found {}\n", name);
        }
        return kUnknownCommand;
    }

    void print_history() const {
        const std::size_t first =
            x_history.size() > kHistoryShown ? x_history.size() - kHistoryShown : 0;
        for (std::size_t i = first; i < x_history.size(); ++i) {
            fmt::print("{} - {}\n", i, x_history[i]);
        }
    }

    int set_watches(const std::vector<std::string>& words) {
        if (words.size() > 1) {
            x_session.print_watches(words[1] == "on");
        } else {
            fmt::print("printwatches is {}\n", x_session.prints_watches() ? "on" : "off");
        }
        return exit_ok;
    }

    int redo(const std::vector<std::string>& words) {
        std::size_t number = 0;
        const std::string text = words.size() > 1 ? words[1] : "";
        const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        // The redo itself is the last entry.
        if (text.empty() || error != std::errc{} || number + 1 >= x_history.size()) {
            fmt::print(stderr, "Command index out of range\n");
            return exit_failed;
        }
        const std::string line = x_history[number];
        const std::vector<std::string> again = split_words(line);
        if (again.front() == "redo") {
            fmt::print(stderr, "No redoing redos\n");
            return exit_failed;
        }
        x_history.back() = line;
        return execute(again);
    }

    std::string x_servers;
    Duration x_session_timeout;
    EventRunner x_runner;
    ZkSession x_session;
    std::vector<std::string> x_history;
    bool x_quit = false;
};

// Options end where the command begins: its own dashes are not ours.
std::size_t command_start(const std::vector<std::string>& words) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        const bool dashed = word.starts_with('-') || word.starts_with("\xe2\x80") ||
                            word.starts_with("\xe2\x88\x92") || word.starts_with("\xef\xbc\x8d");
        if (!dashed) {
            return i;
        }
        const bool takes_value = word.ends_with("server") || word.ends_with("timeout") ||
                                 word.ends_with("client-configuration");
        i += takes_value ? 1 : 0;
    }
    return words.size();
}

}  // namespace

int zk_shell(const Invocation& invocation) {
    const std::size_t start = command_start(invocation.words);
    Invocation own = invocation;
    own.words.resize(std::min(start, own.words.size()));
    const auto options = read_options(kUsage, own);
    if (!options) {
        return options.error();
    }
    const auto timeout = options->number("timeout", 1, kSessionTimeoutMillisMax);
    if (!timeout) {
        return usage_error(invocation, timeout.error().message);
    }
    Shell shell(half_width(options->text_or("server", "localhost:2181")),
                std::chrono::milliseconds(timeout->value_or(kSessionTimeoutMillis)));
    const std::vector<std::string> command(
        invocation.words.begin() + static_cast<std::ptrdiff_t>(start), invocation.words.end());
    return command.empty() ? shell.run_lines() : shell.run_one(command);
}

}  // namespace millrace::cli
