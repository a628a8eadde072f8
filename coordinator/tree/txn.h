// Transactions as the log, the snapshot and the quorum protocol carry them (ZooKeeper 3.9 TxnHeader and its records).
// Record bodies stay encoded: the tree reads them where they lie, so nothing is copied between the log buffer and the tree.
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/wire/reader.h"
#include "lib/wire/writer.h"

namespace millrace::coordinator::tree {

enum class TxnType : std::int32_t {
    error = -1,
    create_session = -10,
    close_session = -11,
    create = 1,
    remove = 2,
    set_data = 5,
    set_acl = 7,
    check = 13,
    multi = 14,
    create2 = 15,
    reconfig = 16,
    create_container = 19,
    remove_container = 20,
    create_ttl = 21,
};

inline constexpr std::size_t kTxnHeaderSize = 32;

struct TxnHeader {
    std::int64_t client_id = 0;  // session
    std::int32_t cxid = 0;       // the session's request number
    std::int64_t zxid = 0;
    std::int64_t time = 0;  // wall clock of the server that ordered it, milliseconds
    TxnType type = TxnType::error;

    bool operator==(const TxnHeader&) const = default;

    void encode(wire::Writer& out) const {
        out.int64(client_id);
        out.int32(cxid);
        out.int64(zxid);
        out.int64(time);
        out.int32(static_cast<std::int32_t>(type));
    }
    // The reader's ok() tells whether all 32 bytes were there. Unknown types are kept; apply refuses them.
    static TxnHeader decode(wire::Reader& in) {
        TxnHeader header;
        header.client_id = in.int64();
        header.cxid = in.int32();
        header.zxid = in.int64();
        header.time = in.int64();
        header.type = static_cast<TxnType>(in.int32());
        return header;
    }
};

// Jute strings and buffers as borrowed bytes; a null buffer (length -1) has no address, a null string reads as empty. Other
// negative lengths fail the reader.
inline BytesView read_buffer(wire::Reader& in) {
    const std::int32_t size = in.int32();
    if (size == -1) {
        return {};
    }
    return in.bytes(in.checked_count(size, 1));
}
inline std::string_view read_text(wire::Reader& in) {
    return as_text(read_buffer(in));
}

inline void write_buffer(wire::Writer& out, BytesView bytes) {
    out.int32(bytes.data() == nullptr ? -1 : static_cast<std::int32_t>(bytes.size()));
    out.bytes(bytes);
}
inline void write_text(wire::Writer& out, std::string_view text) {
    out.int32(static_cast<std::int32_t>(text.size()));
    out.text(text);
}

}  // namespace millrace::coordinator::tree
