// The value of a `records` field: bytes borrowed from a frame or a buffer, or a stretch of a file
// that the sender splices in.
#pragma once

#include <cstdint>

#include "lib/base/bytes.h"

namespace millrace::kafka {

struct Records {
    bool is_null = false;
    // Borrowed: must outlive the encode, or is valid as long as the decoded frame.
    BytesView bytes;
    // Bytes; above 0, `bytes` is empty and wire::Writer::external(external_id, size) is called.
    std::uint32_t external_size = 0;
    std::uint32_t external_id = 0;

    bool operator==(const Records& other) const;
};

}  // namespace millrace::kafka
