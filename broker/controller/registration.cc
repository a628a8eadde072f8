#include "broker/controller/registration.h"

#include <fmt/format.h>

#include "broker/controller/zk_paths.h"
#include "lib/base/check.h"

namespace millrace::broker::controller {
namespace {

constexpr Duration kConflictPause = std::chrono::milliseconds(500);

zk::CreateOp node(std::string path, Bytes data, zk::CreateMode mode) {
    return {std::move(path), std::move(data), zk::open_acl(), mode};
}

// The node's own error, wherever in the multi it stands.
std::unexpected<Error> zk_failure(const ZkReply& reply, std::string_view what) {
    const bool lost = reply.error == zk::ErrorCode::connection_loss;
    return fail(
        lost ? Errc::connection_lost : Errc::io_error,
        fmt::format("{} failed in ZooKeeper with error {}", what, static_cast<int>(reply.error)));
}

}  // namespace

Registration::Registration(RegistrationOptions options, Random& random)
    : x_options(std::move(options)), x_random(random) {}

RegistrationStep Registration::start() {
    x_next_node = 0;
    return next_persistent();
}

RegistrationStep Registration::next_persistent() {
    if (x_next_node < paths::persistent().size()) {
        x_phase = Phase::persistent_nodes;
        return ZkMulti{{node(paths::persistent()[x_next_node], {}, zk::CreateMode::persistent)}};
    }
    x_phase = Phase::read_cluster_id;
    return ZkGet{std::string(paths::kClusterId)};
}

Result<RegistrationStep> Registration::answered(const ZkReply& reply, Instant now) {
    const bool ok = reply.error == zk::ErrorCode::ok;
    const bool exists = reply.error == zk::ErrorCode::node_exists;
    switch (x_phase) {
        case Phase::persistent_nodes:
            if (!ok && !exists) {
                return zk_failure(reply, "creating " + paths::persistent()[x_next_node]);
            }
            ++x_next_node;
            return next_persistent();
        case Phase::read_cluster_id:
            if (ok) {
                return after_cluster_id(TRY(decode_cluster_id(reply.data)));
            }
            if (reply.error != zk::ErrorCode::no_node) {
                return zk_failure(reply, "reading the cluster id");
            }
            x_phase = Phase::create_cluster_parent;
            return RegistrationStep(ZkMulti{{node("/cluster", {}, zk::CreateMode::persistent)}});
        case Phase::create_cluster_parent:
            if (!ok && !exists) {
                return zk_failure(reply, "creating /cluster");
            }
            x_fresh_cluster_id = kafka::Uuid::make(x_random);
            x_phase = Phase::create_cluster_id;
            return RegistrationStep(
                ZkMulti{{node(std::string(paths::kClusterId), encode_cluster_id(x_fresh_cluster_id),
                              zk::CreateMode::persistent)}});
        case Phase::create_cluster_id:
            if (!ok && !exists) {
                return zk_failure(reply, "creating the cluster id");
            }
            // Two brokers may have been first; what stands there counts for both.
            x_phase = Phase::read_cluster_id;
            return RegistrationStep(ZkGet{std::string(paths::kClusterId)});
        case Phase::broker_id:
            return numbered(reply);
        case Phase::create:
            return created(reply, now);
        case Phase::read_owner:
            return owned(reply, now);
        case Phase::done:
            break;
    }
    UNREACHABLE();
}

Result<RegistrationStep> Registration::after_cluster_id(const std::string& cluster_id) {
    x_result.cluster_id = cluster_id;
    if (x_options.stored_cluster_id && *x_options.stored_cluster_id != cluster_id) {
        return fail(Errc::conflict,
                    fmt::format("the Cluster ID {} doesn't match stored clusterId {} in "
                                "meta.properties: the broker is trying to join the wrong cluster",
                                cluster_id, *x_options.stored_cluster_id));
    }
    const std::optional<std::int32_t> stored = x_options.stored_broker_id;
    if (x_options.broker_id >= 0) {
        if (stored && *stored != x_options.broker_id) {
            return fail(Errc::conflict,
                        fmt::format("configured broker.id {} doesn't match stored broker.id {} in "
                                    "meta.properties",
                                    x_options.broker_id, *stored));
        }
        x_result.broker_id = x_options.broker_id;
        return create_node();
    }
    if (stored) {
        x_result.broker_id = *stored;
        return create_node();
    }
    if (!x_options.generate_broker_id) {
        return fail(Errc::conflict, "broker.id is not set and may not be generated");
    }
    // Every write raises the version of the node: a sequence nobody gets twice from.
    x_phase = Phase::broker_id;
    return RegistrationStep(
        ZkMulti{{zk::SetDataOp{std::string(paths::kBrokerSequence), {}, zk::kAnyVersion}}});
}

Result<RegistrationStep> Registration::numbered(const ZkReply& reply) {
    if (reply.error != zk::ErrorCode::ok || reply.results.empty()) {
        return zk_failure(reply, "generating a broker id");
    }
    x_result.broker_id = x_options.reserved_broker_id_max + reply.results.front().stat.version;
    return create_node();
}

// The data is written after the node, in the same transaction, so that its version is 1 as with a Java broker.
RegistrationStep Registration::create_node() {
    x_phase = Phase::create;
    const std::string path = paths::broker(x_result.broker_id);
    return ZkMulti{{node(path, {}, zk::CreateMode::ephemeral),
                    zk::SetDataOp{path, encode(x_options.record), 0}}};
}

Result<RegistrationStep> Registration::created(const ZkReply& reply, Instant now) {
    const bool lost = reply.error == zk::ErrorCode::connection_loss;
    if (reply.error == zk::ErrorCode::ok && !reply.results.empty()) {
        x_phase = Phase::done;
        x_result.broker_epoch = reply.results.back().stat.czxid;
        return RegistrationStep(x_result);
    }
    if (reply.error != zk::ErrorCode::node_exists && !lost) {
        return zk_failure(reply, "registering the broker");
    }
    if (!x_conflict_since) {
        x_conflict_since = now;
    }
    x_phase = Phase::read_owner;
    return RegistrationStep(ZkGet{paths::broker(x_result.broker_id)});
}

Result<RegistrationStep> Registration::owned(const ZkReply& reply, Instant now) {
    if (reply.error == zk::ErrorCode::no_node) {
        return create_node();
    }
    if (reply.error != zk::ErrorCode::ok) {
        return zk_failure(reply, "reading the registration of the broker");
    }
    const std::int64_t owner = reply.stat.ephemeral_owner;
    if (owner == x_options.session_id) {
        x_phase = Phase::done;
        x_result.broker_epoch = reply.stat.czxid;
        return RegistrationStep(x_result);
    }
    if (owner == x_options.previous_session_id && owner != 0) {
        // Our own last session, which the server has not let go of (KAFKA-7165).
        x_phase = Phase::create;
        const std::string path = paths::broker(x_result.broker_id);
        return RegistrationStep(ZkMulti{{zk::DeleteOp{path, reply.stat.version},
                                         node(path, {}, zk::CreateMode::ephemeral),
                                         zk::SetDataOp{path, encode(x_options.record), 0}}});
    }
    if (now - *x_conflict_since >= x_options.conflict_wait_max) {
        return fail(Errc::conflict,
                    fmt::format("broker {} is registered by another session ({:#x})",
                                x_result.broker_id, owner));
    }
    return RegistrationStep(ZkWait{now + kConflictPause});
}

RegistrationStep Registration::resume() {
    return create_node();
}

}  // namespace millrace::broker::controller
