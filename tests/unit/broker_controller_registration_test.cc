// The start of a broker in ZooKeeper, answer by answer.
#include "broker/controller/registration.h"
#include "broker/controller/zk_paths.h"

using namespace millrace;
using namespace millrace::broker::controller;

namespace {

struct World {
    explicit World(RegistrationOptions given = {}) : options(std::move(given)) {
        options.session_id = 77;
        registration.emplace(options, random);
        step = registration->start();
    }
    void answer(zk::ErrorCode error, Bytes data = {}, zk::Stat stat = {}) {
        ZkReply reply;
        reply.error = error;
        reply.data = std::move(data);
        reply.stat = stat;
        if (const auto* multi = std::get_if<ZkMulti>(&step)) {
            reply.results.resize(multi->ops.size());
            for (auto& result : reply.results) {
                result.stat = stat;
            }
        }
        Result<RegistrationStep> next = registration->answered(reply, now);
        failure = next ? "" : next.error().message;
        if (next) {
            step = *next;
        }
    }
    void persistent_nodes() {
        for (std::size_t i = 0; i < paths::persistent().size(); ++i) {
            answer(i % 2 == 0 ? zk::ErrorCode::ok : zk::ErrorCode::node_exists);
        }
    }
    void with_cluster(const std::string& id) {
        persistent_nodes();
        answer(zk::ErrorCode::ok, to_bytes(R"({"version":"1","id":")" + id + "\"}"));
    }
    Random random{5};
    RegistrationOptions options;
    std::optional<Registration> registration;
    RegistrationStep step = ZkWait{};
    Instant now{};
    std::string failure;
};

zk::Stat owned_by(std::int64_t session, std::int64_t czxid = 9) {
    zk::Stat stat;
    stat.ephemeral_owner = session;
    stat.czxid = czxid;
    return stat;
}

RegistrationOptions numbered(std::int32_t id) {
    RegistrationOptions options;
    options.broker_id = id;
    return options;
}

}  // namespace

TEST_CASE("the first broker makes the cluster id") {
    World world(numbered(1));
    world.persistent_nodes();
    REQUIRE(std::get<ZkGet>(world.step).path == "/cluster/id");
    world.answer(zk::ErrorCode::no_node);
    world.answer(zk::ErrorCode::ok);
    const auto& create = std::get<zk::CreateOp>(std::get<ZkMulti>(world.step).ops.at(0));
    REQUIRE(create.path == "/cluster/id");
    const std::string id = *decode_cluster_id(create.data);
    // Another broker was first: its id counts.
    world.answer(zk::ErrorCode::node_exists);
    world.answer(zk::ErrorCode::ok, to_bytes(R"({"version":"1","id":"theirs"})"));
    world.answer(zk::ErrorCode::ok, {}, owned_by(77, 42));
    const auto& done = std::get<Registered>(world.step);
    REQUIRE(done.cluster_id == "theirs");
    REQUIRE(id != "theirs");
    REQUIRE(done.broker_epoch == 42);
}

TEST_CASE("the node of a broker is made and filled in one transaction") {
    World world(numbered(3));
    world.with_cluster("c");
    const auto& ops = std::get<ZkMulti>(world.step).ops;
    REQUIRE(ops.size() == 2);
    REQUIRE(std::get<zk::CreateOp>(ops[0]).mode == zk::CreateMode::ephemeral);
    REQUIRE(std::get<zk::CreateOp>(ops[0]).path == "/brokers/ids/3");
    REQUIRE(std::get<zk::SetDataOp>(ops[1]).version == 0);
}

TEST_CASE("a directory of another cluster stops the start") {
    RegistrationOptions options = numbered(1);
    options.stored_cluster_id = "mine";
    World world(options);
    world.with_cluster("theirs");
    REQUIRE(world.failure.find("wrong cluster") != std::string::npos);
}

TEST_CASE("a directory of another broker stops the start") {
    RegistrationOptions options = numbered(1);
    options.stored_broker_id = 2;
    World world(options);
    world.with_cluster("c");
    REQUIRE(world.failure.find("stored broker.id 2") != std::string::npos);
}

TEST_CASE("an id is generated above the reserved ones and kept") {
    World world;
    world.with_cluster("c");
    REQUIRE(std::get<zk::SetDataOp>(std::get<ZkMulti>(world.step).ops.at(0)).path ==
            "/brokers/seqid");
    zk::Stat stat;
    stat.version = 1;
    world.answer(zk::ErrorCode::ok, {}, stat);
    REQUIRE(std::get<zk::CreateOp>(std::get<ZkMulti>(world.step).ops.at(0)).path ==
            "/brokers/ids/1001");
    RegistrationOptions options;
    options.stored_broker_id = 1001;
    World again(options);
    again.with_cluster("c");
    REQUIRE(std::get<zk::CreateOp>(std::get<ZkMulti>(again.step).ops.at(0)).path ==
            "/brokers/ids/1001");
}

TEST_CASE("the node of a crashed broker is waited out") {
    World world(numbered(1));
    world.with_cluster("c");
    world.answer(zk::ErrorCode::node_exists);
    world.answer(zk::ErrorCode::ok, {}, owned_by(5));
    REQUIRE(std::holds_alternative<ZkWait>(world.step));
    world.now = std::get<ZkWait>(world.step).until;
    world.step = world.registration->resume();
    world.answer(zk::ErrorCode::node_exists);
    world.answer(zk::ErrorCode::no_node);
    world.answer(zk::ErrorCode::ok, {}, owned_by(77, 12));
    REQUIRE(std::get<Registered>(world.step).broker_epoch == 12);
}

TEST_CASE("a broker that stays registered by somebody else stops the start") {
    World world(numbered(1));
    world.with_cluster("c");
    world.answer(zk::ErrorCode::node_exists);
    world.answer(zk::ErrorCode::ok, {}, owned_by(5));
    world.now = world.now + std::chrono::minutes(1);
    world.step = world.registration->resume();
    world.answer(zk::ErrorCode::node_exists);
    world.answer(zk::ErrorCode::ok, {}, owned_by(5));
    REQUIRE(world.failure.find("another session") != std::string::npos);
}

TEST_CASE("the node of our own last session is replaced") {
    RegistrationOptions options = numbered(1);
    options.previous_session_id = 5;
    World world(options);
    world.with_cluster("c");
    world.answer(zk::ErrorCode::node_exists);
    world.answer(zk::ErrorCode::ok, {}, owned_by(5));
    REQUIRE(std::holds_alternative<zk::DeleteOp>(std::get<ZkMulti>(world.step).ops.at(0)));
}

TEST_CASE("an answer lost on the way is found by looking") {
    World world(numbered(1));
    world.with_cluster("c");
    world.answer(zk::ErrorCode::connection_loss);
    world.answer(zk::ErrorCode::ok, {}, owned_by(77, 31));
    REQUIRE(std::get<Registered>(world.step).broker_epoch == 31);
}
