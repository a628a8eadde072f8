#include "cli/event_runner.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <cstdio>

#include "cli/command.h"
#include "lib/base/check.h"
#include "lib/runtime/posix/owned_descriptor.h"

namespace millrace::cli {
namespace {

constexpr Duration kSlow = 3s;
constexpr Duration kPollInterval = 20ms;

}  // namespace

class SignalWatch final : private runtime::Watched {
 public:
    explicit SignalWatch(runtime::EpollLoop& loop) : x_loop(loop) {
        sigset_t taken;
        ::sigemptyset(&taken);
        ::sigaddset(&taken, SIGINT);
        ::sigaddset(&taken, SIGTERM);
        ::sigaddset(&taken, SIGHUP);
        CHECK(::pthread_sigmask(SIG_BLOCK, &taken, &x_mask_before) == 0);
        x_descriptor = runtime::OwnedDescriptor(::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
        const auto watch = x_loop.watch(x_descriptor.get(), *this);
        CHECK(watch.has_value());
        x_watch = *watch;
    }
    ~SignalWatch() override {
        x_loop.unwatch(x_descriptor.get(), x_watch);
        ::pthread_sigmask(SIG_SETMASK, &x_mask_before, nullptr);
    }
    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;

    int received() const { return x_received; }

 private:
    void on_events(std::uint32_t) override {
        signalfd_siginfo info{};
        while (::read(x_descriptor.get(), &info, sizeof info) == sizeof info) {
            if (x_received != 0) {
                ::_exit(exit_of_signals + static_cast<int>(info.ssi_signo));
            }
            x_received = static_cast<int>(info.ssi_signo);
        }
    }

    runtime::EpollLoop& x_loop;
    runtime::OwnedDescriptor x_descriptor;
    runtime::WatchId x_watch{};
    sigset_t x_mask_before{};
    int x_received = 0;
};

EventRunner::EventRunner() : x_network(x_loop) {
    // Reads the clock: timers made before the first turn count from it.
    x_loop.run_turn(Duration{});
}

EventRunner::~EventRunner() = default;

void EventRunner::take_signals() {
    x_signals = std::make_unique<SignalWatch>(x_loop);
}

int EventRunner::interrupted() const {
    return x_signals == nullptr ? 0 : x_signals->received();
}

bool EventRunner::run_until(const std::function<bool()>& done, Duration at_most) {
    runtime::TimerId slow = runtime::TimerId::none;
    if (!x_slow_text.empty()) {
        slow = x_loop.run_after(kSlow, [this] {
            fmt::print(stderr, "{}\n", x_slow_text);
            x_slow_text.clear();
        });
    }
    const Instant end = x_loop.now() + at_most;
    bool in_time = true;
    while (in_time && !done()) {
        x_loop.run_turn(end - x_loop.now());
        in_time = x_loop.now() < end;
    }
    x_loop.cancel(slow);
    return in_time || done();
}

bool EventRunner::poll_until(const std::function<bool()>& done, Duration at_most) {
    const Instant end = x_loop.now() + at_most;
    while (!done()) {
        if (x_loop.now() >= end) {
            return false;
        }
        x_loop.run_turn(kPollInterval);
    }
    return true;
}

}  // namespace millrace::cli
