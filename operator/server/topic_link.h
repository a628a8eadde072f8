// One KafkaCluster as the topics' passes see it: a client of its brokers that observes and changes topics.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/kafka/cluster_client.h"
#include "operator/kube/client.h"
#include "operator/reconcile/plan.h"

namespace millrace::kube_operator::server {

// Why a broker did not do what was asked.
struct TopicRefusal {
    bool unreachable = false;  // nobody answered
    std::string reason;        // UpperCamelCase
    std::string message;       // the broker's own, where it sent one
};

// "INVALID_REPLICATION_FACTOR" as reasons of conditions are spelled: "InvalidReplicationFactor".
std::string reason_of(kafka::ErrorCode code);

class TopicLink {
 public:
    template <class T>
    using Callback = std::move_only_function<void(std::expected<T, TopicRefusal>)>;

    TopicLink(runtime::Loop& loop, runtime::Network& network,
              const std::vector<runtime::Endpoint>& bootstrap);

    // None: the controller knows no such topic.
    void observe(const std::string& topic, Callback<std::optional<reconcile::ObservedTopic>> then);
    // A topic that exists already counts as created; the next look tells what differs.
    void create(const reconcile::CreateTopic& topic, Callback<void> then);
    void add_partitions(const reconcile::AddPartitions& change, Callback<void> then);
    void alter_config(const reconcile::AlterTopicConfig& change, Callback<void> then);
    // A topic that is gone already counts as deleted.
    void remove(const reconcile::DeleteTopic& topic, Callback<void> then);

 private:
    void read_config(const std::string& topic, reconcile::ObservedTopic observed,
                     Callback<std::optional<reconcile::ObservedTopic>> then);

    kafka::ClusterClient x_client;
};

// The links of all clusters. A link is made anew when the set of brokers to start from changes; a pass that still uses the former
// one keeps it alive.
class TopicLinks {
 public:
    TopicLinks(runtime::Loop& loop, runtime::Network& network) : x_loop(loop), x_network(network) {}

    // bootstrap must not be empty.
    std::shared_ptr<TopicLink> find(const kube::ObjectName& cluster,
                                    const std::vector<runtime::Endpoint>& bootstrap);
    void forget(const kube::ObjectName& cluster) { x_links.erase(cluster); }

 private:
    struct Entry {
        std::vector<runtime::Endpoint> bootstrap;
        std::shared_ptr<TopicLink> link;
    };

    runtime::Loop& x_loop;
    runtime::Network& x_network;
    std::map<kube::ObjectName, Entry> x_links;
};

}  // namespace millrace::kube_operator::server
