#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "lib/runtime/posix/posix_file_system.h"
#include "lib/runtime/posix_runtime.h"
#include "lib/runtime/process.h"
#include "tests/unit/lib_runtime_turns.h"

namespace millrace::runtime {
namespace {

class ProcessFixture {
 public:
    ProcessFixture() {
        std::string made = "/tmp/millrace-process-XXXXXX";
        REQUIRE(::mkdtemp(made.data()) != nullptr);
        directory = made;
    }
    ~ProcessFixture() { static_cast<void>(files->remove_tree(directory)); }

    ProcessId start(const std::string& script) {
        const auto process = runner->spawn(
            {.argv = {"sh", "-c", script},
             .environment = {{"PATH", "/usr/bin:/bin"}, {"GREETING", "hello"}, {"MARK", directory}},
             .directory = directory,
             .output_path = output()},
            [this](const ProcessEnd& how) { end = how; });
        REQUIRE(process.has_value());
        return *process;
    }
    void wait() {
        run_until(loop, [&] { return end.has_value(); });
    }
    std::string output() const { return join_path(directory, "output"); }
    std::string printed() { return to_text(*files->read_file(output(), 10'000)); }
    // Until the script has said that it is up.
    void wait_for_output(std::string_view text) {
        run_until(loop, [&] {
            return files->exists(output()) && printed().find(text) != std::string::npos;
        });
    }

    std::string directory;
    std::unique_ptr<FileSystem> files = make_posix_file_system();
    EpollLoop loop;
    std::unique_ptr<ProcessRunner> runner = make_process_runner(loop);
    std::optional<ProcessEnd> end;
};

}  // namespace

TEST_CASE_METHOD(ProcessFixture,
                 "a process runs in its directory with its environment and its output in a file") {
    start("echo $GREETING; pwd; echo error >&2; env | wc -l; exit 3");
    wait();
    REQUIRE(end->to_string() == "exit code 3");
    REQUIRE(printed().starts_with("hello\n" + directory + "\nerror\n"));
    REQUIRE(printed().find("HOME") == std::string::npos);
}

TEST_CASE_METHOD(ProcessFixture, "a signal reaches the whole group, and the end names it") {
    const ProcessId process = start("trap '' HUP; (sleep 1000) & echo up; wait");
    wait_for_output("up");
    REQUIRE(runner->lives(process));
    REQUIRE(::getpgid(process.pid) == process.pid);
    REQUIRE(runner->signal(process, SIGTERM).has_value());
    wait();
    REQUIRE(end->signal == SIGTERM);
    REQUIRE(end->to_string() == "signal 15 (Terminated)");
    REQUIRE_FALSE(runner->lives(process));
    REQUIRE(runner->signal(process, SIGTERM).error().code == Errc::not_found);
}

TEST_CASE_METHOD(ProcessFixture, "a program that is not there is an error") {
    const auto process = runner->spawn(
        {.argv = {"/no/such/program"}, .environment = {}, .directory = "", .output_path = ""},
        [](const ProcessEnd&) {});
    REQUIRE(process.error().code == Errc::not_found);
}

TEST_CASE_METHOD(ProcessFixture,
                 "signals that this process blocks are at their defaults in a child") {
    const auto runtime = make_posix_runtime({});
    const ProcessId process = start("echo up; while true; do sleep 1000; done");
    wait_for_output("up");
    REQUIRE(runner->signal(process, SIGTERM).has_value());
    wait();
    REQUIRE(end->signal == SIGTERM);
}

TEST_CASE_METHOD(ProcessFixture, "a process of an earlier run is adopted and its end told") {
    const ProcessId process = start("echo up; sleep 1000");
    wait_for_output("up");
    const auto second = make_process_runner(loop);
    std::optional<ProcessEnd> seen;
    REQUIRE(second->adopt(process, [&](const ProcessEnd& how) { seen = how; }).has_value());
    REQUIRE(second->adopt({process.pid, process.start_ticks + 1}, [](const ProcessEnd&) {})
                .error()
                .code == Errc::not_found);
    REQUIRE(second->signal(process, SIGKILL).has_value());
    run_until(loop, [&] { return seen.has_value() && end.has_value(); });
    REQUIRE_FALSE(seen->known);
    REQUIRE(seen->to_string() == "ended");
    REQUIRE(end->signal == SIGKILL);
}

TEST_CASE_METHOD(ProcessFixture, "a process is found by its mark, what it started is not") {
    const ProcessId process = start("sleep 1000 & echo up; wait");
    wait_for_output("up");
    auto marked = [&](const std::string& variable) {
        std::vector<ProcessId> found;
        for (const MarkedProcess& one : make_process_runner(loop)->find_marked(variable)) {
            if (one.value == directory) {
                found.push_back(one.process);
            }
        }
        return found;
    };
    REQUIRE(marked("MARK") == std::vector{process});
    REQUIRE(marked("MAR").empty());
    REQUIRE(runner->signal(process, SIGKILL).has_value());
    wait();
    REQUIRE(marked("MARK").empty());
}

TEST_CASE_METHOD(ProcessFixture, "a process outlives its runner") {
    const ProcessId process = start("echo up; sleep 1000");
    wait_for_output("up");
    runner.reset();
    runner = make_process_runner(loop);
    REQUIRE(runner->lives(process));
    REQUIRE(runner->signal(process, SIGKILL).has_value());
    REQUIRE(::waitpid(process.pid, nullptr, 0) == process.pid);
}

TEST_CASE("TERM, INT and HUP come to the loop, and run returns the code of stop") {
    const auto runtime = make_posix_runtime({.disk_threads = 1});
    int hangups = 0;
    runtime->on_hangup([&] {
        hangups += 1;
        REQUIRE(::kill(::getpid(), SIGTERM) == 0);
    });
    runtime->on_terminate([&] { runtime->stop(5); });
    runtime->get().loop.post([] { REQUIRE(::kill(::getpid(), SIGHUP) == 0); });
    REQUIRE(runtime->run() == 5);
    REQUIRE(hangups == 1);
}

TEST_CASE("a second TERM ends the process at once with 143") {
    const pid_t child = ::fork();
    if (child == 0) {
        const auto runtime = make_posix_runtime({.disk_threads = 1});
        runtime->on_terminate([] { ::kill(::getpid(), SIGTERM); });
        runtime->get().loop.post([] { ::kill(::getpid(), SIGTERM); });
        ::_exit(runtime->run());
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) == 143);
}

}  // namespace millrace::runtime
