// Collects what brokers must be told and builds LeaderAndIsr, UpdateMetadata and StopReplica from it, in the formats of
// inter.broker.protocol.version 3.9 (versions 7, 8 and 4). One request of each kind per broker and flush, in this order.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "broker/controller/cluster_state.h"
#include "lib/kafka/controller.h"

namespace millrace::broker::controller {

constexpr std::int16_t kLeaderAndIsrVersion = 7;
constexpr std::int16_t kUpdateMetadataVersion = 8;
constexpr std::int16_t kStopReplicaVersion = 4;

using ControlRequest = std::variant<kafka::LeaderAndIsrRequest, kafka::UpdateMetadataRequest,
                                    kafka::StopReplicaRequest>;

struct ControlSend {
    std::int32_t broker_id = -1;
    ControlRequest request;
};

class ControlRequests {
 public:
    struct Sender {
        std::int32_t controller_id = -1;
        std::int32_t controller_epoch = 0;
        std::string listener;  // where controllers reach brokers
    };

    // is_new: the replica is made now, so that a broker with a failed disk may create it.
    void leader_and_isr(std::int32_t broker_id, const kafka::TopicPartition& at, bool is_new);
    // To one broker, or to all; without partitions it tells of brokers only.
    void update_metadata(std::int32_t broker_id, const kafka::TopicPartition& at);
    void update_metadata(const kafka::TopicPartition& at) { x_metadata_for_all.insert(at); }
    void update_brokers(std::int32_t broker_id) { x_metadata.try_emplace(broker_id); }
    void update_brokers() { x_metadata_to_all = true; }
    // Tells all brokers that a partition is going away.
    void announce_deletion(const kafka::TopicPartition& at) { x_deleting.insert(at); }
    void stop_replica(std::int32_t broker_id, const kafka::TopicPartition& at, bool with_log);

    // What is collected, by broker id within each kind; requests to brokers that are not live are dropped.
    std::vector<ControlSend> flush(const ClusterState& state, const Sender& sender);
    void clear() { *this = ControlRequests(); }

 private:
    using Partitions = std::set<kafka::TopicPartition>;

    void build_leader_and_isr(const ClusterState& state, const Sender& sender,
                              std::vector<ControlSend>& out) const;
    void build_metadata(const ClusterState& state, const Sender& sender,
                        std::vector<ControlSend>& out) const;
    void build_stop(const ClusterState& state, const Sender& sender,
                    std::vector<ControlSend>& out) const;

    std::map<std::int32_t, std::map<kafka::TopicPartition, bool>> x_leader_and_isr;
    std::map<std::int32_t, Partitions> x_metadata;
    Partitions x_metadata_for_all;
    bool x_metadata_to_all = false;
    Partitions x_deleting;
    // First those that only stop, then those that also delete: a log must be closed everywhere before it goes.
    std::map<std::int32_t, Partitions> x_stops;
    std::map<std::int32_t, Partitions> x_deletes;
};

}  // namespace millrace::broker::controller
