// The checksum byte in the header of an lz4 frame. In message sets of magic 0 it also covers the magic number, against lz4's
// specification (KAFKA-3160); clients of that time check it, libraries refuse it.
#pragma once

#include <span>

#include "lib/base/bytes.h"

namespace millrace::kafka {

enum class Lz4HeaderChecksum : std::uint8_t { specified, of_magic_0 };

// Sets the byte. Bytes that are not the start of an lz4 frame stay as they are.
void set_lz4_header_checksum(std::span<std::byte> frame, Lz4HeaderChecksum kind);

}  // namespace millrace::kafka
