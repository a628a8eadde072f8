// A loop and a network for a command that waits for one answer after the other.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lib/runtime/epoll/epoll_loop.h"
#include "lib/runtime/epoll/epoll_network.h"

namespace millrace::cli {

class SignalWatch;

class EventRunner {
 public:
    static constexpr Duration kForever = std::chrono::hours(24 * 365);

    EventRunner();
    ~EventRunner();
    EventRunner(const EventRunner&) = delete;
    EventRunner& operator=(const EventRunner&) = delete;

    runtime::EpollLoop& loop() { return x_loop; }
    runtime::Network& network() { return x_network; }

    // From now on INT, TERM and HUP do not end the process but are told by interrupted(). A second one ends it. To be called
    // before anything of the loop starts a thread: one that does not know of this would take the signal and die of it.
    void take_signals();
    // The signal that came, or 0.
    int interrupted() const;

    // Turns until done() holds; false when the time was up first.
    bool run_until(const std::function<bool()>& done, Duration at_most = kForever);

    // The same for what no event tells, such as files and other processes: looks every 20 ms.
    bool poll_until(const std::function<bool()>& done, Duration at_most);

    // Starts something that calls back once, and returns what it was called with. start gets the callback.
    template <class T, class Start>
    T await(Start start) {
        const auto answer = std::make_shared<std::optional<T>>();
        start([answer](T value) { answer->emplace(std::move(value)); });
        run_until([&answer] { return answer->has_value(); });
        return std::move(**answer);
    }

    // Printed to stderr once, when a wait takes longer than three seconds.
    void when_slow(std::string text) { x_slow_text = std::move(text); }

 private:
    runtime::EpollLoop x_loop;
    runtime::EpollNetwork x_network;
    std::unique_ptr<SignalWatch> x_signals;
    std::string x_slow_text;
};

}  // namespace millrace::cli
