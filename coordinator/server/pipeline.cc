#include "coordinator/server/pipeline.h"

#include <utility>

#include "lib/base/check.h"

namespace millrace::coordinator::server {

Pipeline::Pipeline(runtime::Loop& loop, storage::TxnLogWriter& log, tree::NodeTree& tree,
                   tree::PrepareRules rules)
    : x_loop(loop),
      x_log(log),
      x_tree(tree),
      x_prepare(tree, std::move(rules)),
      x_last_proposed(tree.last_zxid()) {}

tree::Asking Pipeline::next(std::int64_t session, std::int32_t cxid,
                            const tree::Identities* who) const {
    return {.session = session,
            .cxid = cxid,
            .who = who,
            .zxid = x_last_proposed + 1,
            .time = x_loop.wall_now().millis};
}

std::int64_t Pipeline::propose(tree::WatcherId origin, tree::Prepared prepared) {
    const std::int64_t zxid = prepared.header.zxid;
    CHECK(zxid == x_last_proposed + 1);
    x_last_proposed = zxid;
    x_log.append({.header = prepared.header, .record = prepared.record, .digest = std::nullopt});
    x_proposals.push_back(
        {.origin = origin, .prepared = std::move(prepared), .started = x_loop.now()});
    if (!x_flush_planned) {
        x_flush_planned = true;
        x_loop.at_turn_end([this, life = std::weak_ptr(x_life)] {
            if (!life.expired()) {
                flush();
            }
        });
    }
    return zxid;
}

void Pipeline::flush() {
    x_flush_planned = false;
    x_log.flush([this, zxid = x_last_proposed](const Status& status) { durable(zxid, status); });
}

void Pipeline::durable(std::int64_t zxid, const Status& status) {
    if (x_failed) {
        return;
    }
    if (!status) {
        x_failed = true;
        x_events.failed(status.error());
        return;
    }
    while (!x_proposals.empty() && x_proposals.front().prepared.header.zxid <= zxid) {
        const Proposal proposal = std::move(x_proposals.front());
        x_proposals.pop_front();
        const Status applied =
            x_tree.apply(proposal.prepared.header, proposal.prepared.record, x_outcome);
        if (!applied) {
            x_failed = true;
            x_events.failed(applied.error());
            return;
        }
        x_prepare.applied(proposal.prepared.header.zxid);
        x_events.applied(proposal, x_outcome);
    }
    x_events.settled();
}

void Pipeline::drain(std::function<void()> then) {
    x_log.flush([this, zxid = x_last_proposed, then = std::move(then)](const Status& status) {
        durable(zxid, status);
        then();
    });
}

void Pipeline::invariants() const {
    x_prepare.invariants();
    std::int64_t last = x_tree.last_zxid();
    for (const Proposal& proposal : x_proposals) {
        CHECK(proposal.prepared.header.zxid == last + 1);
        last = proposal.prepared.header.zxid;
    }
    CHECK(last == x_last_proposed);
}

}  // namespace millrace::coordinator::server
