// Numbers of watches and their events (WatcherEvent, AddWatchRequest, RemoveWatchesRequest).
#pragma once

#include <cstdint>

namespace millrace::zk {

// WatcherEvent.type.
enum class EventType : std::int32_t {
    none = -1,  // the state of the session has changed
    node_created = 1,
    node_deleted = 2,
    node_data_changed = 3,
    node_children_changed = 4,
    data_watch_removed = 5,
    child_watch_removed = 6,
    persistent_watch_removed = 7,
};

// WatcherEvent.state. Servers send sync_connected with every event.
enum class KeeperState : std::int32_t {
    expired = -112,
    disconnected = 0,
    sync_connected = 3,
    auth_failed = 4,
    connected_read_only = 5,
    sasl_authenticated = 6,
    closed = 7,
};

// AddWatchRequest.mode.
enum class AddWatchMode : std::int32_t {
    persistent = 0,
    persistent_recursive = 1,
};

// RemoveWatchesRequest.type and CheckWatchesRequest.type; the last two since 3.9.
enum class WatcherType : std::int32_t {
    children = 1,
    data = 2,
    any = 3,
    persistent = 4,
    persistent_recursive = 5,
};

}  // namespace millrace::zk
