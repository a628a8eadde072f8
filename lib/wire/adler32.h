// Adler-32 (RFC 1950), as ZooKeeper's transaction log and snapshots carry it.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace millrace::wire {

// Checksum of bytes, continuing from a checksum of what came before (1 at the start).
std::uint32_t adler32(BytesView bytes, std::uint32_t previous = 1);

}  // namespace millrace::wire
