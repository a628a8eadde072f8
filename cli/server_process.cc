#include "cli/server_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/command.h"
#include "cli/kafka_connection.h"
#include "lib/runtime/posix/posix_error.h"
#include "lib/runtime/posix/posix_file_system.h"

extern char** environ;

namespace millrace::cli {
namespace {

constexpr mode_t kLogMode = 0644;
constexpr std::uint64_t kPidBytesMax = 64;

std::vector<char*> pointers_to(std::vector<std::string>& words) {
    std::vector<char*> pointers;
    for (std::string& word : words) {
        pointers.push_back(word.data());
    }
    pointers.push_back(nullptr);
    return pointers;
}

std::vector<std::string> words_of(const ServerCommand& command) {
    std::vector<std::string> words{fmt::format("{} {}", command.binary, command.java_name)};
    words.insert(words.end(), command.arguments.begin(), command.arguments.end());
    return words;
}

class FileActions {
 public:
    FileActions() { ::posix_spawn_file_actions_init(&x_actions); }
    ~FileActions() { ::posix_spawn_file_actions_destroy(&x_actions); }
    FileActions(const FileActions&) = delete;
    FileActions& operator=(const FileActions&) = delete;

    void open(int descriptor, const std::string& path, int flags) {
        ::posix_spawn_file_actions_addopen(&x_actions, descriptor, path.c_str(), flags, kLogMode);
    }
    void copy(int from, int to) { ::posix_spawn_file_actions_adddup2(&x_actions, from, to); }
    const posix_spawn_file_actions_t* get() const { return &x_actions; }

 private:
    posix_spawn_file_actions_t x_actions{};
};

class SpawnAttributes {
 public:
    explicit SpawnAttributes(short flags) {
        ::posix_spawnattr_init(&x_attributes);
        sigset_t none;
        ::sigemptyset(&none);
        ::posix_spawnattr_setsigmask(&x_attributes, &none);
        ::posix_spawnattr_setflags(&x_attributes,
                                   static_cast<short>(flags | POSIX_SPAWN_SETSIGMASK));
    }
    ~SpawnAttributes() { ::posix_spawnattr_destroy(&x_attributes); }
    SpawnAttributes(const SpawnAttributes&) = delete;
    SpawnAttributes& operator=(const SpawnAttributes&) = delete;
    const posix_spawnattr_t* get() const { return &x_attributes; }

 private:
    posix_spawnattr_t x_attributes{};
};

Result<int> spawn(const std::string& path, std::vector<std::string> words,
                  const FileActions& actions, short flags) {
    const SpawnAttributes attributes(flags);
    pid_t pid = 0;
    const int error = ::posix_spawn(&pid, path.c_str(), actions.get(), attributes.get(),
                                    pointers_to(words).data(), environ);
    if (error != 0) {
        return runtime::fail_errno(error, "cannot run", path);
    }
    return pid;
}

std::string program_of(int pid) {
    std::error_code error;
    const auto path = std::filesystem::read_symlink(fmt::format("/proc/{}/exe", pid), error);
    std::string name = error ? "" : path.filename().string();
    // So the kernel marks a program whose file was replaced while it runs.
    constexpr std::string_view kReplaced = " (deleted)";
    if (name.ends_with(kReplaced)) {
        name.resize(name.size() - kReplaced.size());
    }
    return name;
}

bool is_own(int pid) {
    struct stat info{};
    return ::stat(fmt::format("/proc/{}", pid).c_str(), &info) == 0 && info.st_uid == ::geteuid();
}

}  // namespace

Status run_in_place(const ServerCommand& command) {
    std::vector<std::string> words = words_of(command);
    ::execv(command.binary.c_str(), pointers_to(words).data());
    return runtime::fail_errno(errno, "cannot run", command.binary);
}

Result<int> run_as_daemon(const ServerCommand& command, const std::string& output_path) {
    FileActions actions;
    actions.open(STDIN_FILENO, "/dev/null", O_RDONLY);
    actions.open(STDOUT_FILENO, output_path, O_WRONLY | O_CREAT | O_APPEND);
    actions.copy(STDOUT_FILENO, STDERR_FILENO);
    return spawn(command.binary, words_of(command), actions, POSIX_SPAWN_SETSID);
}

Result<int> run_to_end(EventRunner& runner, const std::vector<std::string>& argv,
                       const std::string& input_path, const std::string& output_path) {
    FileActions actions;
    actions.open(STDIN_FILENO, input_path.empty() ? "/dev/null" : input_path, O_RDONLY);
    if (!output_path.empty()) {
        actions.open(STDOUT_FILENO, output_path, O_WRONLY | O_CREAT | O_TRUNC);
    }
    const int pid = TRY(spawn(argv.front(), argv, actions, 0));
    int state = 0;
    bool asked_to_end = false;
    runner.poll_until(
        [&] {
            if (runner.interrupted() != 0 && !std::exchange(asked_to_end, true)) {
                ::kill(pid, SIGTERM);
            }
            return ::waitpid(pid, &state, WNOHANG) != 0;
        },
        EventRunner::kForever);
    // Ctrl-C reaches both at once; the runner shall have heard of it before anybody asks why the program ended.
    runner.run_until([] { return false; }, Duration{});
    return WIFEXITED(state) ? WEXITSTATUS(state) : exit_of_signals + WTERMSIG(state);
}

std::vector<int> own_processes(std::string_view program) {
    std::vector<int> pids;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        const int pid = std::atoi(entry.path().filename().c_str());
        if (pid > 0 && is_own(pid) && runs_program(pid, program)) {
            pids.push_back(pid);
        }
    }
    std::ranges::sort(pids);
    return pids;
}

