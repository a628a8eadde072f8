// What a broker does in ZooKeeper before it serves: make sure of the persistent nodes, agree on the cluster id, find its own id,
// and put up its ephemeral node. One call at a time, asked for and answered as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "broker/controller/zk_records.h"
#include "lib/base/random.h"
#include "lib/base/result.h"
#include "lib/base/time.h"
#include "lib/zk/client.h"

namespace millrace::broker::controller {

struct RegistrationOptions {
    std::int32_t broker_id = -1;                 // broker.id; -1: generate one
    bool generate_broker_id = true;              // broker.id.generation.enable
    std::int32_t reserved_broker_id_max = 1000;  // reserved.broker.max.id
    BrokerRegistration record;
    std::optional<std::int32_t> stored_broker_id;  // meta.properties
    std::optional<std::string> stored_cluster_id;  // meta.properties
    std::int64_t session_id = 0;
    std::int64_t previous_session_id = 0;  // of this process; 0: none
    // Kafka gives up at once when another session owns the node of our id. This waits for the old session to end instead,
    // as a node after a crash must.
    Duration conflict_wait_max = std::chrono::seconds(60);
};

// One call to ZooKeeper. A multi with one operation is how the single calls are made too, except for the reads.
struct ZkGet {
    std::string path;
};
struct ZkMulti {
    std::vector<zk::MultiOp> ops;
};
// Nothing to do before this time; then call resume().
struct ZkWait {
    Instant until;
};
struct Registered {
    std::int32_t broker_id = -1;
    std::int64_t broker_epoch = -1;  // czxid
    std::string cluster_id;
};
using RegistrationStep = std::variant<ZkGet, ZkMulti, ZkWait, Registered>;

struct ZkReply {
    zk::ErrorCode error = zk::ErrorCode::ok;
    Bytes data;     // of a get
    zk::Stat stat;  // of a get
    zk::MultiResults results;
};

class Registration {
 public:
    Registration(RegistrationOptions options, Random& random);

    RegistrationStep start();
    // The answer to the last ZkGet or ZkMulti. Fails with conflict when the start must be given up: another cluster id, another
    // broker with our id, ids that disagree; with connection_lost or timed_out when ZooKeeper failed, and start() may be
    // called again.
    Result<RegistrationStep> answered(const ZkReply& reply, Instant now);
    // The wait is over.
    RegistrationStep resume();

 private:
    enum class Phase {
        persistent_nodes,
        read_cluster_id,
        create_cluster_parent,
        create_cluster_id,
        broker_id,
        create,
        read_owner,
        done
    };
    RegistrationStep next_persistent();
    Result<RegistrationStep> after_cluster_id(const std::string& cluster_id);
    RegistrationStep create_node();
    Result<RegistrationStep> numbered(const ZkReply& reply);
    Result<RegistrationStep> created(const ZkReply& reply, Instant now);
    Result<RegistrationStep> owned(const ZkReply& reply, Instant now);

    RegistrationOptions x_options;
    Random& x_random;
    Phase x_phase = Phase::persistent_nodes;
    std::size_t x_next_node = 0;
    kafka::Uuid x_fresh_cluster_id;
    std::optional<Instant> x_conflict_since;
    Registered x_result;
};

}  // namespace millrace::broker::controller
