// Controllers over one ZooKeeper in memory, for tests. Every broker is a host that performs what its controller asks for;
// watches and answers arrive as separate events, so that a test can stop a host between any two of them.
#pragma once

#include "broker/controller/controller.h"
#include "broker/controller/zk_paths.h"
#include "tests/unit/broker_controller_zookeeper.h"

namespace millrace::broker::controller {

class Cluster;

class Host {
 public:
    Host(std::int32_t broker_id, Cluster& cluster);
    void take(ControlEffects effects) {
        for (ControlEffect& effect : effects) {
            log.push_back(to_string(effect));
            queue.push_back(std::move(effect));
        }
        const auto broken = controller.invariants();
        INFO(broken.value_or(""));
        REQUIRE_FALSE(broken);
    }
    bool step();  // performs one effect
    bool sent(const std::string& text) const {
        return std::ranges::any_of(
            log, [&](const std::string& line) { return line.find(text) != std::string::npos; });
    }
    std::size_t position(const std::string& text) const {
        const auto at = std::ranges::find_if(
            log, [&](const std::string& line) { return line.find(text) != std::string::npos; });
        return static_cast<std::size_t>(at - log.begin());
    }

    std::int32_t id;
    std::int64_t session;
    Cluster& cluster;
    Random random;
    Controller controller;
    std::deque<ControlEffect> queue;
    std::vector<std::string> log;
    bool stopped = false;

 private:
    void perform(const ControlEffect& effect);
    void read_topic(const std::string& name);
};

class Cluster {
 public:
    Cluster() {
        for (const std::string& path : paths::persistent()) {
            zk.put(path, {});
        }
        zk.put("/controller_epoch", encode_controller_epoch(0));
    }
    Host& start(std::int32_t id) {
        auto& host = hosts[id];
        host = std::make_unique<Host>(id, *this);
        reg(*host);
        host->take(host->controller.start());
        return *host;
    }
    void reg(Host& host) {
        BrokerRegistration record;
        record.endpoints = {{"INTERNAL", "host", 9092 + host.id, SecurityProtocol::plaintext}};
        zk.put(paths::broker(host.id), encode(record), host.session);
        fire(Watched::brokers);
    }
    // The process dies: nothing it has asked for happens any more, and its session ends.
    void kill(std::int32_t id) {
        hosts.at(id)->stopped = true;
        zk.end_session(hosts.at(id)->session);
        fire(Watched::brokers);
        fire(Watched::controller);
    }
    // The broker goes, the controller in it stays.
    void lose_broker(std::int32_t id) {
        zk.nodes.erase(paths::broker(id));
        fire(Watched::brokers);
    }
    void create(const std::string& name, const std::string& json) {
        zk.put(paths::topic(name), to_bytes(json));
        fire(Watched::topics);
    }
    void request_deletion(const std::string& name) {
        zk.put(paths::delete_topic(name), {});
        fire(Watched::deletions);
    }
    void fire(Watched what, const std::string& topic = {}) {
        for (auto& [id, host] : hosts) {
            if (!host->stopped) {
                host->take(host->controller.changed(what, topic));
            }
        }
    }
    void run() {
        for (int i = 0; i < 10'000; ++i) {
            bool any = false;
            for (auto& [id, host] : hosts) {
                any = host->step() || any;
            }
            if (!any) {
                return;
            }
        }
        FAIL("the cluster does not come to rest");
    }
    Host* active() {
        Host* found = nullptr;
        for (auto& [id, host] : hosts) {
            if (!host->stopped && host->controller.is_active()) {
                REQUIRE(found == nullptr);
                found = host.get();
            }
        }
        return found;
    }

