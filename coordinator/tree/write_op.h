// Write requests as a client sends them, read where they lie.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "coordinator/tree/txn.h"
#include "lib/base/bytes.h"
#include "lib/wire/reader.h"

namespace millrace::coordinator::tree {

// One write, all text and data borrowed. type is create … create_ttl, remove, set_data, set_acl or check.
struct WriteOp {
    TxnType type = TxnType::error;
    std::string_view path;
    BytesView data;
    BytesView acl;              // encoded vector<ACL>
    std::int32_t flags = 0;     // of creations
    std::int32_t version = -1;  // expected; -1 takes any
    std::int64_t ttl = -1;      // milliseconds
};

// Operations one multi may carry; a frame of 1 MiB could hold about 50,000.
inline constexpr std::size_t kMultiOpsMax = 100'000;

// False when the body ends early or the type is not one of the above.
bool parse_write(TxnType type, wire::Reader& in, WriteOp& op);
// False also for operations that a multi may not hold.
bool parse_multi(wire::Reader& in, std::vector<WriteOp>& ops);

}  // namespace millrace::coordinator::tree
