// Answers to the requests that change nothing: from the applied tree, at once.
#pragma once

#include <cstdint>

#include "coordinator/tree/access.h"
#include "coordinator/tree/node_tree.h"
#include "coordinator/tree/watches.h"
#include "lib/wire/writer.h"
#include "lib/zk/error_code.h"
#include "lib/zk/op_code.h"

namespace millrace::coordinator::server {

struct Reader {
    const tree::NodeTree& nodes;
    tree::Watches& watches;
    const tree::AccessRules& rules;
    tree::WatcherId watcher;
    std::int64_t session;
    const tree::Identities& who;
};

// Appends the body of the answer. After an error nothing was appended: exists on a node that is not there still sets its
// watch. op is one of the reads, watch calls except setWatches, sync, ping, whoAmI.
zk::ErrorCode answer_read(zk::OpCode op, BytesView body, const Reader& reader, wire::Writer& out);

// Whether answer_read takes it.
bool is_read(zk::OpCode op);

}  // namespace millrace::coordinator::server
