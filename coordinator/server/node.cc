#include "coordinator/server/node.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/storage/recovery.h"
#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/zk/acl.h"

namespace millrace::coordinator::server {

namespace {

// A client at its limit asks on; one line in this time says enough.
constexpr Duration kBreachLogInterval = 100ms;

Tally* tally_of(Statistics& statistics, tree::EventType type) {
    switch (type) {
        case tree::EventType::created:
            return &statistics.created_watches;
        case tree::EventType::deleted:
            return &statistics.deleted_watches;
        case tree::EventType::data_changed:
            return &statistics.changed_watches;
        case tree::EventType::children_changed:
            return &statistics.children_watches;
        case tree::EventType::none:
            break;
    }
    return nullptr;
}

}  // namespace

Node::Node(const runtime::Runtime& runtime, ServerOptions options,
           std::function<void(const Error&)> failed)
    : x_runtime(runtime),
      x_options(std::move(options)),
      x_failed(std::move(failed)),
      x_access{.skip_acl = x_options.skip_acl, .super_digest = x_options.super_digest},
      x_started(runtime.loop.now()) {
    x_nodes.set_extended_types(x_options.extended_types);
}

Node::~Node() = default;

runtime::Task Node::guarded(std::function<void()> work) {
    return [life = std::weak_ptr(x_life), work = std::move(work)] {
        if (!life.expired()) {
            work();
        }
    };
}

Status Node::start() {
    const Instant began = x_runtime.loop.now();
    TRY(recover());
    // The time of a loop stands still during a turn, and recovery is one.
    x_runtime.loop.post(
        guarded([this, began] { x_statistics.start_time.add(x_runtime.loop.now() - began); }));
    x_purge_lane = x_runtime.disk.new_lane();
    choose_snapshot_threshold();
    x_pipeline->set_events(
        {.applied = [this](const Proposal& proposal,
                           const tree::Outcome& outcome) { applied(proposal, outcome); },
         .settled = [this] { settled(); },
         .failed = [this](const Error& error) { x_failed(error); }});
    TRY(listen());
    x_serving = true;
    plan_tick();
    plan_reaping();
    plan_sessionless();
    plan_purge();
    return {};
}

Status Node::recover() {
    x_directory = TRY(
        storage::open_data_directory(x_runtime.files, x_options.data_dir, x_options.data_log_dir));
    const storage::SnapshotSections sections{.digest = x_options.digest_in_snapshots,
                                             .last_zxid = x_options.zxid_in_snapshots};
    const storage::Recovered recovered =
        TRY(storage::recover(x_runtime.files,
                             {.snapshot_directory = x_directory.snapshots,
                              .log_directory = x_directory.logs,
                              .trust_empty_snapshot = x_options.trust_empty_snapshot,
                              .create_empty = x_options.create_empty,
                              .sections = sections,
                              .compression = x_options.snapshot_compression,
                              .on_txn = {}},
                             x_nodes));
    x_statistics.digest_mismatches = recovered.digest_mismatches;
    x_statistics.txns_replayed.add(static_cast<std::int64_t>(recovered.txns_replayed));
    log_info("server", "recovered to zxid {:#x}: snapshot {:#x}, {} transactions, {} nodes",
             x_nodes.last_zxid(), recovered.snapshot_zxid, recovered.txns_replayed,
             x_nodes.node_count());
    if (recovered.digest_mismatches > 0) {
        log_warning("server", "{} transactions lead to other digests than their log says",
                    recovered.digest_mismatches);
    }
    const tree::Sessions::Limits limits{.tick = x_options.tick,
                                        .timeout_min_ms = x_options.session_timeout_min_ms,
                                        .timeout_max_ms = x_options.session_timeout_max_ms};
    x_sessions = std::make_unique<tree::Sessions>(
        limits, tree::first_session_id(x_options.server_id, x_runtime.loop.wall_now()));
    for (const auto& [session, timeout_ms] : x_nodes.sessions()) {
        x_sessions->add(session, timeout_ms, x_runtime.loop.now());
    }
    storage::TxnLogOptions log_options;
    log_options.directory = x_directory.logs;
    log_options.force_sync = x_options.force_sync;
    log_options.file_bytes_max = x_options.log_file_bytes_max;
    log_options.slow_sync = x_options.slow_sync;
    x_log = std::make_unique<storage::TxnLogWriter>(x_runtime, std::move(log_options));
    storage::SnapshotWriterOptions snapshot_options;
    snapshot_options.directory = x_directory.snapshots;
    snapshot_options.sections = sections;
    snapshot_options.compression = x_options.snapshot_compression;
    x_snapshots = std::make_unique<storage::SnapshotWriter>(x_runtime, snapshot_options);
    x_pipeline =
        std::make_unique<Pipeline>(x_runtime.loop, *x_log, x_nodes,
                                   tree::PrepareRules{.access = x_access,
                                                      .extended_types = x_options.extended_types,
                                                      .enforce_quota = x_options.enforce_quota});
    return {};
}

Status Node::listen() {
    runtime::ListenOptions listen_options;
    listen_options.backlog = x_options.backlog < 0 ? 50 : x_options.backlog;
    x_listener = TRY(x_runtime.network.listen(
        x_options.client, listen_options,
        [this](std::unique_ptr<runtime::Stream> stream) { accept(std::move(stream)); }));
    log_info("server", "serving clients on {}", x_listener->local().to_string());
    return {};
}

runtime::Endpoint Node::local() const {
    return x_listener ? x_listener->local() : x_options.client;
}

void Node::stop(std::function<void()> stopped) {
    x_stopping = true;
    x_serving = false;
    x_listener.reset();
    for (const auto& [id, connection] : x_connections) {
        connection->set_throttled(true);
    }
    if (!x_pipeline) {
        stopped();
        return;
    }
    x_pipeline->drain([this, stopped = std::move(stopped)] {
        flush_output();
        x_connections.clear();
        stopped();
    });
}

std::vector<ClientConnection*> Node::connections() {
    std::vector<ClientConnection*> result;
    result.reserve(x_connections.size());
    for (const auto& [id, connection] : x_connections) {
        result.push_back(connection.get());
    }
    return result;
}

ClientConnection* Node::find(tree::WatcherId connection) {
    const auto found = x_connections.find(connection);
    return found == x_connections.end() ? nullptr : found->second.get();
}

void Node::accept(std::unique_ptr<runtime::Stream> stream) {
    const runtime::Endpoint peer = stream->peer();
    const auto open = static_cast<std::int64_t>(x_connections.size());
    if (x_options.connections_max > 0 && open >= x_options.connections_max) {
        log_warning("server", "{} connections are open, {} is refused (maxCnxns)", open,
                    peer.to_string());
        x_statistics.connections_rejected += 1;
        return;
    }
    std::int32_t& from_there = x_per_address[peer.host];
    if (x_options.connections_per_ip_max > 0 && from_there >= x_options.connections_per_ip_max) {
        log_warning("server",
                    "{} connections from {} are open, one more is refused "
                    "(maxClientCnxns)",
                    from_there, peer.host);
        x_statistics.connections_rejected += 1;
        return;
    }
    ++from_there;
    const tree::WatcherId id{x_next_connection++};
    x_connections.emplace(id, std::make_unique<ClientConnection>(*this, id, std::move(stream)));
}

void Node::connection_closed(tree::WatcherId connection) {
    const auto found = x_connections.find(connection);
    CHECK(found != x_connections.end());
    const ClientConnection& closed = *found->second;
    const auto address = x_per_address.find(closed.peer().host);
    if (address != x_per_address.end() && --address->second == 0) {
        x_per_address.erase(address);
    }
    const auto session = x_by_session.find(closed.session());
    if (session != x_by_session.end() && session->second == connection) {
        x_by_session.erase(session);
    }
    x_watches.drop(connection);
    x_statistics.connections_dropped += 1;
    x_connections.erase(found);
}

std::int64_t Node::open_session(ClientConnection& connection) {
    const std::int64_t session = x_sessions->next_id();
    x_sessions->add(session, connection.timeout_ms(), x_runtime.loop.now());
    x_by_session[session] = connection.id();
    const tree::Asking asking = x_pipeline->next(session, 0, nullptr);
    x_pipeline->propose(kNobody,
                        x_pipeline->prepare().create_session(asking, connection.timeout_ms()));
    return session;
}

bool Node::resume_session(ClientConnection& connection, std::int64_t session) {
    if (!x_sessions->resume(session, connection.timeout_ms(), x_runtime.loop.now())) {
        return false;
    }
    const auto former = x_by_session.find(session);
    if (former != x_by_session.end()) {
        if (ClientConnection* left = find(former->second)) {
            left->end();
        }
    }
    x_by_session[session] = connection.id();
    return true;
}

std::int64_t Node::close_session(std::int64_t session) {
    x_sessions->set_closing(session);
    const tree::Asking asking = x_pipeline->next(session, 0, nullptr);
    return x_pipeline->propose(kNobody, x_pipeline->prepare().close_session(asking));
}

bool Node::authenticate(std::string_view scheme, BytesView credentials,
                        tree::Identities& who) const {
    if (scheme == zk::kIpScheme) {
        return true;  // every connection has its address already
    }
    if (scheme != zk::kDigestScheme) {
        return false;
    }
    const Result<std::string> id = zk::digest_id(as_text(credentials), x_options.digest_algorithm);
    if (!id) {
        return false;
    }
    const auto add = [&who](tree::Identity identity) {
        if (std::ranges::find(who, identity) == who.end()) {
            who.push_back(std::move(identity));
        }
    };
    if (!x_access.super_digest.empty() && *id == x_access.super_digest) {
        add({.scheme = std::string(zk::kSuperScheme), .id = ""});
    }
    add({.scheme = std::string(scheme), .id = *id});
    return true;
}

bool Node::may_see(const tree::Trigger& trigger, const tree::Identities& who) const {
    return trigger.acl == tree::kOpenAcl ||
           tree::permits(x_access, x_nodes.acls().get(trigger.acl), zk::Permission::kRead, who);
}

void Node::applied(const Proposal& proposal, const tree::Outcome& outcome) {
    x_statistics.commits += 1;
    ++x_txns_since_snapshot;
    if (!outcome.triggers.empty()) {
        fire_watches(outcome);
    }
    const tree::TxnHeader& header = proposal.prepared.header;
    if (ClientConnection* origin = proposal.origin == kNobody ? nullptr : find(proposal.origin)) {
        origin->write_done(proposal, outcome);
    }
    while (!x_waiting.empty() && x_waiting.front().zxid <= outcome.zxid) {
        const Waiting waiting = x_waiting.front();
        x_waiting.pop_front();
        if (ClientConnection* connection = find(waiting.connection)) {
            connection->advance();
        }
    }
    if (header.type == tree::TxnType::close_session) {
        x_sessions->remove(header.client_id);
        const auto attached = x_by_session.find(header.client_id);
        if (attached != x_by_session.end()) {
            if (ClientConnection* connection = find(attached->second)) {
                connection->end();
            }
        }
    }
}

void Node::fire_watches(const tree::Outcome& outcome) {
    if (x_watches.empty()) {
        return;
    }
    for (const tree::Trigger& trigger : outcome.triggers) {
        x_watches.fire(trigger.type, trigger.path, x_told);
        for (const tree::WatcherId watcher : x_told) {
            if (ClientConnection* connection = find(watcher)) {
                connection->notify(trigger, outcome.zxid);
            }
        }
        if (!x_told.empty()) {
            if (Tally* tally = tally_of(x_statistics, trigger.type)) {
                tally->add(static_cast<std::int64_t>(x_told.size()));
            }
        }
    }
}

void Node::settled() {
    release_throttled();
    maybe_snapshot();
}

void Node::throttle(ClientConnection& connection) {
    const bool too_much = x_outstanding > x_options.outstanding_max || x_pipeline->full();
    if (too_much && connection.outstanding() > 0 && !connection.ended()) {
        x_statistics.requests_throttled += 1;
        connection.set_throttled(true);
        x_throttled.push_back(connection.id());
    }
}

void Node::release_throttled() {
    if (x_stopping || x_throttled.empty() || x_outstanding > x_options.outstanding_max ||
        x_pipeline->full()) {
        return;
    }
    for (const tree::WatcherId id : std::exchange(x_throttled, {})) {
        if (ClientConnection* connection = find(id)) {
            connection->set_throttled(false);
        }
    }
}

void Node::note_breach(const tree::QuotaBreach& breach) {
    if (breach.hard) {
        const std::string_view below = std::string_view(breach.subject).substr(1);
        x_statistics.quota_refusals[std::string(below.substr(0, below.find('/')))] += 1;
    }
    const Instant now = x_runtime.loop.now();
    if (x_breach_logged && now - *x_breach_logged < kBreachLogInterval) {
        return;
    }
    x_breach_logged = now;
    log_warning("quota", "{}: {} would be {}, the {} limit is {}", breach.subject, breach.of,
                breach.wanted, breach.hard ? "hard" : "soft", breach.limit);
}

void Node::wait_for(std::int64_t zxid, tree::WatcherId connection) {
    CHECK(x_waiting.empty() || x_waiting.back().zxid <= zxid);
    x_waiting.push_back({zxid, connection});
}

void Node::output_pending(tree::WatcherId connection) {
    x_pending_output.push_back(connection);
    if (!x_output_planned) {
        x_output_planned = true;
        x_runtime.loop.at_turn_end(guarded([this] { flush_output(); }));
    }
}

void Node::flush_output() {
    x_output_planned = false;
    for (const tree::WatcherId id : std::exchange(x_pending_output, {})) {
        if (ClientConnection* connection = find(id)) {
            connection->flush();
        }
    }
}

void Node::invariants() const {
    x_nodes.invariants();
    x_watches.invariants();
    x_sessions->invariants();
    x_pipeline->invariants();
    std::int64_t outstanding = 0;
    for (const auto& [id, connection] : x_connections) {
        outstanding += static_cast<std::int64_t>(connection->outstanding());
    }
    CHECK(outstanding == x_outstanding);
}

}  // namespace millrace::coordinator::server
