// Encoded transaction records for tests of the coordinator.
#pragma once

#include <string_view>
#include <vector>

#include "coordinator/tree/acl_cache.h"
#include "coordinator/tree/txn.h"

namespace millrace::testing {

inline Bytes create_txn(std::string_view path, std::string_view data, std::int32_t parent_cversion,
                        bool ephemeral = false) {
    wire::Writer out;
    coordinator::tree::write_text(out, path);
    coordinator::tree::write_text(out, data);
    out.bytes(coordinator::tree::encode_acl(coordinator::tree::open_acl()));
    out.boolean(ephemeral);
    out.int32(parent_cversion);
    return out.take();
}

inline Bytes set_data_txn(std::string_view path, std::string_view data, std::int32_t version) {
    wire::Writer out;
    coordinator::tree::write_text(out, path);
    coordinator::tree::write_text(out, data);
    out.int32(version);
    return out.take();
}

inline Bytes int_txn(std::int32_t value) {
    wire::Writer out;
    out.int32(value);
    return out.take();
}

}  // namespace millrace::testing
