// The controller of a Kafka cluster in ZooKeeper mode: elected over /controller, it keeps every partition led and tells the
// brokers. A pure core: what ZooKeeper and brokers say comes in, reads, writes and requests go out.
//
// It works by level, not by event: each input changes the picture of the cluster, then every affected partition is compared
// with what it should be. What differs is written to ZooKeeper under the controller epoch; when the write has happened, memory
// follows and the brokers are told. So a successor resumes from ZooKeeper alone, wherever its predecessor stopped.
//
// The owner performs effects in their order over one ZooKeeper session, sends requests to each broker first in, first out with
// endless retry while the broker lives, and feeds back what it learns. A watch that fires is reported with changed().
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "broker/controller/cluster_state.h"
#include "broker/controller/control_effects.h"
#include "broker/controller/control_requests.h"
#include "broker/controller/elections.h"
#include "lib/base/random.h"
#include "lib/base/time.h"

namespace millrace::broker::controller {

struct ControllerOptions {
    std::int32_t broker_id = -1;
    std::string listener;       // control.plane.listener.name, else the inter-broker listener
    bool delete_topics = true;  // delete.topic.enable
    std::vector<zk::Acl> acl = zk::open_acl();
    std::size_t partitions_per_write = 200;
    std::size_t waiting_max = 10'000;  // requests that wait for producer ids
};

struct ControllerView {
    std::optional<ControllerRecord> record;  // nullopt: no controller
    bool ours = false;                       // its owner is our session
    std::int32_t epoch = 0;
    std::int32_t epoch_version = 0;  // of the node /controller_epoch
};

enum class Watched { controller, brokers, topics, topic, deletions };

class Controller {
 public:
    // The random source names topics that have no id; it must outlive the controller.
    Controller(ControllerOptions options, Random& random);

    // A new session, the first one or a later one: look who controls, and run for it.
    ControlEffects start();
    // Everything of the old session is void. start() follows with the next one.
    ControlEffects session_expired();
    // A watch has fired; the topic only for Watched::topic.
    ControlEffects changed(Watched what, const std::string& topic = {});

    ControlEffects controller_read(const ControllerView& view, WallTime now);
    ControlEffects brokers_read(std::map<std::int32_t, LiveBroker> brokers);
    ControlEffects topics_read(const std::set<std::string>& topics);
    // nullopt: there is no such topic.
    ControlEffects topic_read(const std::string& topic, const std::optional<TopicView>& view);
    ControlEffects deletions_read(const std::set<std::string>& topics);
    ControlEffects producer_ids_read(const std::optional<ProducerIdBlock>& block,
                                     std::int32_t node_version);
    ControlEffects written(WriteTicket ticket, zk::ErrorCode error,
                           const zk::MultiResults& results);
    // The answer to a StopReplica, with the request it belongs to.
    ControlEffects stop_replica_answered(std::int32_t broker_id,
                                         const kafka::StopReplicaRequest& request,
                                         const kafka::StopReplicaResponse& response);

    // Requests of brokers; each token gets one Answer. Epochs: -1 is a broker too old to know its own.
    ControlEffects controlled_shutdown(ControlToken token, std::int32_t broker_id,
                                       std::int64_t broker_epoch);
    ControlEffects allocate_producer_ids(ControlToken token, std::int32_t broker_id,
                                         std::int64_t broker_epoch);

    // Elected and done with loading.
    bool is_active() const { return x_phase == Phase::active; }
    // -1: nobody, as far as known.
    std::int32_t controller_id() const { return x_controller_id; }
    std::int32_t epoch() const { return x_epoch; }
    const ClusterState& state() const { return x_state; }
    bool is_being_deleted(const std::string& topic) const { return x_deletions.contains(topic); }

    std::optional<std::string> invariants() const;

 private:
    enum class Phase { idle, electing, loading, active };

