// What a server does by itself while time passes: expiry of sessions, removal of empty containers and expired TTL nodes,
// snapshots, purging.
#include <fmt/format.h>

#include <algorithm>

#include "coordinator/server/node.h"
#include "coordinator/storage/purge.h"
#include "lib/base/log.h"

namespace millrace::coordinator::server {

namespace {

// A client that was sent away has so long to read the last answers.
constexpr Duration kFarewellMax = 10s;

}  // namespace

void Node::plan_tick() {
    const auto ticks = x_runtime.loop.now().since_start / x_options.tick;
    x_runtime.loop.run_at({(ticks + 1) * x_options.tick}, guarded([this] {
                              tick();
                              plan_tick();
                          }));
}

void Node::tick() {
    if (x_stopping) {
        return;
    }
    const Instant now = x_runtime.loop.now();
    for (const std::int64_t session : x_sessions->expire(now)) {
        log_info("session", "{:#x} expired", session);
        x_statistics.sessions_expired += 1;
        close_session(session);
    }
    std::vector<tree::WatcherId> gone;
    for (const auto& [id, connection] : x_connections) {
        if (connection->ended() && now - connection->ended_at() > kFarewellMax) {
            gone.push_back(id);
        }
    }
    std::ranges::for_each(gone, [this](tree::WatcherId id) { connection_closed(id); });
}

void Node::plan_sessionless() {
    x_runtime.loop.run_after(x_options.sessionless_max, guarded([this] {
                                 if (!x_stopping) {
                                     end_sessionless();
                                 }
                                 plan_sessionless();
                             }));
}

void Node::end_sessionless() {
    const Instant now = x_runtime.loop.now();
    for (const auto& [id, connection] : x_connections) {
        if (!connection->connected() &&
            now - connection->established() >= x_options.sessionless_max) {
            x_statistics.sessionless_expired += 1;
            connection->end();
        }
    }
}

void Node::plan_reaping() {
    if (x_options.container_check > Duration::zero()) {
        x_runtime.loop.run_after(x_options.container_check, guarded([this] {
                                     reap_containers();
                                     plan_reaping();
                                 }));
    }
}

void Node::reap_containers() {
    if (x_stopping) {
        return;
    }
    std::vector<std::string> due;
    const auto room = [this, &due] {
        return due.size() < static_cast<std::size_t>(x_options.containers_per_minute);
    };
    for (const std::string_view path : x_nodes.containers()) {
        const tree::Node* node = x_nodes.find(path);
        // A container that never had a child is left alone.
        if (room() && node->stat.cversion > 0 && node->child_count() == 0) {
            due.emplace_back(path);
        }
    }
    const std::int64_t now_ms = x_runtime.loop.wall_now().millis;
    for (const std::string_view path : x_nodes.ttl_nodes()) {
        const tree::Node* node = x_nodes.find(path);
        const std::int64_t ttl = node->stat.ephemeral_owner & tree::kTtlMax;
        if (room() && node->child_count() == 0 && now_ms - node->stat.mtime > ttl) {
            due.emplace_back(path);
        }
    }
    for (const std::string& path : due) {
        const tree::Asking asking = x_pipeline->next(0, 0, nullptr);
        x_pipeline->propose(kNobody, x_pipeline->prepare().remove_container(asking, path));
    }
}

void Node::choose_snapshot_threshold() {
    // Drawn anew each time, so that the servers of an ensemble do not write theirs together.
    runtime::Loop& loop = x_runtime.loop;
    const std::int64_t half = std::max<std::int64_t>(x_options.snap_count / 2, 1);
    x_snapshot_after_txns = half + loop.random().between(1, half);
    const std::uint64_t half_bytes = x_options.snap_log_bytes / 2;
    x_snapshot_after_bytes = half_bytes == 0 ? 0 : half_bytes + loop.random().below(half_bytes);
}

void Node::maybe_snapshot() {
    const bool by_bytes =
        x_snapshot_after_bytes > 0 && x_log->bytes_since_roll() > x_snapshot_after_bytes;
    if (x_txns_since_snapshot < x_snapshot_after_txns && !by_bytes) {
        return;
    }
    if (x_snapshots->busy() || x_stopping) {
        return;
    }
    x_txns_since_snapshot = 0;
    choose_snapshot_threshold();
    x_log->roll();
    const Instant began = x_runtime.loop.now();
    x_snapshots->start(x_nodes, [this, began](const Result<std::int64_t>& written) {
        if (written) {
            x_statistics.snapshots += 1;
            x_statistics.snapshot_time.add(x_runtime.loop.now() - began);
            log_info("snapshot", "wrote the state at zxid {:#x}", *written);
        } else {
            x_statistics.snapshot_errors += 1;
            log_error("snapshot", "{}", written.error().to_string());
        }
    });
}

void Node::plan_purge() {
    if (x_options.purge_interval <= Duration::zero()) {
        return;
    }
    // The result of the last purge travels from the pool to the loop.
    const auto result = std::make_shared<Result<storage::Purged>>(storage::Purged{});
    const storage::PurgeOptions purge_options{.snapshot_directory = x_directory.snapshots,
                                              .log_directory = x_directory.logs,
                                              .snapshots_kept = x_options.snapshots_kept};
    x_runtime.disk.submit(
        x_purge_lane,
        [result, purge_options, &files = x_runtime.files] {
            *result = storage::purge(files, purge_options);
        },
        guarded([this, result] {
            if (*result) {
                log_info("purge", "removed {} snapshots and {} logs", (*result)->snapshots,
                         (*result)->logs);
            } else {
                log_error("purge", "{}", result->error().to_string());
            }
            x_runtime.loop.run_after(x_options.purge_interval, guarded([this] { plan_purge(); }));
        }));
}

}  // namespace millrace::coordinator::server
