#include "lib/runtime/worker_threads.h"

#include <utility>

namespace millrace::runtime {

bool WorkerThreads::submit(Task work) {
    const std::lock_guard lock(x_mutex);
    if (x_stopping || x_waiting.size() >= x_queue_max) {
        return false;
    }
    x_waiting.push_back(std::move(work));
    if (x_waiting.size() > x_idle && x_threads.size() < x_threads_max) {
        x_threads.emplace_back([this] { serve(); });
    }
    x_work_arrived.notify_one();
    return true;
}

void WorkerThreads::stop() {
    std::vector<std::thread> threads;
    std::deque<Task> dropped;
    {
        const std::lock_guard lock(x_mutex);
        x_stopping = true;
        threads.swap(x_threads);
        dropped.swap(x_waiting);
    }
    x_work_arrived.notify_all();
    for (std::thread& thread : threads) {
        thread.join();
    }
}

void WorkerThreads::serve() {
    std::unique_lock lock(x_mutex);
    for (;;) {
        x_idle += 1;
        x_work_arrived.wait(lock, [this] { return x_stopping || !x_waiting.empty(); });
        x_idle -= 1;
        if (x_stopping) {
            return;
        }
        Task work = std::move(x_waiting.front());
        x_waiting.pop_front();
        lock.unlock();
        work();
        work = nullptr;
        lock.lock();
    }
}

}  // namespace millrace::runtime
