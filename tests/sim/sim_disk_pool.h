// The disk pool of one life of a machine: work takes virtual time, and more of it when it synced. A piece works either at the
// beginning or at the end of its time, so that a crash in between finds both.
#pragma once

#include <deque>
#include <memory>

#include "lib/runtime/disk_pool.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_loop.h"

namespace millrace::sim {

class SimDiskPool : public runtime::DiskPool {
 public:
    // extra is added to the time of every sync and may change under the pool: slow disks.
    SimDiskPool(SimLoop& loop, const SimDisk& disk, const Duration& extra, std::uint64_t seed)
        : x_loop(loop), x_disk(disk), x_extra(extra), x_random(seed) {}

    runtime::DiskLane new_lane() override;
    void submit(runtime::DiskLane lane, runtime::Task work, runtime::Task then) override;
    // The life is over; destroys what waits.
    void end() { std::exchange(x_lanes, {}).clear(); }

 private:
    struct Piece {
        runtime::Task work;
        runtime::Task then;
    };
    struct Lane {
        std::deque<Piece> waiting;
        bool busy = false;
    };

    void start(std::size_t lane);
    void finish(std::size_t lane);
    Duration sync_time();

    SimLoop& x_loop;
    const SimDisk& x_disk;
    const Duration& x_extra;
    Random x_random;
    std::deque<Lane> x_lanes;
};

}  // namespace millrace::sim
