// What Kafka 3.9 writes into ZooKeeper nodes, as typed values. Reading is tolerant (unknown fields and older versions pass);
// writing gives the fields, types and versions of Kafka 3.9 in ZooKeeper mode.
// Every decode fails with malformed, naming the node's kind.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/result.h"
#include "lib/kafka/ids.h"
#include "lib/kafka/uuid.h"

namespace millrace::broker::controller {

// The protocol's numbers: they travel in UpdateMetadata.
enum class SecurityProtocol : std::int16_t {
    plaintext = 0,
    ssl = 1,
    sasl_plaintext = 2,
    sasl_ssl = 3
};

// "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL".
std::string_view name_of(SecurityProtocol protocol);
std::optional<SecurityProtocol> security_protocol_of(std::string_view name);

struct Endpoint {
    std::string listener;
    std::string host;  // empty when the node has none
    std::int32_t port = 0;
    SecurityProtocol protocol = SecurityProtocol::plaintext;

    bool operator==(const Endpoint&) const = default;
};

// /brokers/ids/N, version 5. The broker epoch is not in it: it is the czxid of the node.
struct BrokerRegistration {
    std::vector<Endpoint> endpoints;
    std::int32_t jmx_port = -1;
    std::int64_t timestamp = 0;  // milliseconds
    std::optional<std::string> rack;

    bool operator==(const BrokerRegistration&) const = default;
};
Bytes encode(const BrokerRegistration& record);
Result<BrokerRegistration> decode_broker(BytesView json);

// /controller.
struct ControllerRecord {
    std::int32_t broker_id = -1;
    std::int64_t timestamp = 0;                // milliseconds
    std::int32_t kraft_controller_epoch = -1;  // above 0: a KRaft migration owns the cluster

    bool operator==(const ControllerRecord&) const = default;
};
Bytes encode(const ControllerRecord& record);
Result<ControllerRecord> decode_controller(BytesView json);

// /controller_epoch: decimal digits.
Bytes encode_controller_epoch(std::int32_t epoch);
Result<std::int32_t> decode_controller_epoch(BytesView text);

struct PartitionAssignment {
    std::vector<std::int32_t>
        replicas;  // in order of preference; during a reassignment old and new ones
    std::vector<std::int32_t> adding;
    std::vector<std::int32_t> removing;

    bool operator==(const PartitionAssignment&) const = default;
};

// /brokers/topics/T, version 3.
struct TopicRecord {
    kafka::Uuid id;  // zero: written by an old tool; the controller gives the topic an id
    std::map<std::int32_t, PartitionAssignment> partitions;

    bool operator==(const TopicRecord&) const = default;
};
Bytes encode(const TopicRecord& record);
Result<TopicRecord> decode_topic(BytesView json);

enum class LeaderRecoveryState : std::int8_t { recovered = 0, recovering = 1 };

constexpr std::int32_t kNoLeader = -1;
constexpr std::int32_t kLeaderDuringDelete = -2;

// /brokers/topics/T/partitions/P/state. partition_epoch is the version of the node and not part of its text.
struct PartitionState {
    std::int32_t leader = kNoLeader;
    std::int32_t leader_epoch = 0;
    std::int32_t controller_epoch = 0;
    std::vector<std::int32_t> isr;
    LeaderRecoveryState recovery = LeaderRecoveryState::recovered;
    std::int32_t partition_epoch = 0;

    bool operator==(const PartitionState&) const = default;
};
Bytes encode(const PartitionState& record);
Result<PartitionState> decode_partition_state(BytesView json, std::int32_t node_version);

// /cluster/id.
Bytes encode_cluster_id(const kafka::Uuid& id);
Result<std::string> decode_cluster_id(BytesView json);

// /config/<type>/<entity>.
using ConfigMap = std::map<std::string, std::string>;
Bytes encode_config(const ConfigMap& config);
// An empty node reads as no settings.
Result<ConfigMap> decode_config(BytesView json);

// /config/changes/config_change_N: "topics/T", "brokers/1", "brokers/<default>", ….
Bytes encode_config_change(std::string_view entity_path);
// Version 1, which old tools write, is turned into the same form.
Result<std::string> decode_config_change(BytesView json);

// /latest_producer_id_block. Both ends are included.
struct ProducerIdBlock {
    std::int32_t broker_id = -1;
    std::int64_t first = 0;
    std::int64_t last = 0;

    bool operator==(const ProducerIdBlock&) const = default;
};
Bytes encode(const ProducerIdBlock& record);
Result<ProducerIdBlock> decode_producer_id_block(BytesView json);

// /feature. A cluster of inter.broker.protocol.version 3.3 and above writes version 2.
struct FeatureRecord {
    bool enabled = true;
    std::map<std::string, std::int16_t> features;  // highest finalized level by name

    bool operator==(const FeatureRecord&) const = default;
};
Bytes encode(const FeatureRecord& record);
Result<FeatureRecord> decode_feature(BytesView json);

// The partitions named in /isr_change_notification/…, /admin/preferred_replica_election and /admin/reassign_partitions.
Result<std::vector<kafka::TopicPartition>> decode_partition_list(BytesView json);

// /log_dir_event_notification/…: the broker that lost a log directory.
Bytes encode_log_dir_event(std::int32_t broker_id);
Result<std::int32_t> decode_log_dir_event(BytesView json);

}  // namespace millrace::broker::controller
