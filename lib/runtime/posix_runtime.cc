#include "lib/runtime/posix_runtime.h"

#include <signal.h>
#include <sys/signalfd.h>

#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/runtime/epoll/epoll_loop.h"
#include "lib/runtime/epoll/epoll_network.h"
#include "lib/runtime/posix/posix_error.h"
#include "lib/runtime/posix/posix_file_system.h"
#include "lib/runtime/posix/thread_disk_pool.h"

namespace millrace::runtime {
namespace {

constexpr int kExitCodeOfSignals = 128;

// While it lives, TERM, INT and HUP come to the loop; PIPE and XFSZ are ignored, so that a closed socket and a limit of the size
// of files (prlimit --fsize) are errors of the call that meets them. Made before any thread, which inherit the mask.
class SignalTakeover final : private Watched {
 public:
    SignalTakeover() {
        sigset_t taken;
        ::sigemptyset(&taken);
        ::sigaddset(&taken, SIGTERM);
        ::sigaddset(&taken, SIGINT);
        ::sigaddset(&taken, SIGHUP);
        CHECK(::pthread_sigmask(SIG_BLOCK, &taken, &x_mask_before) == 0);
        x_descriptor = OwnedDescriptor(::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
        CHECK(x_descriptor.is_open());
        struct sigaction ignore{};
        ignore.sa_handler = SIG_IGN;
        CHECK(::sigaction(SIGPIPE, &ignore, &x_pipe_before) == 0);
        CHECK(::sigaction(SIGXFSZ, &ignore, &x_size_before) == 0);
    }
    ~SignalTakeover() override {
        x_loop->unwatch(x_descriptor.get(), x_watch);
        ::sigaction(SIGPIPE, &x_pipe_before, nullptr);
        ::sigaction(SIGXFSZ, &x_size_before, nullptr);
        ::pthread_sigmask(SIG_SETMASK, &x_mask_before, nullptr);
    }
    SignalTakeover(const SignalTakeover&) = delete;
    SignalTakeover& operator=(const SignalTakeover&) = delete;

    void attach(EpollLoop& loop) {
        x_loop = &loop;
        const auto watch = loop.watch(x_descriptor.get(), *this);
        CHECK(watch.has_value());
        x_watch = *watch;
    }

    std::function<void()> on_terminate;
    std::function<void()> on_hangup;

 private:
    void on_events(std::uint32_t) override {
        signalfd_siginfo info{};
        while (retry_interrupted([&] { return ::read(x_descriptor.get(), &info, sizeof info); }) ==
               static_cast<ssize_t>(sizeof info)) {
            deliver(static_cast<int>(info.ssi_signo));
        }
    }

    void deliver(int number) {
        if (number == SIGHUP) {
            if (on_hangup) {
                on_hangup();
            }
            return;
        }
        if (x_terminating) {
            ::_exit(kExitCodeOfSignals + number);
        }
        x_terminating = true;
        log_info("runtime", "signal {}: stopping; a second one ends the process at once", number);
        if (on_terminate) {
            on_terminate();
        } else {
            x_loop->stop(0);
        }
    }

    EpollLoop* x_loop = nullptr;
    OwnedDescriptor x_descriptor;
    WatchId x_watch{};
    sigset_t x_mask_before{};
    struct sigaction x_pipe_before{};
    struct sigaction x_size_before{};
    bool x_terminating = false;
};

class EpollRuntime final : public PosixRuntime {
 public:
    explicit EpollRuntime(const PosixOptions& options)
        : x_network(x_loop),
          x_files(make_posix_file_system()),
          x_disk(x_loop, options.disk_threads),
          x_runtime{x_loop, x_network, *x_files, x_disk} {
        x_signals.attach(x_loop);
    }

    Runtime& get() override { return x_runtime; }
    void on_terminate(std::function<void()> callback) override {
        x_signals.on_terminate = std::move(callback);
    }
    void on_hangup(std::function<void()> callback) override {
        x_signals.on_hangup = std::move(callback);
    }
    int run() override { return x_loop.run(); }
    void stop(int exit_code) override { x_loop.stop(exit_code); }

 private:
    EpollLoop x_loop;
    SignalTakeover x_signals;
    EpollNetwork x_network;
    std::unique_ptr<FileSystem> x_files;
    ThreadDiskPool x_disk;
    Runtime x_runtime;
};

}  // namespace

std::unique_ptr<PosixRuntime> make_posix_runtime(const PosixOptions& options) {
    return std::make_unique<EpollRuntime>(options);
}

}  // namespace millrace::runtime
