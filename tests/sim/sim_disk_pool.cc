#include "tests/sim/sim_disk_pool.h"

#include "lib/base/check.h"

namespace millrace::sim {

runtime::DiskLane SimDiskPool::new_lane() {
    x_lanes.emplace_back();
    return runtime::DiskLane{static_cast<std::uint32_t>(x_lanes.size() - 1)};
}

void SimDiskPool::submit(runtime::DiskLane lane, runtime::Task work, runtime::Task then) {
    const auto at = static_cast<std::size_t>(lane);
    if (at >= x_lanes.size()) {
        return;  // the life is over
    }
    x_lanes[at].waiting.push_back({std::move(work), std::move(then)});
    if (!x_lanes[at].busy) {
        start(at);
    }
}

Duration SimDiskPool::sync_time() {
    // Mostly 0.1 to 2 ms; now and then what a busy disk needs.
    const std::int64_t micros =
        x_random.chance(0.03) ? x_random.between(5'000, 60'000) : x_random.between(100, 2'000);
    return std::chrono::microseconds(micros) + x_extra;
}

void SimDiskPool::start(std::size_t lane) {
    x_lanes[lane].busy = true;
    const Duration queued = std::chrono::microseconds(x_random.between(5, 50));
    if (x_random.chance(0.5)) {
        x_loop.turn_after(queued + sync_time(), [this, lane] {
            x_lanes[lane].waiting.front().work();
            finish(lane);
        });
        return;
    }
    x_loop.turn_after(queued, [this, lane] {
        const std::uint64_t before = x_disk.syncs();
        x_lanes[lane].waiting.front().work();
        const Duration rest = x_disk.syncs() > before ? sync_time() : Duration{10us};
        x_loop.turn_after(rest, [this, lane] { finish(lane); });
    });
}

void SimDiskPool::finish(std::size_t lane) {
    Piece piece = std::move(x_lanes[lane].waiting.front());
    x_lanes[lane].waiting.pop_front();
    x_lanes[lane].busy = false;
    if (!x_lanes[lane].waiting.empty()) {
        start(lane);
    }
    x_loop.post(std::move(piece.then));
}

}  // namespace millrace::sim
