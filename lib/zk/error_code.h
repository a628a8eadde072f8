// Error codes of the ZooKeeper protocol (KeeperException.Code of 3.9): ReplyHeader.err, multi results, ErrorTxn.
#pragma once

#include <cstdint>
#include <string_view>

namespace millrace::zk {

enum class ErrorCode : std::int32_t {
    ok = 0,
    system_error = -1,
    runtime_inconsistency = -2,  // also: an operation of a multi that was not tried
    data_inconsistency = -3,
    connection_loss = -4,  // made by clients; no server sends it
    marshalling_error = -5,
    unimplemented = -6,      // the opcode is not known
    operation_timeout = -7,  // made by clients
    bad_arguments = -8,
    unknown_session = -12,       // between servers
    new_config_no_quorum = -13,  // a reconfig would leave no quorum of connected servers
    reconfig_in_progress = -14,
    api_error = -100,
    no_node = -101,
    no_auth = -102,
    bad_version = -103,
    no_children_for_ephemerals = -108,
    node_exists = -110,
    not_empty = -111,
    session_expired = -112,
    invalid_callback = -113,
    invalid_acl = -114,
    auth_failed = -115,
    session_moved = -118,
    not_read_only = -119,  // a write on a read-only server
    ephemeral_on_local_session = -120,
    no_watcher = -121,
    request_timeout = -122,  // made by clients
    reconfig_disabled = -123,
    session_closed_require_sasl_auth = -124,
    quota_exceeded = -125,
    throttled_op = -127,  // the server dropped the request before doing anything
};

// The name as Java spells it, e.g. "NoNode"; "Unknown" for a number that is none of the above.
std::string_view name_of(ErrorCode code);

// What Java's tools print behind "KeeperErrorCode = ", e.g. "Directory not empty".
std::string_view message_of(ErrorCode code);

// True for the numbers above; a peer may send others.
bool is_known(ErrorCode code);

}  // namespace millrace::zk
