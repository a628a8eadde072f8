#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "lib/base/check.h"
#include "lib/runtime/posix/owned_descriptor.h"
#include "lib/runtime/posix/posix_error.h"
#include "lib/runtime/process.h"
#include "lib/runtime/process_figures.h"

namespace millrace::runtime {
namespace {

constexpr mode_t kOutputMode = 0644;

OwnedDescriptor open_process(int pid) {
    return OwnedDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

bool is_same_process(ProcessId process) {
    return process.pid > 0 && process.start_ticks != 0 &&
           process_start_ticks(process.pid) == process.start_ticks;
}

constexpr std::size_t kEnvironmentBytesMax = 1 << 20;

// The value of a variable in the environment that a process was started with; nothing when it has none or may not be read.
std::optional<std::string> variable_of(int pid, const std::string& name) {
    const OwnedDescriptor file(
        ::open(fmt::format("/proc/{}/environ", pid).c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) {
        return std::nullopt;
    }
    std::string environment;
    std::array<char, 4096> part;
    while (environment.size() < kEnvironmentBytesMax) {
        const ssize_t count = ::read(file.get(), part.data(), part.size());
        if (count <= 0) {
            break;
        }
        environment.append(part.data(), static_cast<std::size_t>(count));
    }
    const std::string start = name + "=";
    for (std::size_t at = 0; at < environment.size();) {
        const std::size_t end = std::min(environment.find('\0', at), environment.size());
        if (environment.compare(at, start.size(), start) == 0) {
            return environment.substr(at + start.size(), end - at - start.size());
        }
        at = end + 1;
    }
    return std::nullopt;
}

// Pids of all processes that may be seen.
std::vector<int> all_pids() {
    std::vector<int> pids;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        const std::string name = entry.path().filename();
        int pid = 0;
        const auto [end, wrong] = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (wrong == std::errc() && end == name.data() + name.size()) {
            pids.push_back(pid);
        }
    }
    return pids;
}

// The lists that posix_spawn takes, and their ends.
class SpawnPlan {
 public:
    SpawnPlan() {
        CHECK(::posix_spawn_file_actions_init(&x_actions) == 0);
        CHECK(::posix_spawnattr_init(&x_attributes) == 0);
    }
    ~SpawnPlan() {
        ::posix_spawn_file_actions_destroy(&x_actions);
        ::posix_spawnattr_destroy(&x_attributes);
    }
    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;

    // Returns an errno, 0 for success.
    int run(const ProcessOptions& options, int& pid) {
        const char* const output =
            options.output_path.empty() ? "/dev/null" : options.output_path.c_str();
        ::posix_spawn_file_actions_addopen(&x_actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_addopen(&x_actions, STDOUT_FILENO, output,
                                           O_WRONLY | O_CREAT | O_APPEND, kOutputMode);
        ::posix_spawn_file_actions_adddup2(&x_actions, STDOUT_FILENO, STDERR_FILENO);
        // After the output, whose path is relative to this process's own directory.
        if (!options.directory.empty()) {
            ::posix_spawn_file_actions_addchdir_np(&x_actions, options.directory.c_str());
        }
        reset_signals();
        std::vector<char*> arguments = pointers_to(options.argv);
        std::vector<std::string> pairs;
        pairs.reserve(options.environment.size());
        for (const auto& [name, value] : options.environment) {
            pairs.push_back(fmt::format("{}={}", name, value));
        }
        std::vector<char*> environment = pointers_to(pairs);
        return ::posix_spawnp(&pid, arguments[0], &x_actions, &x_attributes, arguments.data(),
                              environment.data());
    }

 private:
    // This process blocks and ignores some; a child must not.
    void reset_signals() {
        sigset_t none;
        sigset_t all;
        ::sigemptyset(&none);
        ::sigfillset(&all);
        ::posix_spawnattr_setsigmask(&x_attributes, &none);
        ::posix_spawnattr_setsigdefault(&x_attributes, &all);
        ::posix_spawnattr_setpgroup(&x_attributes, 0);
        ::posix_spawnattr_setflags(
            &x_attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    }

    static std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
        std::vector<char*> pointers;
        pointers.reserve(texts.size() + 1);
        for (const std::string& text : texts) {
            pointers.push_back(const_cast<char*>(text.c_str()));
        }
        pointers.push_back(nullptr);
        return pointers;
    }

    posix_spawn_file_actions_t x_actions{};
    posix_spawnattr_t x_attributes{};
};

ProcessEnd end_of(const siginfo_t& info) {
    if (info.si_code == CLD_EXITED) {
        return {.exit_code = info.si_status};
    }
    return {.signal = info.si_status};
}

// Callbacks by process, owned by the loop; shared with tasks posted to it.
using Callbacks = std::map<ProcessId, ProcessRunner::EndCallback>;

class PidfdProcessRunner final : public ProcessRunner {
 public:
    explicit PidfdProcessRunner(Loop& loop)
        : x_loop(loop), x_wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        CHECK(x_wake.is_open());
        x_thread = std::thread([this] { watch(); });
    }
    ~PidfdProcessRunner() override {
        x_callbacks->clear();
        {
            const std::lock_guard lock(x_mutex);
            x_stopping = true;
        }
        wake();
        x_thread.join();
    }
    PidfdProcessRunner(const PidfdProcessRunner&) = delete;
    PidfdProcessRunner& operator=(const PidfdProcessRunner&) = delete;

    Result<ProcessId> spawn(const ProcessOptions& options, EndCallback on_end) override {
        if (options.argv.empty()) {
            return fail(Errc::invalid_argument, "a process needs a program");
        }
        ProcessId process;
        if (const int error = SpawnPlan().run(options, process.pid); error != 0) {
            return fail_errno(error, "start", options.argv[0]);
        }
        // A child that has ended already stays a zombie until the watcher reaps it, so the pid is still its own.
        process.start_ticks = process_start_ticks(process.pid);
        add(process, true, std::move(on_end));
        return process;
    }

    Status adopt(ProcessId process, EndCallback on_end) override {
        OwnedDescriptor descriptor = open_process(process.pid);
        // Compared after opening: from then on the descriptor cannot name another process.
        if (!descriptor.is_open() || !is_same_process(process)) {
            return fail(Errc::not_found, fmt::format("process {} is gone", process.pid));
        }
        add(process, false, std::move(on_end));
        return {};
    }

    std::vector<MarkedProcess> find_marked(const std::string& variable) const override {
        std::vector<MarkedProcess> found;
        for (const int pid : all_pids()) {
            if (::getpgid(pid) != pid) {
                continue;
            }
            // Before the environment: should the pid be given to another process meanwhile, the pair names nobody.
            const std::uint64_t start_ticks = process_start_ticks(pid);
            std::optional<std::string> value = variable_of(pid, variable);
            if (value && start_ticks != 0) {
                found.push_back({{pid, start_ticks}, *std::move(value)});
            }
        }
        std::ranges::sort(found, {}, [](const MarkedProcess& one) {
            return std::pair(one.process.start_ticks, one.process.pid);
        });
        return found;
    }

    bool lives(ProcessId process) const override { return is_same_process(process); }

    Status signal(ProcessId process, int signal_number) override {
        if (!is_same_process(process)) {
            return fail(Errc::not_found, fmt::format("process {} is gone", process.pid));
        }
        // The group when it leads one, otherwise the process alone.
        const bool leads = ::getpgid(process.pid) == process.pid;
        if (::kill(leads ? -process.pid : process.pid, signal_number) < 0) {
            return fail_errno(errno, "signal process", std::to_string(process.pid));
        }
        return {};
    }

 private:
    struct Watch {
        ProcessId process;
        bool is_child = false;
        OwnedDescriptor descriptor;
    };

    void add(ProcessId process, bool is_child, EndCallback on_end) {
        x_callbacks->insert_or_assign(process, std::move(on_end));
        Watch watch{process, is_child, open_process(process.pid)};
        if (!watch.descriptor.is_open()) {
            // Gone, and reaped by somebody else (SIGCHLD ignored).
            announce(watch);
            return;
        }
        {
            const std::lock_guard lock(x_mutex);
            x_added.push_back(std::move(watch));
        }
        wake();
    }

    void wake() {
        const std::uint64_t one = 1;
        CHECK(::write(x_wake.get(), &one, sizeof one) == static_cast<ssize_t>(sizeof one));
    }

    // The thread: waits for the ends of processes and posts them.
    void watch() {
        std::vector<Watch> watches;
        while (take_added(watches)) {
            std::vector<pollfd> polled{{x_wake.get(), POLLIN, 0}};
            for (const Watch& watch : watches) {
                polled.push_back({watch.descriptor.get(), POLLIN, 0});
            }
            CHECK(::poll(polled.data(), polled.size(), -1) >= 0 || errno == EINTR);
            std::uint64_t count = 0;
            static_cast<void>(::read(x_wake.get(), &count, sizeof count));
            for (std::size_t i = watches.size(); i-- > 0;) {
                if (polled[i + 1].revents != 0) {
                    announce(watches[i]);
                    watches.erase(watches.begin() + static_cast<std::ptrdiff_t>(i));
                }
            }
        }
    }

    bool take_added(std::vector<Watch>& watches) {
        const std::lock_guard lock(x_mutex);
        std::ranges::move(x_added, std::back_inserter(watches));
        x_added.clear();
        return !x_stopping;
    }

    void announce(const Watch& watch) {
        ProcessEnd end{.known = false};
        siginfo_t info{};
        if (watch.is_child &&
            ::waitid(P_PIDFD, static_cast<id_t>(watch.descriptor.get()), &info, WEXITED) == 0) {
            end = end_of(info);
        }
        x_loop.post([callbacks = x_callbacks, process = watch.process, end] {
            const auto found = callbacks->extract(process);
            if (!found.empty()) {
                found.mapped()(end);
            }
        });
    }

    Loop& x_loop;
    const std::shared_ptr<Callbacks> x_callbacks = std::make_shared<Callbacks>();
    OwnedDescriptor x_wake;
    std::mutex x_mutex;
    std::vector<Watch> x_added;  // guarded by x_mutex
    bool x_stopping = false;     // guarded by x_mutex
    std::thread x_thread;
};

}  // namespace

std::string ProcessEnd::to_string() const {
    if (!known) {
        return "ended";
    }
    if (signal != 0) {
        const char* const name = ::sigdescr_np(signal);
        return fmt::format("signal {} ({})", signal, name == nullptr ? "unknown" : name);
    }
    return fmt::format("exit code {}", exit_code);
}

std::unique_ptr<ProcessRunner> make_process_runner(Loop& loop) {
    return std::make_unique<PidfdProcessRunner>(loop);
}

}  // namespace millrace::runtime
