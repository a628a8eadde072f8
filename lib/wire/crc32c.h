// CRC-32C (Castagnoli, RFC 3720), as Kafka's record batches carry it.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace millrace::wire {

// Checksum of bytes, continuing from a checksum of what came before (0 at the start). SSE4.2 up to 2 KiB, ISA-L's folding
// above; the portable table where the processor lacks SSE4.2.
std::uint32_t crc32c(BytesView bytes, std::uint32_t previous = 0);

// The table-driven form, kept callable so that tests compare the two.
std::uint32_t crc32c_portable(BytesView bytes, std::uint32_t previous = 0);

}  // namespace millrace::wire
