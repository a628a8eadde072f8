// What a node is built on: everything outside the process, behind one bundle. Production makes it
// with make_posix_runtime, tests/sim with a simulated world; nothing above can tell which.
#pragma once

#include "lib/runtime/disk_pool.h"
#include "lib/runtime/file_system.h"
#include "lib/runtime/loop.h"
#include "lib/runtime/network.h"

namespace millrace::runtime {

struct Runtime {
    Loop& loop;
    Network& network;
    FileSystem& files;
    DiskPool& disk;
};

}  // namespace millrace::runtime
