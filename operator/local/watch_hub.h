// The open watches: which change goes to whom, in which form. Pure; the driver hands in where lines go and drives the time.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "operator/local/api_core.h"

namespace millrace::kube_operator::local {

enum class WatchId : std::uint64_t {};

class WatchHub {
 public:
    // Takes one line. False when the peer is gone or does not read; the watch is forgotten then.
    using Sink = std::function<bool(std::string)>;

    // The store outlives the hub.
    explicit WatchHub(Store& store, std::size_t watches_max = 256);

    // Sends what the start asks for and remembers the watch. A resource version that is too old gets the ERROR event of 410
    // and is not remembered. Errors: busy above watches_max; not_found after a 410 was sent.
    Result<WatchId> open(const WatchStart& start, Sink sink, WallTime now);
    void close(WatchId id) { x_watches.erase(id); }

    // Before the changes of a turn are told, so that ages in tables are right.
    void set_time(WallTime now) { x_now = now; }
    // Bookmarks for all watches that want them.
    void send_bookmarks();

    std::size_t size() const { return x_watches.size(); }

 private:
    struct Open {
        WatchStart start;
        Sink sink;
        bool definitions_sent = false;
    };

    void tell(const Change& change);
    bool matches(const WatchStart& start, const nlohmann::json& object) const;
    bool send(Open& watch, const char* type, const JsonPtr& object);
    bool send_change(Open& watch, const Change& change);
    bool send_bookmark(Open& watch, bool initial_end);
    bool send_existing(Open& watch);

    Store& x_store;
    std::size_t x_watches_max;
    std::map<WatchId, Open> x_watches;
    std::uint64_t x_next = 1;
    WallTime x_now{};
};

}  // namespace millrace::kube_operator::local
