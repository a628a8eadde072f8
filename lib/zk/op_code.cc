#include "lib/zk/op_code.h"

#include <algorithm>
#include <array>

namespace millrace::zk {
namespace {

struct CodeName {
    OpCode code;
    std::string_view name;
};

constexpr auto kNames = std::to_array<CodeName>({
    {OpCode::error, "error"},
    {OpCode::create_session, "createSession"},
    {OpCode::close_session, "closeSession"},
    {OpCode::notification, "notification"},
    {OpCode::create, "create"},
    {OpCode::remove, "delete"},
    {OpCode::exists, "exists"},
    {OpCode::get_data, "getData"},
    {OpCode::set_data, "setData"},
    {OpCode::get_acl, "getACL"},
    {OpCode::set_acl, "setACL"},
    {OpCode::get_children, "getChildren"},
    {OpCode::sync, "sync"},
    {OpCode::ping, "ping"},
    {OpCode::get_children2, "getChildren2"},
    {OpCode::check, "check"},
    {OpCode::multi, "multi"},
    {OpCode::create2, "create2"},
    {OpCode::reconfig, "reconfig"},
    {OpCode::check_watches, "checkWatches"},
    {OpCode::remove_watches, "removeWatches"},
    {OpCode::create_container, "createContainer"},
    {OpCode::delete_container, "deleteContainer"},
    {OpCode::create_ttl, "createTTL"},
    {OpCode::multi_read, "multiRead"},
    {OpCode::auth, "auth"},
    {OpCode::set_watches, "setWatches"},
    {OpCode::sasl, "sasl"},
    {OpCode::get_ephemerals, "getEphemerals"},
    {OpCode::get_all_children_number, "getAllChildrenNumber"},
    {OpCode::set_watches2, "setWatches2"},
    {OpCode::add_watch, "addWatch"},
    {OpCode::who_am_i, "whoAmI"},
});

}  // namespace

std::string_view name_of(OpCode code) {
    const auto* it = std::ranges::find(kNames, code, &CodeName::code);
    return it == kNames.end() ? "unknown" : it->name;
}

std::optional<OpCode> op_code_from(std::int32_t number) {
    const auto* it = std::ranges::find(kNames, static_cast<OpCode>(number), &CodeName::code);
    return it == kNames.end() ? std::nullopt : std::optional(it->code);
}

}  // namespace millrace::zk