std::vector<int> own_processes_in(std::string_view program, const std::string& directory) {
    std::vector<int> pids = own_processes(program);
    std::erase_if(pids, [&directory](int pid) {
        std::ifstream file(fmt::format("/proc/{}/cmdline", pid));
        const std::string words{std::istreambuf_iterator<char>(file), {}};
        return words.find(directory + "/") == std::string::npos;
    });
    return pids;
}

bool runs_program(int pid, std::string_view program) {
    return pid > 0 && program_of(pid) == program;
}

Status terminate(EventRunner& runner, int pid, Duration at_most) {
    const std::string program = program_of(pid);
    if (::kill(pid, SIGTERM) != 0) {
        if (errno == ESRCH) {
            return {};
        }
        return runtime::fail_errno(errno, "cannot end", fmt::format("process {}", pid));
    }
    const bool gone = runner.poll_until(
        [&] {
            ::waitpid(pid, nullptr, WNOHANG);  // when it is a child
            return !runs_program(pid, program) || program.empty();
        },
        at_most);
    if (!gone) {
        return fail(Errc::timed_out, fmt::format("process {} has not ended within {} s", pid,
                                                 to_millis(at_most) / 1000));
    }
    return {};
}

Result<std::string> log_directory(const std::string& bin_directory) {
    namespace fs = std::filesystem;
    std::vector<fs::path> candidates;
    if (const char* const wanted = std::getenv("LOG_DIR"); wanted != nullptr && *wanted != '\0') {
        candidates.emplace_back(wanted);
    } else {
        candidates.push_back(fs::path(bin_directory).parent_path() / "logs");
        candidates.emplace_back("logs");
    }
    for (const fs::path& path : candidates) {
        std::error_code error;
        fs::create_directories(path, error);
        if (::access(path.c_str(), W_OK) == 0) {
            return path.string();
        }
    }
    return fail(Errc::io_error,
                fmt::format("cannot write to {}; set LOG_DIR", candidates.back().string()));
}

std::string last_lines(const std::string& path, int count) {
    const auto text = read_text_file(path);
    if (!text || text->empty()) {
        return "";
    }
    std::size_t from = text->ends_with('\n') ? text->size() - 1 : text->size();
    for (int line = 0; line < count && from > 0; ++line) {
        const std::size_t end = text->rfind('\n', from - 1);
        from = end == std::string::npos ? 0 : end;
    }
    return text->substr(from == 0 ? 0 : from + 1);
}

int read_pid(const std::string& path) {
    const auto files = runtime::make_posix_file_system();
    const auto bytes = files->read_file(path, kPidBytesMax);
    return bytes ? std::atoi(to_text(*bytes).c_str()) : 0;
}

}  // namespace millrace::cli
