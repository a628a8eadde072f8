// Topics made, grown and deleted by way of ZooKeeper.
#include "broker/controller/topic_writes.h"
#include "tests/unit/broker_controller_cluster.h"

using namespace millrace;
using namespace millrace::broker::controller;

TEST_CASE("a deleted topic goes replicas first and request last") {
    Cluster cluster;
    Host& one = cluster.start(1);
    cluster.start(2);
    cluster.create("orders", kOrders);
    cluster.zk.put(paths::config(paths::topic_entity("orders")), encode_config({}));
    cluster.run();
    cluster.request_deletion("orders");
    cluster.run();
    REQUIRE(one.sent("orders-0 leader=-2"));
    const std::size_t stop = one.position("send 1 StopReplica orders-0 epoch=-2");
    const std::size_t erase = one.position("send 1 StopReplica orders-0 epoch=-2 delete");
    REQUIRE(stop < erase);
    REQUIRE(one.position("leader=-2") < stop);
    REQUIRE(erase < one.position("delete tree"));
    for (const auto& [path, node] : cluster.zk.nodes) {
        REQUIRE(path.find("orders") == std::string::npos);
    }
    REQUIRE(cluster.active()->controller.state().topics.empty());
}

TEST_CASE("a topic is not deleted while one of its brokers is down") {
    Cluster cluster;
    cluster.start(1);
    cluster.run();
    cluster.start(2);
    cluster.create("orders", kOrders);
    cluster.run();
    cluster.kill(2);
    cluster.run();
    cluster.request_deletion("orders");
    cluster.run();
    REQUIRE(cluster.zk.nodes.contains(paths::topic("orders")));
    cluster.start(2);
    cluster.run();
    REQUIRE_FALSE(cluster.zk.nodes.contains(paths::topic("orders")));
    REQUIRE_FALSE(cluster.zk.nodes.contains(paths::delete_topic("orders")));
}

TEST_CASE("a broker that cannot delete is asked again when it comes back") {
    Cluster cluster;
    cluster.start(1);
    cluster.run();
    cluster.start(2);
    cluster.create("orders", kOrders);
    cluster.run();
    cluster.stop_replica_error = kafka::ErrorCode::kafka_storage_error;
    cluster.request_deletion("orders");
    cluster.run();
    REQUIRE(cluster.zk.nodes.contains(paths::topic("orders")));
    cluster.stop_replica_error = kafka::ErrorCode::none;
    cluster.kill(2);
    cluster.run();
    cluster.start(2);
    cluster.run();
    REQUIRE_FALSE(cluster.zk.nodes.contains(paths::topic("orders")));
}

TEST_CASE("a successor finishes the deletion that its predecessor began") {
    for (int effects = 1; effects < 40; ++effects) {
        Cluster cluster;
        Host& one = cluster.start(1);
        cluster.run();
        cluster.start(2);
        cluster.create("orders", kOrders);
        cluster.run();
        cluster.request_deletion("orders");
        for (int i = 0; i < effects; ++i) {
            one.step();
        }
        cluster.kill(1);
        cluster.run();
        cluster.start(1);
        cluster.run();
        INFO(effects);
        REQUIRE_FALSE(cluster.zk.nodes.contains(paths::topic("orders")));
        REQUIRE_FALSE(cluster.zk.nodes.contains(paths::delete_topic("orders")));
    }
}

TEST_CASE("a request to delete a topic that is not there is removed") {
    Cluster cluster;
    cluster.start(1);
    cluster.request_deletion("ghost");
    cluster.run();
    REQUIRE_FALSE(cluster.zk.nodes.contains(paths::delete_topic("ghost")));
}

TEST_CASE("delete.topic.enable=false only removes the request") {
    Cluster cluster;
    cluster.delete_topics = false;
    cluster.start(1);
    cluster.create("orders",
                   R"({"version":3,"topic_id":"CbYPrXjGRc6cjM5MdPgbEA","partitions":{"0":[1]}})");
    cluster.request_deletion("orders");
    cluster.run();
    REQUIRE(cluster.zk.nodes.contains(paths::topic("orders")));
    REQUIRE_FALSE(cluster.zk.nodes.contains(paths::delete_topic("orders")));
}

