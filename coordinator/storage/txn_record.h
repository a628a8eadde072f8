// One entry of the transaction log: ZooKeeper 3.6+ layout, which proposals of the quorum protocol share.
//   header (32 bytes), record of that type, and where the leader computed one {int version = 2, long tree digest}
#pragma once

#include <cstdint>
#include <optional>

#include "coordinator/tree/txn.h"
#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/wire/writer.h"

namespace millrace::coordinator::storage {

struct TxnEntry {
    tree::TxnHeader header;
    BytesView record;                     // borrowed from the bytes it was read from
    std::optional<std::uint64_t> digest;  // of the tree after this transaction

    // Errors: malformed, unsupported (a type that has no record).
    static Result<TxnEntry> decode(BytesView bytes);
    void encode(wire::Writer& out) const;
};

}  // namespace millrace::coordinator::storage
