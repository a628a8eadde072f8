// Controllers that come and go: election, brokers, partitions, requests of brokers.
#include "tests/unit/broker_controller_cluster.h"

using namespace millrace;
using namespace millrace::broker::controller;

TEST_CASE("of two brokers that race one becomes controller, with epoch 1") {
    Cluster cluster;
    Host& one = cluster.start(1);
    Host& two = cluster.start(2);
    // Both have read that there is no controller before either writes.
    one.step();
    two.step();
    cluster.run();
    REQUIRE(cluster.active() != nullptr);
    REQUIRE(cluster.active()->controller.epoch() == 1);
    REQUIRE(one.controller.controller_id() == two.controller.controller_id());
    REQUIRE(to_text(cluster.zk.nodes.at("/controller_epoch").data) == "1");
    REQUIRE(cluster.zk.nodes.at("/controller_epoch").version == 1);
}

TEST_CASE("brokers hear of each other before the first LeaderAndIsr") {
    Cluster cluster;
    Host& one = cluster.start(1);
    cluster.start(2);
    cluster.create("orders", kOrders);
    cluster.run();
    REQUIRE(one.sent("send 1 LeaderAndIsr orders-0 leader=1 epoch=0 isr=1 new"));
    REQUIRE(one.sent("send 2 LeaderAndIsr orders-1 leader=2 epoch=0 isr=2 new"));
    REQUIRE(one.position("send 1 UpdateMetadata brokers=1") < one.position("LeaderAndIsr"));
    REQUIRE(
        one.sent("send 1 UpdateMetadata brokers=1,2 orders-0 leader=1 epoch=0 orders-1 leader=2"));
}

TEST_CASE("a topic that another tool wrote without states and id is completed") {
    Cluster cluster;
    cluster.start(1);
    cluster.run();
    cluster.create("made.by.hand", R"({"version":1,"partitions":{"0":[1],"1":[1]}})");
    cluster.run();
    REQUIRE(cluster.zk.state("made.by.hand", 0)->leader == 1);
    REQUIRE(cluster.zk.state("made.by.hand", 1)->leader_epoch == 0);
    const auto record = decode_topic(cluster.zk.nodes.at(paths::topic("made.by.hand")).data);
    REQUIRE_FALSE(record->id.is_zero());
    REQUIRE(cluster.active()->controller.state().topic("made.by.hand")->record.id == record->id);
}

TEST_CASE("added partitions get leaders") {
    Cluster cluster;
    cluster.start(1);
    cluster.create("orders",
                   R"({"version":3,"topic_id":"CbYPrXjGRc6cjM5MdPgbEA","partitions":{"0":[1]}})");
    cluster.run();
    Node& node = cluster.zk.nodes.at(paths::topic("orders"));
    node.data = to_bytes(
        R"({"version":3,"topic_id":"CbYPrXjGRc6cjM5MdPgbEA","partitions":{"0":[1],"1":[1]}})");
    ++node.version;
    cluster.fire(Watched::topic, "orders");
    cluster.run();
    REQUIRE(cluster.zk.state("orders", 1)->leader == 1);
    REQUIRE(cluster.zk.state("orders", 0)->leader_epoch == 0);
}

TEST_CASE("a partition with one replica loses its leader with the broker and gets it back") {
    Cluster cluster;
    Host& one = cluster.start(1);
    cluster.run();
    cluster.start(2);
    cluster.create("orders", kOrders);
    cluster.run();
    cluster.kill(2);
    cluster.run();
    auto state = cluster.zk.state("orders", 1);
    REQUIRE(state->leader == kNoLeader);
    REQUIRE(state->isr == std::vector<std::int32_t>{2});
    REQUIRE(state->leader_epoch == 1);
    REQUIRE(one.sent("orders-1 leader=-1 epoch=1"));
    cluster.start(2);
    cluster.run();
    state = cluster.zk.state("orders", 1);
    REQUIRE(state->leader == 2);
    REQUIRE(state->leader_epoch == 2);
    REQUIRE(one.sent("send 2 LeaderAndIsr orders-1 leader=2 epoch=2 isr=2"));
}

TEST_CASE("a broker that came back before its death was noticed dies first") {
    Cluster cluster;
    Host& one = cluster.start(1);
    cluster.run();
    Host& two = cluster.start(2);
    cluster.create("orders", kOrders);
    cluster.run();
    // The same id under a new czxid, in one read.
    cluster.reg(two);
    cluster.run();
    REQUIRE(cluster.zk.state("orders", 1)->leader == 2);
    REQUIRE(cluster.zk.state("orders", 1)->leader_epoch == 2);
    REQUIRE(one.position("disconnect 2") < one.position("orders-1 leader=2 epoch=2"));
}

TEST_CASE("a successor finishes the creation that its predecessor began") {
    for (int effects = 1; effects < 60; ++effects) {
        Cluster cluster;
        Host& one = cluster.start(1);
        cluster.run();
        cluster.start(2);
        cluster.run();
        cluster.create("orders", kOrders);
        for (int i = 0; i < effects; ++i) {
            one.step();
        }
        cluster.kill(1);
        cluster.run();
        cluster.start(1);
        cluster.run();
        INFO(effects);
        REQUIRE(cluster.active()->id == 2);
        REQUIRE(cluster.active()->controller.epoch() == 2);
        REQUIRE(cluster.zk.state("orders", 0)->leader == 1);
        REQUIRE(cluster.zk.state("orders", 1)->leader == 2);
    }
}

