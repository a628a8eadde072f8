#include "lib/runtime/posix/thread_disk_pool.h"

#include "lib/base/check.h"

namespace millrace::runtime {

ThreadDiskPool::ThreadDiskPool(Loop& loop, unsigned threads) : x_loop(loop) {
    CHECK(threads > 0);
    for (unsigned i = 0; i < threads; ++i) {
        x_threads.emplace_back([this] { serve(); });
    }
}

ThreadDiskPool::~ThreadDiskPool() {
    {
        const std::lock_guard lock(x_mutex);
        x_closing = true;
    }
    x_work_arrived.notify_all();
    for (std::thread& thread : x_threads) {
        thread.join();
    }
}

DiskLane ThreadDiskPool::new_lane() {
    const std::lock_guard lock(x_mutex);
    x_lanes.emplace_back();
    return DiskLane(static_cast<std::uint32_t>(x_lanes.size() - 1));
}

void ThreadDiskPool::submit(DiskLane lane, Task work, Task then) {
    const auto index = static_cast<std::size_t>(lane);
    {
        const std::lock_guard lock(x_mutex);
        CHECK(index < x_lanes.size());
        x_lanes[index].waiting.push_back({std::move(work), std::move(then)});
        if (x_lanes[index].claimed) {
            return;
        }
        x_lanes[index].claimed = true;
        x_ready.push_back(index);
    }
    x_work_arrived.notify_one();
}

void ThreadDiskPool::serve() {
    std::unique_lock lock(x_mutex);
    for (;;) {
        x_work_arrived.wait(lock, [this] { return x_closing || !x_ready.empty(); });
        if (x_ready.empty()) {
            return;
        }
        const std::size_t index = x_ready.front();
        x_ready.pop_front();
        Piece piece = std::move(x_lanes[index].waiting.front());
        x_lanes[index].waiting.pop_front();
        lock.unlock();
        piece.work();
        // What the work holds is let go of here, before the loop can see its outcome.
        piece.work = nullptr;
        x_loop.post(std::move(piece.then));
        lock.lock();
        // One piece at a time, then to the end of the line: a busy lane does not starve the others.
        if (x_lanes[index].waiting.empty()) {
            x_lanes[index].claimed = false;
        } else {
            x_ready.push_back(index);
            x_work_arrived.notify_one();
        }
    }
}

}  // namespace millrace::runtime
