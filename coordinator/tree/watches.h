// Who waits for which change. One table for data, child, persistent and persistent-recursive watches; a watcher is a
// connection. Pure: firing returns who must be told.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "coordinator/tree/node_tree.h"

namespace millrace::coordinator::tree {

enum class WatcherId : std::uint64_t {};

enum class WatchKind : std::uint8_t {
    data = 1,  // also exists
    child = 2,
    persistent = 4,
    persistent_recursive = 8,
};

// What a client names in checkWatches and removeWatches.
enum class WatchSelection : std::int32_t {
    children = 1,
    data = 2,
    any = 3,
    persistent = 4,
    persistent_recursive = 5,
};

// What a client had watched before it came back (setWatches2), and the zxid it had seen then.
struct FormerWatches {
    std::int64_t seen_zxid = 0;
    std::vector<std::string> data;
    std::vector<std::string> exists;
    std::vector<std::string> child;
    std::vector<std::string> persistent;
    std::vector<std::string> persistent_recursive;
};

class Watches {
 public:
    void add(WatcherId watcher, std::string_view path, WatchKind kind);
    bool has(WatcherId watcher, std::string_view path, WatchSelection selection) const;
    // False when there was none.
    bool remove(WatcherId watcher, std::string_view path, WatchSelection selection);
    // The connection is gone.
    void drop(WatcherId watcher);

    // Whom a change concerns, each watcher once, ordered; one-shot watches that fire are gone afterwards.
    void fire(EventType type, std::string_view path, std::vector<WatcherId>& told);

    // Watches what was watched before. What changed since is reported through missed instead: event types and paths,
    // in the order they must be sent; lists are not asked, as in Java.
    struct Missed {
        EventType type;
        std::string_view path;  // borrowed from former
    };
    std::vector<Missed> restore(WatcherId watcher, const FormerWatches& former,
                                const NodeTree& tree);

    // As ZooKeeper counts: a persistent watch stands in two of its tables.
    std::size_t count() const { return x_count; }
    std::size_t path_count() const { return x_paths.size(); }
    std::size_t watcher_count() const { return x_watchers.size(); }
    bool empty() const { return x_paths.empty(); }
    // Everything, ordered; for wchc and wchp.
    std::map<WatcherId, std::set<std::string>> by_watcher() const;
    std::map<std::string, std::set<WatcherId>> by_path() const;

    void invariants() const;

 private:
    using Kinds = std::uint8_t;
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>()(text);
        }
    };
    using Watchers = std::map<WatcherId, Kinds>;
    // Nodes of this map stay where they are, so that watchers can point at the paths.
    using Paths = std::unordered_map<std::string, Watchers, Hash, std::equal_to<>>;

    static Kinds bit(WatchKind kind) { return static_cast<Kinds>(kind); }
    static Kinds selected(WatchSelection selection);
    static std::size_t counted(Kinds kinds);
    Kinds kinds_of(WatcherId watcher, std::string_view path) const;
    void fire_at(std::string_view path, Kinds concerned, std::vector<WatcherId>& told);
    // Takes kinds away; returns the iterator behind the watcher.
    Watchers::iterator take(Paths::iterator place, Watchers::iterator watcher, Kinds kinds);

    Paths x_paths;
    boost::unordered_flat_map<std::uint64_t, std::set<std::string_view>> x_watchers;
    std::size_t x_count = 0;
    std::size_t x_recursive = 0;
};

}  // namespace millrace::coordinator::tree
