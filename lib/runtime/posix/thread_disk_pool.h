// Disk work on threads.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "lib/runtime/disk_pool.h"

namespace millrace::runtime {

// Destroying the pool finishes what was submitted and joins the threads; the loop must live until then.
class ThreadDiskPool final : public DiskPool {
 public:
    ThreadDiskPool(Loop& loop, unsigned threads);
    ~ThreadDiskPool() override;
    ThreadDiskPool(const ThreadDiskPool&) = delete;
    ThreadDiskPool& operator=(const ThreadDiskPool&) = delete;

    DiskLane new_lane() override;
    void submit(DiskLane lane, Task work, Task then) override;

 private:
    struct Piece {
        Task work;
        Task then;
    };
    struct Lane {
        std::deque<Piece> waiting;
        bool claimed = false;  // stands in x_ready or is worked on by a thread
    };

    void serve();

    Loop& x_loop;
    std::mutex x_mutex;
    std::condition_variable x_work_arrived;
    std::deque<Lane> x_lanes;
    std::deque<std::size_t> x_ready;  // lanes with work that no thread has claimed, oldest first
    bool x_closing = false;
    std::vector<std::thread> x_threads;
};

}  // namespace millrace::runtime
