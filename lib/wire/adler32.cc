#include "lib/wire/adler32.h"

#include <zlib.h>

namespace millrace::wire {

std::uint32_t adler32(BytesView bytes, std::uint32_t previous) {
    return static_cast<std::uint32_t>(
        ::adler32_z(previous, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

}  // namespace millrace::wire
