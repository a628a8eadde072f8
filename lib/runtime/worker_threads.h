// A few threads for calls that block: name resolution, HTTP. Work starts in the order of its submission.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "lib/runtime/loop.h"

namespace millrace::runtime {

class WorkerThreads {
 public:
    // Threads are made as work comes, up to threads_max; work waits behind that, at most queue_max pieces.
    WorkerThreads(unsigned threads_max, std::size_t queue_max)
        : x_threads_max(threads_max), x_queue_max(queue_max) {}
    // Drops what waits, and joins: work under way runs to its end.
    ~WorkerThreads() { stop(); }
    WorkerThreads(const WorkerThreads&) = delete;
    WorkerThreads& operator=(const WorkerThreads&) = delete;

    // False when the queue is full or stop has been called.
    bool submit(Task work);
    void stop();

 private:
    void serve();

    const unsigned x_threads_max;
    const std::size_t x_queue_max;
    std::mutex x_mutex;
    std::condition_variable x_work_arrived;
    std::deque<Task> x_waiting;
    std::size_t x_idle = 0;
    bool x_stopping = false;
    std::vector<std::thread> x_threads;
};

}  // namespace millrace::runtime