    Zookeeper zk;
    std::map<std::int32_t, std::unique_ptr<Host>> hosts;
    std::int64_t next_session = 1;
    kafka::ErrorCode stop_replica_error = kafka::ErrorCode::none;
    bool delete_topics = true;
};

inline Host::Host(std::int32_t broker_id, Cluster& owner)
    : id(broker_id),
      session(owner.next_session++),
      cluster(owner),
      random(static_cast<std::uint64_t>(broker_id)),
      controller(
          ControllerOptions{
              .broker_id = broker_id, .listener = "INTERNAL", .delete_topics = owner.delete_topics},
          random) {}

inline bool Host::step() {
    if (stopped || queue.empty()) {
        return false;
    }
    const ControlEffect effect = std::move(queue.front());
    queue.pop_front();
    perform(effect);
    return true;
}

inline void Host::read_topic(const std::string& name) {
    const auto at = cluster.zk.nodes.find(paths::topic(name));
    if (at == cluster.zk.nodes.end()) {
        take(controller.topic_read(name, std::nullopt));
        return;
    }
    TopicView view;
    view.record = *decode_topic(at->second.data);
    view.node_version = at->second.version;
    view.partitions_node_exists = cluster.zk.nodes.contains(paths::partitions(name));
    for (const std::string& child : cluster.zk.children(paths::partitions(name))) {
        const std::int32_t number = std::stoi(child);
        view.partition_nodes.insert(number);
        if (const auto state = cluster.zk.state(name, number)) {
            view.states.emplace(number, *state);
        }
    }
    take(controller.topic_read(name, view));
}

inline void Host::perform(const ControlEffect& effect) {
    Zookeeper& zk = cluster.zk;
    if (std::holds_alternative<ReadController>(effect)) {
        ControllerView view;
        const auto at = zk.nodes.find("/controller");
        if (at != zk.nodes.end()) {
            view.record = *decode_controller(at->second.data);
            view.ours = at->second.owner == session;
        }
        const Node& epoch = zk.nodes.at("/controller_epoch");
        view.epoch = *decode_controller_epoch(epoch.data);
        view.epoch_version = epoch.version;
        take(controller.controller_read(view, {1}));
    } else if (std::holds_alternative<ReadBrokers>(effect)) {
        std::map<std::int32_t, LiveBroker> brokers;
        for (const std::string& child : zk.children(paths::kBrokerIds)) {
            const Node& node = zk.nodes.at(paths::broker(std::stoi(child)));
            brokers[std::stoi(child)] = {*decode_broker(node.data), node.czxid};
        }
        take(controller.brokers_read(std::move(brokers)));
    } else if (std::holds_alternative<ReadTopics>(effect)) {
        take(controller.topics_read(zk.children(paths::kTopics)));
    } else if (const auto* topic = std::get_if<ReadTopic>(&effect)) {
        read_topic(topic->topic);
    } else if (std::holds_alternative<ReadDeletions>(effect)) {
        take(controller.deletions_read(zk.children(paths::kDeleteTopics)));
    } else if (std::holds_alternative<ReadProducerIds>(effect)) {
        const Node& node = zk.nodes.at(std::string(paths::kProducerIdBlock));
        const auto block = decode_producer_id_block(node.data);
        take(controller.producer_ids_read(block ? std::optional(*block) : std::nullopt,
                                          node.version));
    } else if (const auto* write = std::get_if<Write>(&effect)) {
        zk::MultiResults results;
        const zk::ErrorCode error = zk.apply(write->ops, session, results);
        take(controller.written(write->ticket, error, results));
    } else if (const auto* tree = std::get_if<DeleteTree>(&effect)) {
        zk::MultiResults results;
        const zk::ErrorCode error = zk.apply({tree->epoch}, session, results);
        if (error == zk::ErrorCode::ok) {
            std::erase_if(zk.nodes, [&](const auto& node) {
                return node.first == tree->path || node.first.starts_with(tree->path + "/");
            });
        }
        take(controller.written(tree->ticket, error, results));
        cluster.fire(Watched::topics);
    } else if (const auto* send = std::get_if<Send>(&effect)) {
        const auto* stop = std::get_if<kafka::StopReplicaRequest>(&send->request);
        if (stop == nullptr) {
            return;
        }
        kafka::StopReplicaResponse response;
        response.error_code = static_cast<std::int16_t>(cluster.stop_replica_error);
        take(controller.stop_replica_answered(send->broker_id, *stop, response));
    }
}

constexpr const char* kOrders =
    R"({"version":3,"topic_id":"CbYPrXjGRc6cjM5MdPgbEA","partitions":{"0":[1],"1":[2]}})";

}  // namespace millrace::broker::controller
