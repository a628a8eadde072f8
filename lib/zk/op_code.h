// Operation codes of the ZooKeeper protocol (3.9): RequestHeader.type, MultiHeader.type and TxnHeader.type.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace::zk {

enum class OpCode : std::int32_t {
    error = -1,            // the txn of a failed write, and a failed item of a multi
    create_session = -10,  // txn only; clients connect
    close_session = -11,
    notification = 0,  // Java's name of 0; no request has it
    create = 1,
    remove = 2,  // `delete` is a C++ keyword
    exists = 3,
    get_data = 4,
    set_data = 5,
    get_acl = 6,
    set_acl = 7,
    get_children = 8,
    sync = 9,
    ping = 11,
    get_children2 = 12,
    check = 13,  // inside a multi only
    multi = 14,
    create2 = 15,
    reconfig = 16,
    check_watches = 17,
    remove_watches = 18,
    create_container = 19,
    delete_container = 20,  // made by the leader; unknown from a client
    create_ttl = 21,
    multi_read = 22,
    auth = 100,
    set_watches = 101,
    sasl = 102,
    get_ephemerals = 103,
    get_all_children_number = 104,
    set_watches2 = 105,
    add_watch = 106,
    who_am_i = 107,
};

// Reserved xids of RequestHeader and ReplyHeader.
inline constexpr std::int32_t kNotificationXid = -1;
inline constexpr std::int32_t kPingXid = -2;
inline constexpr std::int32_t kAuthXid = -4;
inline constexpr std::int32_t kSetWatchesXid = -8;

// The name as the protocol spells it, e.g. "getData".
std::string_view name_of(OpCode code);

// Nothing for a number that is none of the above.
std::optional<OpCode> op_code_from(std::int32_t number);

}  // namespace millrace::zk
