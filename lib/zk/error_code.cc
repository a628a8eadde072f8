#include "lib/zk/error_code.h"

#include <algorithm>
#include <array>

namespace millrace::zk {
namespace {

struct CodeText {
    ErrorCode code;
    std::string_view name;
    std::string_view message;
};

constexpr auto kCodes = std::to_array<CodeText>({
    {ErrorCode::ok, "Ok", "ok"},
    {ErrorCode::system_error, "SystemError", "SystemError"},
    {ErrorCode::runtime_inconsistency, "RuntimeInconsistency", "RuntimeInconsistency"},
    {ErrorCode::data_inconsistency, "DataInconsistency", "DataInconsistency"},
    {ErrorCode::connection_loss, "ConnectionLoss", "ConnectionLoss"},
    {ErrorCode::marshalling_error, "MarshallingError", "MarshallingError"},
    {ErrorCode::unimplemented, "Unimplemented", "Unimplemented"},
    {ErrorCode::operation_timeout, "OperationTimeout", "OperationTimeout"},
    {ErrorCode::bad_arguments, "BadArguments", "BadArguments"},
    {ErrorCode::unknown_session, "UnknownSession", "UnknownSession"},
    {ErrorCode::new_config_no_quorum, "NewConfigNoQuorum", "NewConfigNoQuorum"},
    {ErrorCode::reconfig_in_progress, "ReconfigInProgress", "ReconfigInProgress"},
    {ErrorCode::api_error, "APIError", "APIError"},
    {ErrorCode::no_node, "NoNode", "NoNode"},
    {ErrorCode::no_auth, "NoAuth", "NoAuth"},
    {ErrorCode::bad_version, "BadVersion", "BadVersion"},
    {ErrorCode::no_children_for_ephemerals, "NoChildrenForEphemerals", "NoChildrenForEphemerals"},
    {ErrorCode::node_exists, "NodeExists", "NodeExists"},
    {ErrorCode::not_empty, "NotEmpty", "Directory not empty"},
    {ErrorCode::session_expired, "SessionExpired", "Session expired"},
    {ErrorCode::invalid_callback, "InvalidCallback", "Invalid callback"},
    {ErrorCode::invalid_acl, "InvalidACL", "InvalidACL"},
    {ErrorCode::auth_failed, "AuthFailed", "AuthFailed"},
    {ErrorCode::session_moved, "SessionMoved", "Session moved"},
    {ErrorCode::not_read_only, "NotReadOnly", "Not a read-only call"},
    {ErrorCode::ephemeral_on_local_session, "EphemeralOnLocalSession",
     "Ephemeral node on local session"},
    {ErrorCode::no_watcher, "NoWatcher", "No such watcher"},
    {ErrorCode::request_timeout, "RequestTimeout", "RequestTimeout"},
    {ErrorCode::reconfig_disabled, "ReconfigDisabled", "Reconfig is disabled"},
    {ErrorCode::session_closed_require_sasl_auth, "SessionClosedRequireSaslAuth",
     "Session closed because client failed to authenticate"},
    {ErrorCode::quota_exceeded, "QuotaExceeded", "Quota has exceeded"},
    {ErrorCode::throttled_op, "ThrottledOp", "Op throttled due to high load"},
});

const CodeText* find_code(ErrorCode code) {
    const auto* it = std::ranges::find(kCodes, code, &CodeText::code);
    return it == kCodes.end() ? nullptr : it;
}

}  // namespace

std::string_view name_of(ErrorCode code) {
    const CodeText* text = find_code(code);
    return text == nullptr ? "Unknown" : text->name;
}

std::string_view message_of(ErrorCode code) {
    const CodeText* text = find_code(code);
    return text == nullptr ? "Unknown error" : text->message;
}

bool is_known(ErrorCode code) {
    return find_code(code) != nullptr;
}

}  // namespace millrace::zk