TEST_CASE("a deposed controller writes nothing and sends nothing more") {
    Cluster cluster;
    Host& one = cluster.start(1);
    cluster.run();
    Host& two = cluster.start(2);
    cluster.run();
    // The session of 1 ends without it noticing; 2 takes over.
    cluster.zk.nodes.erase("/controller");
    two.take(two.controller.changed(Watched::controller));
    while (two.step()) {
    }
    REQUIRE(two.controller.is_active());
    REQUIRE(one.controller.is_active());
    cluster.create("orders", kOrders);
    const std::size_t before = one.log.size();
    cluster.run();
    REQUIRE_FALSE(one.controller.is_active());
    REQUIRE(one.controller.controller_id() == 2);
    REQUIRE(cluster.zk.state("orders", 0)->controller_epoch == 2);
    for (std::size_t i = before; i < one.log.size(); ++i) {
        REQUIRE(one.log[i].find("send") == std::string::npos);
    }
}

TEST_CASE("producer ids are given in blocks of a thousand, each once") {
    Cluster cluster;
    Host& one = cluster.start(1);
    cluster.start(2);
    cluster.run();
    const std::int64_t epoch = one.controller.state().brokers.at(2).epoch;
    one.take(one.controller.allocate_producer_ids(ControlToken(1), 2, epoch));
    one.take(one.controller.allocate_producer_ids(ControlToken(2), 2, epoch));
    one.take(one.controller.allocate_producer_ids(ControlToken(3), 2, epoch - 1));
    one.take(one.controller.allocate_producer_ids(ControlToken(4), 9, 1));
    cluster.run();
    REQUIRE(one.sent("answer 1 producer ids error=NONE first=0"));
    REQUIRE(one.sent("answer 2 producer ids error=NONE first=1000"));
    REQUIRE(one.sent("answer 3 producer ids error=STALE_BROKER_EPOCH"));
    REQUIRE(one.sent("answer 4 producer ids error=BROKER_ID_NOT_REGISTERED"));
    REQUIRE(to_text(cluster.zk.nodes.at("/latest_producer_id_block").data) ==
            R"({"version":1,"broker":2,"block_start":"1000","block_end":"1999"})");
}

TEST_CASE("a shutdown with single replicas is granted at once") {
    Cluster cluster;
    Host& one = cluster.start(1);
    cluster.start(2);
    cluster.create("orders", kOrders);
    cluster.run();
    const std::int64_t epoch = one.controller.state().brokers.at(2).epoch;
    one.take(one.controller.controlled_shutdown(ControlToken(1), 2, epoch - 1));
    one.take(one.controller.controlled_shutdown(ControlToken(2), 7, -1));
    one.take(one.controller.controlled_shutdown(ControlToken(3), 2, epoch));
    REQUIRE(one.sent("answer 1 shutdown error=STALE_BROKER_EPOCH"));
    REQUIRE(one.sent("answer 2 shutdown error=BROKER_NOT_AVAILABLE"));
    REQUIRE(one.sent("answer 3 shutdown error=NONE remaining=0"));
}

TEST_CASE("a shutdown moves leaders to replicas in sync and is answered after the write") {
    Cluster cluster;
    Host& one = cluster.start(1);
    cluster.start(2);
    cluster.create(
        "pairs",
        R"({"version":3,"topic_id":"CbYPrXjGRc6cjM5MdPgbEA","partitions":{"0":[2,1],"1":[1,2]}})");
    cluster.run();
    REQUIRE(cluster.zk.state("pairs", 0)->leader == 2);
    one.take(one.controller.controlled_shutdown(ControlToken(1), 2, -1));
    REQUIRE_FALSE(one.sent("answer 1"));
    REQUIRE(one.sent("send 2 StopReplica pairs-1"));
    cluster.run();
    REQUIRE(one.sent("answer 1 shutdown error=NONE remaining=0"));
    REQUIRE(cluster.zk.state("pairs", 0)->leader == 1);
    REQUIRE(cluster.zk.state("pairs", 0)->isr == std::vector<std::int32_t>{1});
    REQUIRE(cluster.zk.state("pairs", 1)->isr == std::vector<std::int32_t>{1});
}

TEST_CASE("a broker that does not control refuses what only a controller does") {
    Cluster cluster;
    Host& one = cluster.start(1);
    one.take(one.controller.allocate_producer_ids(ControlToken(1), 1, 1));
    one.take(one.controller.controlled_shutdown(ControlToken(2), 1, 1));
    REQUIRE(one.sent("answer 1 producer ids error=NOT_CONTROLLER"));
    REQUIRE(one.sent("answer 2 shutdown error=NOT_CONTROLLER"));
}

TEST_CASE("a lost session makes way, and the next one runs again") {
    Cluster cluster;
    Host& one = cluster.start(1);
    cluster.create("orders", kOrders);
    cluster.run();
    one.queue.clear();
    cluster.zk.end_session(one.session);
    one.take(one.controller.session_expired());
    REQUIRE_FALSE(one.controller.is_active());
    one.session = cluster.next_session++;
    cluster.reg(one);
    one.take(one.controller.start());
    cluster.run();
    REQUIRE(one.controller.is_active());
    REQUIRE(one.controller.epoch() == 2);
    REQUIRE(cluster.zk.state("orders", 0)->leader == 1);
}
