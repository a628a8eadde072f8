// What API handlers change in the cluster, carried out in the coordinators: topics, their partitions and settings, producer
// ids. In ZooKeeper mode a broker writes the znodes, and the controller's watches do the rest.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "broker/api/services.h"
#include "broker/controller/topic_writes.h"
#include "broker/server/controller_link.h"
#include "broker/server/dynamic_configs.h"

namespace millrace::broker::server {

class ClusterLink : public api::Cluster {
 public:
    // All references outlive the link.
    ClusterLink(runtime::Loop& loop, const controller::BrokerConfig& config,
                controller::MetadataCache& metadata, ControllerLink& controller,
                DynamicConfigs& configs);
    ~ClusterLink() override;

    void attach(zk::Client& client) { x_client = &client; }
    void detach() { x_client = nullptr; }
    void set_broker_id(std::int32_t broker_id) { x_broker_id = broker_id; }
    // The metadata or the state of the controller has changed: requests that wait for topics to come or go are looked at.
    void cluster_changed();

    bool is_controller() const override { return x_controller.core().is_active(); }
    void create_topics(std::vector<controller::TopicSpec> topics, api::CreateOptions options,
                       api::TopicOutcomes then) override;
    void add_partitions(std::vector<controller::MorePartitions> topics, api::CreateOptions options,
                        api::TopicOutcomes then) override;
    void delete_topics(std::vector<std::string> topics, std::int32_t timeout_ms,
                       api::TopicOutcomes then) override;
    const controller::ConfigMap& config_of(const std::string& entity) const override {
        return x_configs.of(entity);
    }
    void refresh_config(std::string entity, std::function<void()> then) override {
        x_configs.refresh(entity, std::move(then));
    }
    void alter_config(std::string entity, api::ConfigChanges changes, bool replace,
                      std::function<void(kafka::ErrorCode, std::string)> then) override;
    void new_producer_id(std::function<void(kafka::ErrorCode, std::int64_t)> then) override;
    void controlled_shutdown(const kafka::ControlledShutdownRequest& request,
                             std::function<void(kafka::ControlledShutdownResponse)> then) override;
    void allocate_producer_ids(
        const kafka::AllocateProducerIdsRequest& request,
        std::function<void(kafka::AllocateProducerIdsResponse)> then) override;

 private:
    // A request over several topics: outcomes as they come in, then the wait for the cluster to follow.
    struct Job {
        std::vector<api::TopicOutcome> outcomes;
        std::size_t open = 1;
        std::int32_t timeout_ms = 0;
        std::function<bool(const api::TopicOutcome&)> settled;  // the cluster shows the change
        api::TopicOutcomes then;
        runtime::TimerId timer = runtime::TimerId::none;
    };
    using JobPtr = std::shared_ptr<Job>;

    void create_topic(const JobPtr& job, std::size_t at, const controller::TopicPlan& plan,
                      controller::ConfigNode config_node);
    void extend_topic(const JobPtr& job, std::size_t at, const controller::MorePartitions& wanted,
                      bool validate_only);
    void fail_outcome(const JobPtr& job, std::size_t at, kafka::ErrorCode error,
                      std::string message);
    void finish_one(const JobPtr& job);
    bool is_settled(const Job& job) const;
    void complete(const JobPtr& job, bool timed_out);
    void fetch_producer_ids();
    void hand_out_producer_ids(kafka::ErrorCode error);
    std::set<std::string, std::less<>> known_topics() const;
    std::vector<std::int32_t> live_brokers() const;

    runtime::Loop& x_loop;
    const controller::BrokerConfig& x_config;
    controller::MetadataCache& x_metadata;
    ControllerLink& x_controller;
    DynamicConfigs& x_configs;
    zk::Client* x_client = nullptr;
    std::int32_t x_broker_id = -1;
    std::list<JobPtr> x_waiting;  // written, not yet visible; each with a timer, so bounded by time
    std::set<std::string, std::less<>> x_being_created;  // automatic ones: asked for once
    std::int64_t x_next_producer_id = 0;
    std::int64_t x_last_producer_id = -1;
    bool x_fetching_ids = false;
    std::deque<std::function<void(kafka::ErrorCode, std::int64_t)>> x_id_waiters;
};

}  // namespace millrace::broker::server
