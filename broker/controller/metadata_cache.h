// What one broker knows of the cluster: filled by UpdateMetadata from the controller, asked by Metadata, FindCoordinator and
// everybody who looks for a leader. One owner; others get copies or ask on its loop.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/controller/zk_records.h"
#include "lib/kafka/controller.h"
#include "lib/kafka/error_code.h"
#include "lib/kafka/uuid.h"

namespace millrace::broker::controller {

struct CachedPartition {
    std::int32_t leader = kNoLeader;
    std::int32_t leader_epoch = -1;
    std::int32_t controller_epoch = -1;
    std::int32_t partition_epoch = -1;
    std::vector<std::int32_t> replicas;
    std::vector<std::int32_t> isr;
    std::vector<std::int32_t> offline_replicas;  // as the controller sees it

    bool operator==(const CachedPartition&) const = default;
};

struct CachedTopic {
    kafka::Uuid id;  // zero: none
    std::map<std::int32_t, CachedPartition> partitions;
};

struct CachedBroker {
    std::map<std::string, Endpoint> endpoints;  // by listener
    std::optional<std::string> rack;
};

// One partition as the Metadata API shows it to the clients of one listener.
struct PartitionView {
    std::int32_t partition = 0;
    kafka::ErrorCode error = kafka::ErrorCode::none;
    std::int32_t leader = kNoLeader;
    std::int32_t leader_epoch = -1;
    std::vector<std::int32_t> replicas;
    std::vector<std::int32_t> isr;
    std::vector<std::int32_t> offline_replicas;
};

struct BrokerView {
    std::int32_t id = -1;
    std::string host;
    std::int32_t port = -1;
    std::optional<std::string> rack;
};

class MetadataCache {
 public:
    // What one UpdateMetadata changed.
    struct Change {
        std::vector<kafka::TopicPartition> removed;
        std::set<std::string> removed_topics;
    };
    // Any version of the request. Brokers and controller are replaced as a whole, partitions are merged in.
    Change apply(const kafka::UpdateMetadataRequest& request);

    // -1: none known.
    std::int32_t controller_id() const { return x_controller_id; }
    // For a broker that sees /controller change before the next UpdateMetadata.
    void set_controller_id(std::int32_t broker_id) { x_controller_id = broker_id; }

    // Brokers that serve the listener, by id.
    std::vector<BrokerView> brokers(const std::string& listener) const;
    std::optional<BrokerView> broker(std::int32_t broker_id, const std::string& listener) const;
    bool is_alive(std::int32_t broker_id) const { return x_brokers.contains(broker_id); }
    const std::map<std::int32_t, CachedBroker>& all_brokers() const { return x_brokers; }

    const std::map<std::string, CachedTopic, std::less<>>& topics() const { return x_topics; }
    const CachedTopic* topic(std::string_view name) const;
    // nullptr: no topic has the id.
    const std::string* topic_name(const kafka::Uuid& id) const;
    const CachedPartition* partition(std::string_view topic, std::int32_t partition) const;
    // 0: no such topic.
    std::size_t partition_count(std::string_view topic) const;

    // The partitions of a topic as a client of this listener sees them: leader_not_available without a leader or without its
    // endpoint (listener_not_found from Metadata v6), replica_not_available only as Metadata v0 reports it.
    struct ViewOptions {
        std::string listener;
        bool unavailable_endpoints_are_errors = false;  // Metadata v0
        bool missing_listener_is_error = false;         // Metadata v6 and later
    };
    std::vector<PartitionView> view(const CachedTopic& topic, const ViewOptions& options) const;

    std::optional<std::string> invariants() const;

 private:
    void put(const std::string& topic, const kafka::UpdateMetadataPartition& state);
    void remove(const std::string& topic, std::int32_t partition, Change& change);
    void set_id(CachedTopic& topic, const std::string& name, const kafka::Uuid& id);
    bool reachable(std::int32_t broker_id, const std::string& listener) const;

    std::int32_t x_controller_id = -1;
    std::map<std::int32_t, CachedBroker> x_brokers;
    std::map<std::string, CachedTopic, std::less<>> x_topics;
    std::map<kafka::Uuid, std::string> x_names;
};

}  // namespace millrace::broker::controller
