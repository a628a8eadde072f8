// The driver of one standalone server: it owns the tree, the sessions, the watches, the connections and the log, and performs
// what the pure parts decide. Everything runs on one loop.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/server/client_connection.h"
#include "coordinator/server/options.h"
#include "coordinator/server/pipeline.h"
#include "coordinator/server/statistics.h"
#include "coordinator/storage/data_directory.h"
#include "coordinator/storage/snapshot_writer.h"
#include "coordinator/storage/txn_log_writer.h"
#include "coordinator/tree/prepare.h"
#include "coordinator/tree/sessions.h"
#include "coordinator/tree/watches.h"
#include "lib/runtime/runtime.h"

namespace millrace::coordinator::server {

class Node {
 public:
    // failed: the disk refuses, so the process must end; nothing is acknowledged after it.
    Node(const runtime::Runtime& runtime, ServerOptions options,
         std::function<void(const Error&)> failed);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    // Takes the folders, recovers the tree and listens. Blocks while it recovers.
    // Errors: busy, address_in_use, invalid_argument, malformed, not_found, io_error, disk_full.
    Status start();
    // Takes no further connection or request, finishes what is ordered, then calls back.
    void stop(std::function<void()> stopped);
    bool serving() const { return x_serving; }
    runtime::Endpoint local() const;

    runtime::Loop& loop() { return x_runtime.loop; }
    runtime::FileSystem& files() { return x_runtime.files; }
    const ServerOptions& options() const { return x_options; }
    const storage::DataDirectory& directory() const { return x_directory; }
    const storage::TxnLogWriter& log() const { return *x_log; }
    tree::NodeTree& nodes() { return x_nodes; }
    tree::Sessions& sessions() { return *x_sessions; }
    tree::Watches& watches() { return x_watches; }
    Pipeline& pipeline() { return *x_pipeline; }
    Statistics& statistics() { return x_statistics; }
    const tree::AccessRules& access_rules() const { return x_access; }
    Instant started() const { return x_started; }
    std::int64_t outstanding() const { return x_outstanding; }
    // Ordered by id.
    std::vector<ClientConnection*> connections();

    // --- from connections
    // A session for the connection; its transaction is under way. Returns the id.
    std::int64_t open_session(ClientConnection& connection);
    // Takes a session over from its former connection, which is closed. False when there is none of that id.
    bool resume_session(ClientConnection& connection, std::int64_t session);
    // Proposes the end of an open session; returns the zxid.
    std::int64_t close_session(std::int64_t session);
    // Adds what the credentials prove. False when they prove nothing.
    bool authenticate(std::string_view scheme, BytesView credentials, tree::Identities& who) const;
    // Whether a connection with these identities may learn of the change (ZOOKEEPER-4799).
    bool may_see(const tree::Trigger& trigger, const tree::Identities& who) const;
    void request_queued() { ++x_outstanding; }
    void request_done() { --x_outstanding; }
    void requests_dropped(std::size_t count) { x_outstanding -= static_cast<std::int64_t>(count); }
    // Counts and logs that a request goes over the limit of a quota.
    void note_breach(const tree::QuotaBreach& breach);
    // Stops reading from a connection while too much is under way.
    void throttle(ClientConnection& connection);
    // Calls advance() on the connection once the tree has reached the zxid.
    void wait_for(std::int64_t zxid, tree::WatcherId connection);
    void output_pending(tree::WatcherId connection);
    void connection_closed(tree::WatcherId connection);

    void invariants() const;

 private:
    struct Waiting {
        std::int64_t zxid;
        tree::WatcherId connection;
    };
    using Connections = std::map<tree::WatcherId, std::unique_ptr<ClientConnection>>;

    Status recover();
    Status listen();
    void accept(std::unique_ptr<runtime::Stream> stream);
    ClientConnection* find(tree::WatcherId connection);
    void applied(const Proposal& proposal, const tree::Outcome& outcome);
    void fire_watches(const tree::Outcome& outcome);
    void settled();
    void release_throttled();
    void flush_output();
    void plan_tick();
    void tick();
    void reap_containers();
    void plan_reaping();
    void plan_sessionless();
    void end_sessionless();
    void choose_snapshot_threshold();
    void maybe_snapshot();
    void plan_purge();
    // Work for later that is dropped when the node is gone by then.
    runtime::Task guarded(std::function<void()> work);

    runtime::Runtime x_runtime;
    ServerOptions x_options;
    std::function<void(const Error&)> x_failed;
    tree::AccessRules x_access;
    storage::DataDirectory x_directory;
    tree::NodeTree x_nodes;
    tree::Watches x_watches;
    std::unique_ptr<tree::Sessions> x_sessions;
    std::unique_ptr<storage::TxnLogWriter> x_log;
    std::unique_ptr<storage::SnapshotWriter> x_snapshots;
    std::unique_ptr<Pipeline> x_pipeline;
    std::unique_ptr<runtime::Listener> x_listener;
    Connections x_connections;
    boost::unordered_flat_map<std::int64_t, tree::WatcherId> x_by_session;
    boost::unordered_flat_map<std::string, std::int32_t> x_per_address;
    std::deque<Waiting> x_waiting;
    std::vector<tree::WatcherId> x_pending_output;
    std::vector<tree::WatcherId> x_throttled;
    std::vector<tree::WatcherId> x_told;  // kept for its capacity
    Statistics x_statistics;
    std::uint64_t x_next_connection = 1;
    std::int64_t x_outstanding = 0;
    std::int64_t x_txns_since_snapshot = 0;
    std::int64_t x_snapshot_after_txns = 0;
    std::uint64_t x_snapshot_after_bytes = 0;
    runtime::DiskLane x_purge_lane{};
    Instant x_started;
    std::optional<Instant> x_breach_logged;
    std::shared_ptr<const bool> x_life = std::make_shared<const bool>(true);
    bool x_output_planned = false;
    bool x_serving = false;
    bool x_stopping = false;
};

}  // namespace millrace::coordinator::server