TEST_CASE("random deaths, births, creations and deletions end in a cluster where all is led") {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        INFO(seed);
        Cluster cluster;
        Random dice(seed);
        for (std::int32_t id = 1; id <= 3; ++id) {
            cluster.start(id);
        }
        for (int i = 0; i < 150; ++i) {
            const auto id = static_cast<std::int32_t>(dice.between(1, 3));
            const std::string name = fmt::format("t{}", dice.below(4));
            switch (dice.below(8)) {
                case 0:
                    if (!cluster.hosts.at(id)->stopped) {
                        cluster.kill(id);
                    }
                    break;
                case 1:
                    if (cluster.hosts.at(id)->stopped) {
                        cluster.start(id);
                    }
                    break;
                case 2:
                    if (!cluster.zk.nodes.contains(paths::topic(name))) {
                        cluster.create(
                            name,
                            fmt::format(R"({{"version":1,"partitions":{{"0":[{}],"1":[1,2,3]}}}})",
                                        id));
                    }
                    break;
                case 3:
                    if (cluster.zk.nodes.contains(paths::topic(name))) {
                        cluster.request_deletion(name);
                    }
                    break;
                default:
                    for (auto& [each, host] : cluster.hosts) {
                        for (std::uint64_t n = dice.below(6); n > 0; --n) {
                            host->step();
                        }
                    }
            }
        }
        for (std::int32_t id = 1; id <= 3; ++id) {
            if (cluster.hosts.at(id)->stopped) {
                cluster.start(id);
            }
        }
        cluster.run();
        REQUIRE(cluster.active() != nullptr);
        REQUIRE(cluster.zk.children(paths::kDeleteTopics).empty());
        for (const std::string& name : cluster.zk.children(paths::kTopics)) {
            REQUIRE(cluster.zk.state(name, 0)->leader > 0);
            REQUIRE(cluster.zk.state(name, 1)->leader > 0);
        }
    }
}

TEST_CASE("a topic planned by any broker and written to ZooKeeper is led") {
    Cluster cluster;
    cluster.start(1);
    cluster.run();
    Random random(9);
    const std::set<std::string, std::less<>> none;
    TopicSpec spec;
    spec.name = "planned";
    spec.partitions = 3;
    spec.configs = {{"retention.ms", "1000"}};
    const auto decision = plan_topic(spec, {.brokers = {1}, .topics = none}, random);
    zk::MultiResults results;
    REQUIRE(cluster.zk.apply(creation_ops(*decision.plan, ConfigNode::absent), 50, results) ==
            zk::ErrorCode::ok);
    // A second broker has planned the same: it finds the first one's settings, and loses nothing.
    REQUIRE(cluster.zk.apply(creation_ops(*decision.plan, ConfigNode::present), 51, results) ==
            zk::ErrorCode::node_exists);
    cluster.fire(Watched::topics);
    cluster.run();
    REQUIRE(cluster.zk.state("planned", 2)->leader == 1);
    const Node& topic = cluster.zk.nodes.at(paths::topic("planned"));
    const auto more = plan_partitions({"planned", 5, std::nullopt}, *decode_topic(topic.data), {1});
    REQUIRE(cluster.zk.apply(
                {zk::SetDataOp{paths::topic("planned"), encode(*more.plan), topic.version}}, 50,
                results) == zk::ErrorCode::ok);
    cluster.fire(Watched::topic, "planned");
    cluster.run();
    REQUIRE(cluster.zk.state("planned", 4)->leader == 1);
    REQUIRE(cluster.zk.apply({zk::CreateOp{paths::delete_topic("planned"), {}, {}}}, 50, results) ==
            zk::ErrorCode::ok);
    cluster.fire(Watched::deletions);
    cluster.run();
    REQUIRE_FALSE(cluster.zk.nodes.contains(paths::topic("planned")));
    REQUIRE_FALSE(cluster.zk.nodes.contains(paths::config(paths::topic_entity("planned"))));
}

TEST_CASE("settings are written over those they were made from, with a notice") {
    Cluster cluster;
    cluster.start(1);
    cluster.run();
    zk::MultiResults results;
    const ConfigWrite first{paths::broker_entity(1), {{"log.retention.ms", "5"}}, std::nullopt};
    REQUIRE(cluster.zk.apply(config_ops(first), 50, results) == zk::ErrorCode::ok);
    REQUIRE(cluster.zk.apply(config_ops(first), 50, results) == zk::ErrorCode::node_exists);
    // The fake gives no sequence numbers.
    cluster.zk.nodes.erase(std::string(paths::kConfigChangePrefix));
    const ConfigWrite second{paths::broker_entity(1), {}, 0};
    REQUIRE(cluster.zk.apply(config_ops(second), 50, results) == zk::ErrorCode::ok);
    REQUIRE(cluster.zk.apply(config_ops(second), 50, results) == zk::ErrorCode::bad_version);
    REQUIRE(decode_config(cluster.zk.nodes.at("/config/brokers/1").data)->empty());
    REQUIRE(*decode_config_change(
                cluster.zk.nodes.at(std::string(paths::kConfigChangePrefix)).data) == "brokers/1");
}
