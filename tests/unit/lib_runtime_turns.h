// Runs a real loop until something has happened, or fails the test after a time no healthy run needs.
#pragma once

#include <chrono>

#include "lib/runtime/epoll/epoll_loop.h"

namespace millrace::runtime {

template <class Condition>
void run_until(EpollLoop& loop, Condition condition) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
        REQUIRE(std::chrono::steady_clock::now() < give_up);
        loop.run_turn(100ms);
    }
}

}  // namespace millrace::runtime
