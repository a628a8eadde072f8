// Gives the controller core its hands: reads and writes of the coordinators, one channel to each broker, answers to requests.
// Every broker has one; it controls only while it is elected.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "broker/controller/controller.h"
#include "lib/kafka/client.h"
#include "lib/runtime/runtime.h"
#include "lib/zk/client.h"

namespace millrace::broker::server {

struct ControllerLinkOptions {
    controller::ControllerOptions core;
    Duration request_timeout = 30s;  // controller.socket.timeout.ms
    // Whether a topic may be led by a replica out of sync; asked when the topic is read.
    std::function<bool(const std::string& topic)> unclean_election;
    // Told when another broker, or none (-1), became the controller.
    std::function<void(std::int32_t broker_id)> on_controller;
    // Told after each step of the core.
    std::function<void()> on_step;
};

class ControllerLink {
 public:
    ControllerLink(runtime::Runtime runtime, ControllerLinkOptions options);
    ~ControllerLink();
    ControllerLink(const ControllerLink&) = delete;
    ControllerLink& operator=(const ControllerLink&) = delete;

    // A session is there; the client stays valid until session_expired or the end.
    void start(zk::Client& client);
    void session_expired();

    const controller::Controller& core() const { return x_core; }
    void controlled_shutdown(std::int32_t broker_id, std::int64_t broker_epoch,
                             std::function<void(controller::ShutdownAnswer)> then);
    void allocate_producer_ids(std::int32_t broker_id, std::int64_t broker_epoch,
                               std::function<void(controller::ProducerIdsAnswer)> then);

 private:
    // Requests to one broker, first in, first out; the first one is tried until it is answered or the broker goes.
    struct Channel {
        std::unique_ptr<kafka::Client> client;
        std::deque<controller::ControlRequest> queue;
        bool busy = false;
        runtime::TimerId retry = runtime::TimerId::none;
    };

    void perform(controller::ControlEffects effects);
    void perform(const controller::ReadController&);
    void perform(const controller::ReadBrokers&);
    void perform(const controller::ReadTopics&);
    void perform(const controller::ReadTopic& effect);
    void perform(const controller::ReadDeletions&);
    void perform(const controller::ReadProducerIds&);
    void perform(controller::Write& effect);
    void perform(const controller::DeleteTree& effect);
    void perform(const controller::ClearNotifications& effect);
    void perform(const controller::Connect& effect);
    void perform(const controller::Disconnect& effect);
    void perform(controller::Send& effect);
    void perform(const controller::Answer& effect);
    void perform(const controller::Elected& effect);
    void perform(const controller::Resigned&);

    zk::Watcher watcher(controller::Watched what, const std::string& topic = {});
    void read_epoch(controller::ControllerView view);
    void read_states(const std::string& topic, std::shared_ptr<controller::TopicView> view);
    void delete_all(const std::string& path, const zk::CheckOp& epoch,
                    std::function<void(zk::ErrorCode)> then);
    void clear_children(const std::string& path, const zk::CheckOp& epoch);
    void pump(std::int32_t broker_id);
    template <class Request>
    void transmit(std::int32_t broker_id, const Request& request, std::int16_t version);
    void sent(std::int32_t broker_id, bool answered);
    void tell_controller();

    runtime::Runtime x_runtime;
    ControllerLinkOptions x_options;
    controller::Controller x_core;
    zk::Client* x_client = nullptr;
    std::map<std::int32_t, Channel> x_channels;
    std::uint64_t x_next_token = 1;
    std::map<std::uint64_t, std::function<void(const controller::Answer&)>> x_waiting;
    std::int32_t x_told_controller = -1;
    // Replaced with each session: what belongs to an older one finds it gone.
    std::shared_ptr<int> x_session;
};

}  // namespace millrace::broker::server