    struct PendingElection {};
    struct PendingStates {
        std::string topic;
        std::vector<std::int32_t> partitions;
    };
    struct PendingTopicId {
        std::string topic;
        kafka::Uuid id;
    };
    struct PendingRemoval {
        std::string topic;
    };
    struct PendingProducerIds {
        std::int64_t first = 0;
    };
    struct PendingAny {};  // its outcome changes nothing
    using Pending = std::variant<PendingElection, PendingStates, PendingTopicId, PendingRemoval,
                                 PendingProducerIds, PendingAny>;

    // From the request in /admin/delete_topics until its node is gone.
    struct Deletion {
        enum class Step { waiting, stopping, removing_topic, removing_config, removing_request };
        Step step = Step::waiting;
        bool failed = false;  // a broker could not delete; tried again when it comes back
        std::set<std::pair<kafka::TopicPartition, std::int32_t>>
            expected;  // replicas not confirmed
    };
    struct IdRequest {
        ControlToken token;
        std::int32_t broker_id = -1;
    };
    struct Shutdown {
        ControlToken token;
        std::int32_t broker_id = -1;
    };

    // controller.cc: being elected, loading, requests of brokers
    ControlEffects finish();
    WriteTicket write(std::vector<zk::MultiOp> ops, Pending pending);
    zk::CheckOp epoch_check() const;
    void elect(const ControllerView& view, WallTime now);
    void become(std::int32_t epoch, std::int32_t epoch_version);
    void activate();
    void resign();
    void moved();
    void finished(const PendingElection& pending, zk::ErrorCode error);
    void finished(const PendingProducerIds& pending, zk::ErrorCode error);
    bool broker_is_current(std::int32_t broker_id, std::int64_t broker_epoch,
                           kafka::ErrorCode& error) const;
    void answer_shutdowns();

    // controller_partitions.cc: brokers and partitions
    void remove_dead_brokers();
    void add_fresh_brokers();
    void connect(std::int32_t broker_id);
    void reconcile();
    void reconcile_topic(const std::string& name, TopicInfo& topic);
    void write_topic_id(const std::string& name, TopicInfo& topic);
    using NextStates = std::vector<std::pair<std::int32_t, PartitionState>>;
    void write_states(const std::string& name, TopicInfo& topic, const NextStates& next);
    ElectionInput election_input(const TopicInfo& topic, const PartitionInfo& partition) const;
    void finished(const PendingStates& pending, zk::ErrorCode error);
    void finished(const PendingTopicId& pending, zk::ErrorCode error);
    void flush_requests();
    void read_topic(const std::string& topic);

    // controller_deletion.cc
    void progress_deletions();
    void start_deletion(const std::string& name, const TopicInfo& topic, Deletion& deletion);
    void delete_tree(const std::string& path, const std::string& topic);
    void finished(const PendingRemoval& pending, zk::ErrorCode error);
    void finished(const PendingAny&, zk::ErrorCode) {}

    ControllerOptions x_options;
    Random& x_random;
    Phase x_phase = Phase::idle;
    std::int32_t x_controller_id = -1;
    std::int32_t x_epoch = 0;          // ours, or the one we run for
    std::int32_t x_epoch_version = 0;  // of the node /controller_epoch

    ClusterState x_state;
    std::set<std::int32_t> x_live;  // ids of x_state.brokers, for elections
    std::optional<std::map<std::int32_t, LiveBroker>> x_read_brokers;  // as last read
    bool x_topics_read = false;
    bool x_deletions_read = false;
    std::set<std::string> x_topic_reads;  // under way
    std::set<std::string> x_dirty;        // topics to compare
    std::map<std::string, Deletion> x_deletions;
    ControlRequests x_requests;
    ControlEffects x_effects;
    std::map<WriteTicket, Pending> x_writes;
    WriteTicket x_next_ticket{1};
    std::deque<IdRequest> x_id_requests;
    bool x_ids_under_way = false;
    std::vector<Shutdown> x_shutdowns;
};

}  // namespace millrace::broker::controller
