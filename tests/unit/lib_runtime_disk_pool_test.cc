#include <latch>

#include "lib/runtime/posix/thread_disk_pool.h"
#include "tests/unit/lib_runtime_turns.h"

namespace millrace::runtime {

TEST_CASE("work of one lane runs in order while another lane is held up") {
    EpollLoop loop;
    std::latch gate(1);
    std::vector<int> done;
    bool held_done = false;
    {
        ThreadDiskPool pool(loop, 2);
        const DiskLane held = pool.new_lane();
        const DiskLane free = pool.new_lane();
        pool.submit(held, [&] { gate.wait(); }, [&] { held_done = true; });
        std::vector<int> worked;
        for (int i = 0; i < 100; ++i) {
            pool.submit(
                free, [&worked, i] { worked.push_back(i); }, [&done, i] { done.push_back(i); });
        }
        run_until(loop, [&] { return done.size() == 100; });
        REQUIRE(std::ranges::is_sorted(worked));
        REQUIRE(std::ranges::is_sorted(done));
        REQUIRE_FALSE(held_done);
        gate.count_down();
        run_until(loop, [&] { return held_done; });
    }
}

TEST_CASE("one thread serves all lanes in turn") {
    EpollLoop loop;
    ThreadDiskPool pool(loop, 1);
    std::latch gate(1);
    std::string order;
    const DiskLane a = pool.new_lane();
    const DiskLane b = pool.new_lane();
    int finished = 0;
    pool.submit(
        a,
        [&] {
            gate.wait();
            order += 'a';
        },
        [&] { finished += 1; });
    pool.submit(a, [&] { order += 'A'; }, [&] { finished += 1; });
    pool.submit(b, [&] { order += 'b'; }, [&] { finished += 1; });
    gate.count_down();
    run_until(loop, [&] { return finished == 3; });
    REQUIRE(order == "abA");
}

TEST_CASE("a pool finishes what was submitted before it goes") {
    EpollLoop loop;
    int worked = 0;
    {
        ThreadDiskPool pool(loop, 1);
        const DiskLane lane = pool.new_lane();
        for (int i = 0; i < 50; ++i) {
            pool.submit(lane, [&] { worked += 1; }, [] {});
        }
    }
    REQUIRE(worked == 50);
}

TEST_CASE("commits asked for during a sync share the next one") {
    EpollLoop loop;
    ThreadDiskPool pool(loop, 1);
    std::latch gate(1);
    int syncs = 0;
    GroupCommit commits(loop, pool, [&]() -> Status {
        gate.wait();
        syncs += 1;
        return {};
    });
    std::vector<int> done;
    commits.commit([&](const Status& status) {
        REQUIRE(status.has_value());
        done.push_back(0);
    });
    loop.run_turn(0ms);  // its end starts the first sync, which waits at the gate
    for (int i = 1; i <= 20; ++i) {
        commits.commit([&done, i](const Status&) { done.push_back(i); });
        loop.run_turn(0ms);
    }
    REQUIRE(done.empty());
    gate.count_down();
    run_until(loop, [&] { return done.size() == 21; });
    REQUIRE(std::ranges::is_sorted(done));
    REQUIRE(syncs == 2);
    REQUIRE(commits.figures().syncs == 2);
    REQUIRE(commits.figures().requests == 21);
}

TEST_CASE("after a failed sync every commit fails and no sync is tried again") {
    EpollLoop loop;
    ThreadDiskPool pool(loop, 1);
    int syncs = 0;
    GroupCommit commits(loop, pool, [&]() -> Status {
        syncs += 1;
        return fail(Errc::io_error, "disk on fire");
    });
    std::vector<std::string> errors;
    const auto remember = [&](const Status& status) { errors.push_back(status.error().message); };
    commits.commit(remember);
    run_until(loop, [&] { return errors.size() == 1; });
    commits.commit(remember);
    REQUIRE(errors.size() == 1);
    run_until(loop, [&] { return errors.size() == 2; });
    REQUIRE(errors == std::vector<std::string>(2, "disk on fire"));
    REQUIRE(syncs == 1);
}

TEST_CASE("a group commit that is gone calls nobody") {
    EpollLoop loop;
    ThreadDiskPool pool(loop, 1);
    std::latch gate(1);
    bool called = false;
    bool passed = false;
    auto commits = std::make_unique<GroupCommit>(loop, pool, [&]() -> Status {
        gate.wait();
        return {};
    });
    commits->commit([&](const Status&) { called = true; });
    loop.run_turn(0ms);
    commits.reset();
    gate.count_down();
    const DiskLane lane = pool.new_lane();
    pool.submit(lane, [] {}, [&] { passed = true; });
    run_until(loop, [&] { return passed; });
    REQUIRE_FALSE(called);
}

}  // namespace millrace::runtime
