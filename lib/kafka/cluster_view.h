// What a client knows of a cluster: the brokers and leaders that Metadata responses told.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/kafka/error_code.h"
#include "lib/kafka/ids.h"
#include "lib/kafka/metadata.h"
#include "lib/runtime/network.h"

namespace millrace::kafka {

class ClusterView {
 public:
    // Topics kept at most; above, all are forgotten and asked for again.
    static constexpr std::size_t kTopicsMax = 4096;

    struct Partition {
        BrokerId leader = kNoBroker;
        LeaderEpoch leader_epoch = kNoLeaderEpoch;
        std::vector<BrokerId> replicas;
        std::vector<BrokerId> isr;
    };
    struct Topic {
        ErrorCode error = ErrorCode::none;
        Uuid id;
        std::map<PartitionId, Partition> partitions;
    };

    // Takes brokers, controller and cluster id as they are, and replaces the topics named.
    void merge(const MetadataResponse& response);

    const std::map<BrokerId, runtime::Endpoint>& brokers() const { return x_brokers; }
    const std::optional<std::string>& cluster_id() const { return x_cluster_id; }
    BrokerId controller() const { return x_controller; }
    void forget_controller() { x_controller = kNoBroker; }
    void forget_topic(const std::string& topic) { x_topics.erase(topic); }

    // Null when unknown.
    const Topic* topic(const std::string& name) const;
    // kNoBroker when unknown or when there is none.
    BrokerId leader(const TopicPartition& of) const;
    std::optional<runtime::Endpoint> endpoint(BrokerId broker) const;

 private:
    std::map<BrokerId, runtime::Endpoint> x_brokers;
    std::optional<std::string> x_cluster_id;
    BrokerId x_controller = kNoBroker;
    std::map<std::string, Topic> x_topics;
};

}  // namespace millrace::kafka
