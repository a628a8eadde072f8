// Clients of the coordinator: each creates nodes and writes and reads registers that all share. And a reader of the final state.
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
    std::set<std::string>
        closed;  // clients that ended their session, as they do once nothing is issued any more

    explicit ZkWorkload(ZkHistory::Report report) : history(std::move(report)) {}
};

// The first client prepares the tree; the others wait for it.
MakeProgram zk_client(World& world, std::string name, bool prepares, ZkWorkload& workload);

struct ZkFinal {
    bool done = false;
    std::map<std::string, ZkHistory::NodeState> nodes;
    std::vector<std::string> ephemerals;
};
// Reads everything the clients may have written; starts over when the connection breaks.
MakeProgram zk_reader(ZkFinal& final);

}  // namespace millrace::sim
