#include <sys/epoll.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "lib/runtime/epoll/epoll_loop.h"
#include "tests/unit/lib_runtime_turns.h"

namespace millrace::runtime {

TEST_CASE("timers run in the order of their times, equal times in the order of their making") {
    EpollLoop loop;
    std::vector<int> order;
    const Instant base = loop.now();
    loop.run_at(base + 3ms, [&] { order.push_back(4); });
    loop.run_at(base + 1ms, [&] { order.push_back(1); });
    loop.run_at(base + 2ms, [&] { order.push_back(2); });
    loop.run_at(base + 2ms, [&] { order.push_back(3); });
    run_until(loop, [&] { return order.size() == 4; });
    REQUIRE(order == std::vector{1, 2, 3, 4});
    REQUIRE(loop.now() >= base + 3ms);
}

TEST_CASE("a cancelled timer does not run, also when another timer cancels it in the same turn") {
    EpollLoop loop;
    bool ran = false;
    bool done = false;
    const Instant base = loop.now();
    const TimerId first = loop.run_at(base, [&] { ran = true; });
    TimerId second = TimerId::none;
    loop.run_at(base + 1us, [&] { loop.cancel(second); });
    second = loop.run_at(base + 2us, [&] { ran = true; });
    loop.cancel(first);
    loop.cancel(first);
    loop.cancel(TimerId::none);
    loop.run_at(base + 3us, [&] { done = true; });
    run_until(loop, [&] { return done; });
    REQUIRE_FALSE(ran);
}

TEST_CASE("an id is not valid for a later timer in the same place") {
    EpollLoop loop;
    bool ran = false;
    const TimerId first = loop.run_at(loop.now(), [] {});
    loop.cancel(first);
    loop.run_at(loop.now(), [&] { ran = true; });
    loop.cancel(first);
    run_until(loop, [&] { return ran; });
}

TEST_CASE("cancelled timers do not pile up") {
    TimerHeap timers;
    for (int i = 0; i < 100'000; ++i) {
        timers.cancel(timers.add(Instant{std::chrono::hours(1)}, [] {}));
    }
    REQUIRE(timers.size() == 0);
    REQUIRE(timers.entries() < 200);
}

TEST_CASE("a timer set for the past by a timer runs in the next turn") {
    EpollLoop loop;
    int runs = 0;
    std::function<void()> again = [&] {
        runs += 1;
        loop.run_at(loop.now(), [&] { again(); });
    };
    loop.run_at(loop.now(), [&] { again(); });
    loop.run_turn(1s);
    REQUIRE(runs == 1);
    loop.run_turn(1s);
    REQUIRE(runs == 2);
}

TEST_CASE("the clocks stand still within a turn") {
    EpollLoop loop;
    bool compared = false;
    loop.post([&] {
        const Instant before = loop.now();
        const auto until = std::chrono::steady_clock::now() + 2ms;
        while (std::chrono::steady_clock::now() < until) {
        }
        REQUIRE(loop.now() == before);
        compared = true;
    });
    run_until(loop, [&] { return compared; });
}

TEST_CASE("tasks posted by another thread run on the loop in the order of the calls") {
    EpollLoop loop;
    std::vector<int> seen;
    std::thread poster([&] {
        for (int i = 0; i < 10'000; ++i) {
            loop.post([&seen, i] { seen.push_back(i); });
        }
    });
    run_until(loop, [&] { return seen.size() == 10'000; });
    poster.join();
    REQUIRE(std::ranges::is_sorted(seen));
}

TEST_CASE("a post from another thread ends a wait") {
    EpollLoop loop;
    std::atomic<bool> waiting = false;
    bool ran = false;
    loop.post([&] { waiting = true; });
    loop.run_turn(0ms);
    std::thread poster([&] {
        while (!waiting) {
        }
        loop.post([&] { ran = true; });
    });
    const Instant before = loop.now();
    while (!ran) {
        loop.run_turn(10s);
    }
    poster.join();
    REQUIRE(loop.now() - before < 5s);
}

TEST_CASE("a task posted by a task runs in a later turn") {
    EpollLoop loop;
    std::vector<int> order;
    loop.post([&] {
        loop.post([&] { order.push_back(2); });
        loop.at_turn_end([&] { order.push_back(1); });
    });
    loop.run_turn(1s);
    REQUIRE(order == std::vector{1});
    loop.run_turn(1s);
    REQUIRE(order == std::vector{1, 2});
}

TEST_CASE("tasks for the end of the turn may add more, which run in the same turn") {
    EpollLoop loop;
    int depth = 0;
    std::function<void()> deeper = [&] {
        if (++depth < 5) {
            loop.at_turn_end([&] { deeper(); });
        }
    };
    loop.at_turn_end([&] { deeper(); });
    loop.run_turn(0ms);
    REQUIRE(depth == 5);
}

namespace {

struct Readable : Watched {
    std::function<void()> action;
    void on_events(std::uint32_t events) override {
        if ((events & EPOLLIN) != 0) {
            action();
        }
    }
};

}  // namespace

TEST_CASE("events of one turn do not reach what was taken off in that turn") {
    EpollLoop loop;
    std::array<std::array<int, 2>, 2> pipes{};
    std::array<Readable, 2> readables;
    std::array<WatchId, 2> ids{};
    int calls = 0;
    for (std::size_t i = 0; i < 2; ++i) {
        REQUIRE(::pipe(pipes[i].data()) == 0);
        REQUIRE(::write(pipes[i][1], "x", 1) == 1);
        ids[i] = *loop.watch(pipes[i][0], readables[i]);
    }
    // Whichever comes first takes both off.
    for (Readable& readable : readables) {
        readable.action = [&] {
            calls += 1;
            loop.unwatch(pipes[0][0], ids[0]);
            loop.unwatch(pipes[1][0], ids[1]);
        };
    }
    loop.run_turn(1s);
    loop.run_turn(0ms);
    REQUIRE(calls == 1);
    for (const auto& ends : pipes) {
        ::close(ends[0]);
        ::close(ends[1]);
    }
}

TEST_CASE("run returns the code given to stop") {
    EpollLoop loop;
    loop.post([&] { loop.stop(7); });
    REQUIRE(loop.run() == 7);
}

}  // namespace millrace::runtime
