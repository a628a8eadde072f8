// The way of a write: prepared against everything pending, appended to the log, applied to the tree once it is durable, in
// zxid order. Reads see only what was applied, so no client sees a write that a crash could take back.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string_view>

#include "coordinator/storage/txn_log_writer.h"
#include "coordinator/tree/prepare.h"
#include "coordinator/tree/watches.h"
#include "lib/runtime/loop.h"

namespace millrace::coordinator::server {

// Names no connection; of transactions the server makes itself.
inline constexpr tree::WatcherId kNobody{0};

struct Proposal {
    tree::WatcherId origin = kNobody;
    tree::Prepared prepared;
    Instant started;
};

class Pipeline {
 public:
    struct Events {
        // After each applied transaction.
        std::function<void(const Proposal&, const tree::Outcome&)> applied;
        // After a batch of them.
        std::function<void()> settled;
        // The log cannot be written any more, or holds what the tree refuses: the process must stop.
        std::function<void(const Error&)> failed;
    };

    // All outlive the pipeline.
    Pipeline(runtime::Loop& loop, storage::TxnLogWriter& log, tree::NodeTree& tree,
             tree::PrepareRules rules);
    Pipeline(const Pipeline&) = delete;
    Pipeline& operator=(const Pipeline&) = delete;

    void set_events(Events events) { x_events = std::move(events); }

    // A request of a session, with the next zxid and the time of this turn.
    tree::Asking next(std::int64_t session, std::int32_t cxid, const tree::Identities* who) const;
    tree::Prepare& prepare() { return x_prepare; }
    // Takes what prepare made of next(); its zxid is used up. Returns the zxid.
    std::int64_t propose(tree::WatcherId origin, tree::Prepared prepared);

    std::int64_t last_proposed() const { return x_last_proposed; }
    std::int64_t last_applied() const { return x_tree.last_zxid(); }
    std::size_t outstanding() const { return x_proposals.size(); }
    bool full() const { return x_log.full(); }
    // Calls then once everything proposed so far is applied.
    void drain(std::function<void()> then);

    void invariants() const;

 private:
    void flush();
    void durable(std::int64_t zxid, const Status& status);

    runtime::Loop& x_loop;
    storage::TxnLogWriter& x_log;
    tree::NodeTree& x_tree;
    tree::Prepare x_prepare;
    Events x_events;
    std::deque<Proposal> x_proposals;
    tree::Outcome x_outcome;
    std::int64_t x_last_proposed = 0;
    std::shared_ptr<const bool> x_life = std::make_shared<const bool>(true);
    bool x_flush_planned = false;
    bool x_failed = false;
};

}  // namespace millrace::coordinator::server
