// One broker from its settings to its end: log directories, session with the coordinators, registration, serving, shutdown.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/api/group_service.h"
#include "broker/controller/registration.h"
#include "broker/server/acceptor.h"
#include "broker/server/cluster_link.h"
#include "broker/server/controller_link.h"
#include "broker/server/dynamic_configs.h"

namespace millrace::broker::server {

// The states of Kafka's BrokerState metric.
enum class BrokerState : std::int8_t {
    not_running = 0,
    starting = 1,
    recovery = 2,
    running = 3,
    pending_shutdown = 6,
    shutting_down = 7,
};

class Node {
 public:
    // runtime outlives the node. on_end gets the exit code: 0 after stop(), else what went wrong is in the log.
    Node(runtime::Runtime runtime, Config config, std::function<void(int)> on_end);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    // Opens the log directories (blocking: recovery), binds the listeners and starts towards the coordinators.
    // Errors: busy, address_in_use, invalid_argument, io_error, disk_full, malformed.
    Status start();
    // Tells the controller, closes the logs in order, ends the session; then on_end(0).
    void stop();

    BrokerState state() const { return x_state; }
    // ok once this broker is part of the cluster's metadata.
    Status ready() const;
    std::int32_t broker_id() const { return x_broker_id; }
    const std::string& cluster_id() const { return x_cluster_id; }
    controller::MetadataCache& metadata() { return x_metadata; }
    replica::ReplicaSet* replicas() { return x_replicas.get(); }
    const ControllerLink* controller() const { return x_controller.get(); }
    const Acceptor& acceptor() const { return x_acceptor; }
    api::GroupService* groups() { return x_groups.get(); }
    // Records that producers have written here.
    std::uint64_t records_in() const { return x_services == nullptr ? 0 : x_services->records_in; }
    // Of the latest controller whose requests were taken; 0 before the first.
    std::int32_t controller_epoch() const {
        return x_services == nullptr ? 0 : x_services->controller_epoch;
    }
    std::vector<log::LogDirectory*> directories();

    runtime::Loop& loop() { return x_runtime.loop; }
    // In force now.
    const Config& config() const { return x_config.in_force(); }

 private:
    Status open_directories();
    void connect();
    void make_chroot(std::size_t length);
    void on_session(zk::SessionEvent event);
    void begin_registration();
    void take_step(const controller::RegistrationStep& step);
    void take_reply(const controller::ZkReply& reply);
    void registered(const controller::Registered& result);
    void make_services();
    void config_changed(const std::string& entity);
    void set_broker_config();
    // To the logs of one topic, or of all.
    void apply_log_configs(const std::optional<std::string>& only);
    void finish_stop();
    void end(int exit_code);

    runtime::Runtime x_runtime;
    controller::BrokerConfig x_config;
    std::function<void(int)> x_on_end;
    BrokerState x_state = BrokerState::not_running;
    Listeners x_listeners;
    std::vector<std::unique_ptr<log::LogDirectory>> x_directories;
    std::unique_ptr<zk::Client> x_client;
    std::unique_ptr<zk::Client> x_chroot_client;
    runtime::TimerId x_connect_timer = runtime::TimerId::none;
    runtime::TimerId x_stop_timer = runtime::TimerId::none;
    std::unique_ptr<controller::Registration> x_registration;
    std::int64_t x_session_id = 0;
    std::int32_t x_broker_id = -1;
    std::int64_t x_broker_epoch = -1;
    std::string x_cluster_id;
    controller::MetadataCache x_metadata;
    DynamicConfigs x_configs;
    std::unique_ptr<ControllerLink> x_controller;
    std::unique_ptr<ClusterLink> x_cluster;
    std::unique_ptr<api::GroupService> x_groups;
    std::unique_ptr<api::Services> x_services;
    // Connections and partitions that go tell waiting fetches, and these need the services: they are the first to go.
    std::unique_ptr<replica::ReplicaSet> x_replicas;
    Acceptor x_acceptor;
    std::unique_ptr<kafka::Client> x_shutdown_client;
    bool x_stopping = false;
    std::shared_ptr<int> x_alive;
};

}  // namespace millrace::broker::server
