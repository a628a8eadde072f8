// Clients of the coordinator: each creates nodes, writes and reads registers that all share, some only at the version it has
// read and some two at a time, watches them, and keeps ephemeral nodes. And a reader of the final state.
//
// Besides what ZkHistory checks: an event of a watch comes before any answer from the state it tells of; a watched node does not
// change without one; a session does not expire before its time; its ephemeral nodes are there as long as it is.
#pragma once

#include <map>
#include <set>
#include <string>

#include "lib/zk/client.h"
#include "tests/sim/world.h"
#include "tests/sim/zk_history.h"

namespace millrace::sim {

// Shared by the clients of a scenario; outlives them.
struct ZkWorkload {
    ZkHistory history;
    bool prepared = false;  // the folders and registers are there
    bool issuing = true;    // false: no further operations
    // When the latest operation that a client got answered began.
    std::map<std::string, Instant> answered_since;
    std::map<std::string, std::size_t> outstanding;
    // Clients that ended their session, as they do once nothing is issued any more.
    std::set<std::string> closed;
    std::map<std::string, std::uint64_t> lives;
    std::size_t events = 0;       // of watches
    std::size_t expirations = 0;  // of sessions

    explicit ZkWorkload(ZkHistory::Report report) : history(std::move(report)) {}
};

// The first client prepares the tree; the others wait for it.
// Paths that are written together, in one multi.
std::vector<std::string> zk_paths_together();

MakeProgram zk_client(World& world, std::string name, bool prepares, ZkWorkload& workload);

struct ZkFinal {
    bool done = false;
    std::map<std::string, ZkHistory::NodeState> nodes;
    std::vector<std::string> ephemerals;
};
// Reads everything the clients may have written; starts over when the connection breaks.
MakeProgram zk_reader(ZkFinal& final);

}  // namespace millrace::sim
