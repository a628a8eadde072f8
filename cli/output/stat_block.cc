#include "cli/output/stat_block.h"

#include <fmt/format.h>

#include <ctime>

#include "lib/zk/acl.h"

namespace millrace::cli {

std::string java_date(std::int64_t millis) {
    const auto seconds =
        static_cast<std::time_t>(millis >= 0 ? millis / 1000 : (millis - 999) / 1000);
    std::tm local{};
    if (::localtime_r(&seconds, &local) == nullptr) {
        return std::to_string(millis);
    }
    std::array<char, 64> text{};
    const std::size_t size =
        std::strftime(text.data(), text.size(), "%a %b %d %H:%M:%S %Z %Y", &local);
    return {text.data(), size};
}

std::string stat_block(const zk::Stat& stat) {
    return fmt::format(
        "cZxid = 0x{:x}\nctime = {}\nmZxid = 0x{:x}\nmtime = {}\npZxid = 0x{:x}\ncversion = {}\n"
        "dataVersion = {}\naclVersion = {}\nephemeralOwner = 0x{:x}\ndataLength = {}\n"
        "numChildren = {}\n",
        static_cast<std::uint64_t>(stat.czxid), java_date(stat.ctime),
        static_cast<std::uint64_t>(stat.mzxid), java_date(stat.mtime),
        static_cast<std::uint64_t>(stat.pzxid), stat.cversion, stat.version, stat.aversion,
        static_cast<std::uint64_t>(stat.ephemeral_owner), stat.data_length, stat.num_children);
}

std::string bracketed(const std::vector<std::string>& names) {
    return fmt::format("[{}]", fmt::join(names, ", "));
}

std::string acl_lines(const std::vector<zk::Acl>& acl) {
    std::string out;
    for (const zk::Acl& entry : acl) {
        out += fmt::format("'{},'{}\n: {}\n", entry.id.scheme, entry.id.id,
                           zk::permissions_text(entry.perms));
    }
    return out;
}

std::string watched_event(std::string_view state, std::string_view type, std::string_view path,
                          std::int64_t zxid) {
    return fmt::format("\nWATCHER::\n\nWatchedEvent state:{} type:{} path:{} zxid: {}\n", state,
                       type, path, zxid);
}

std::string_view event_name(zk::EventType type) {
    switch (type) {
        case zk::EventType::none:
            return "None";
        case zk::EventType::node_created:
            return "NodeCreated";
        case zk::EventType::node_deleted:
            return "NodeDeleted";
        case zk::EventType::node_data_changed:
            return "NodeDataChanged";
        case zk::EventType::node_children_changed:
            return "NodeChildrenChanged";
        case zk::EventType::data_watch_removed:
            return "DataWatchRemoved";
        case zk::EventType::child_watch_removed:
            return "ChildWatchRemoved";
        case zk::EventType::persistent_watch_removed:
            return "PersistentWatchRemoved";
    }
    return "Unknown";
}

std::string shell_error(zk::ErrorCode error, std::string_view path) {
    if (error == zk::ErrorCode::no_node) {
        return fmt::format("Node does not exist: {}", path);
    }
    if (error == zk::ErrorCode::node_exists) {
        return fmt::format("Node already exists: {}", path);
    }
    if (error == zk::ErrorCode::not_empty) {
        return fmt::format("Node not empty: {}", path);
    }
    if (error == zk::ErrorCode::bad_version) {
        return fmt::format("version No is not valid : {}", path);
    }
    if (error == zk::ErrorCode::no_auth) {
        return fmt::format("Insufficient permission : {}", path);
    }
    if (error == zk::ErrorCode::no_children_for_ephemerals) {
        return fmt::format("Ephemerals cannot have children: {}", path);
    }
    if (error == zk::ErrorCode::invalid_acl) {
        return fmt::format("Acl is not valid : {}", path);
    }
    return fmt::format("KeeperErrorCode = {} for {}", zk::message_of(error), path);
}

}  // namespace millrace::cli
