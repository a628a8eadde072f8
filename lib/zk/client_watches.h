// The watches a client has left at its server. Paths are those of the server, chroot included.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/zk/watch.h"
#include "lib/zk/zookeeper.h"

namespace millrace::zk {

struct WatchEvent {
    EventType type = EventType::node_created;  // one of the four of nodes
    std::string path;
    std::int64_t zxid = -1;  // of the change; -1 from servers before 3.9
};

// Called once for each watch that was set, at most once. It survives a lost connection: the client sets it again at the next
// server, which reports what was missed. After the session's end it is forgotten without a call.
using Watcher = std::function<void(const WatchEvent&)>;

enum class WatchKind { data, exists, children };

class ClientWatches {
 public:
    void add(WatchKind kind, std::string_view path, Watcher watcher);
    // Takes out those that the event ends, in the order they were set.
    std::vector<Watcher> take(EventType type, std::string_view path);
    // Requests that set all of them again, none with more than about 128 KiB of paths (Java's bound, below its frame limit).
    std::vector<SetWatches> set_again(std::int64_t last_zxid_seen) const;
    bool empty() const;
    void clear();

 private:
    using Table = std::map<std::string, std::vector<Watcher>, std::less<>>;
    static void move_out(Table& table, std::string_view path, std::vector<Watcher>& out);
    Table& table(WatchKind kind);

    Table x_data;
    Table x_exists;
    Table x_children;
};

}  // namespace millrace::zk
