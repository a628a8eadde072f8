// Quotas as ZooKeeper 3.9 counts and enforces them (zookeeper.md 1.2).
#include "coordinator/tree/quotas.h"

#include "coordinator_tree_world.h"

using namespace millrace;
using namespace millrace::coordinator::tree;
using zk::ErrorCode;

namespace {

constexpr std::string_view kCounts = "/zookeeper/quota/app/zookeeper_stats";

// /app with two nodes below, nine bytes in all, and a quota like ZooKeeper's shell sets it.
void build(World& world, std::string_view limits) {
    REQUIRE(world.create("/app") == ErrorCode::ok);
    REQUIRE(world.create("/app/one") == ErrorCode::ok);
    REQUIRE(world.set("/app/one", "1") == ErrorCode::ok);
    REQUIRE(world.create("/app/two") == ErrorCode::ok);
    REQUIRE(world.create("/zookeeper/quota/app") == ErrorCode::ok);
    REQUIRE(world.create("/zookeeper/quota/app/zookeeper_limits") == ErrorCode::ok);
    REQUIRE(world.set("/zookeeper/quota/app/zookeeper_limits", limits) == ErrorCode::ok);
    REQUIRE(world.create(kCounts) == ErrorCode::ok);
    world.commit();
}

std::string counts(const World& world) {
    return to_text(world.node(kCounts).data());
}

ErrorCode create(World& world, std::string_view path) {
    const ErrorCode error = world.create(path);
    world.commit();
    return error;
}

ErrorCode set(World& world, std::string_view path, std::string_view data) {
    const ErrorCode error = world.set(path, data);
    world.commit();
    return error;
}

}  // namespace

TEST_CASE("the text of a quota keeps what it does not know") {
    const QuotaFigures figures =
        QuotaFigures::parse("count=3,bytes=-1=;byteHardLimit=20;zebra=7,;apple=8");
    REQUIRE(figures.count() == 3);
    REQUIRE(figures.bytes() == -1);
    REQUIRE(figures.byte_hard_limit() == 20);
    REQUIRE(figures.count_hard_limit() == -1);
    REQUIRE(figures.to_string() == "count=3,bytes=-1=;apple=8;byteHardLimit=20;zebra=7");
}

TEST_CASE("text that is no quota counts as empty") {
    for (const std::string_view text :
         {"", "count", "count=x", "count=1,bytes=", "=", "bytes==1", "bytes=1=2", "\xff\xff"}) {
        const QuotaFigures figures = QuotaFigures::parse(text);
        REQUIRE(figures.count() == -1);
        REQUIRE(figures.bytes() == -1);
    }
}

TEST_CASE("a new quota counts what is there, and then every change") {
    World world;
    build(world, "count=-1,bytes=-1");
    REQUIRE(counts(world) == "count=3,bytes=9");
    const NodeStat before = world.node(kCounts).stat;
    create(world, "/app/three");
    REQUIRE(counts(world) == "count=4,bytes=13");
    set(world, "/app/three", "123456");
    REQUIRE(counts(world) == "count=4,bytes=15");
    REQUIRE(world.remove("/app/two") == ErrorCode::ok);
    world.commit();
    REQUIRE(counts(world) == "count=3,bytes=11");
    // The counts are no write of anybody: no version, no zxid.
    REQUIRE(world.node(kCounts).stat == before);
    create(world, "/other");
    create(world, "/application");
    REQUIRE(counts(world) == "count=3,bytes=11");
}

TEST_CASE("counting ends with the node of limits") {
    World world;
    build(world, "count=-1,bytes=-1");
    REQUIRE(world.remove("/zookeeper/quota/app/zookeeper_limits") == ErrorCode::ok);
    world.commit();
    create(world, "/app/three");
    REQUIRE(counts(world) == "count=3,bytes=9");
}

TEST_CASE("the nearest quota counts") {
    World world;
    build(world, "count=-1,bytes=-1");
    create(world, "/zookeeper/quota/app/one");
    create(world, "/zookeeper/quota/app/one/zookeeper_limits");
    create(world, "/zookeeper/quota/app/one/zookeeper_stats");
    const std::string_view inner = "/zookeeper/quota/app/one/zookeeper_stats";
    REQUIRE(to_text(world.node(inner).data()) == "count=1,bytes=1");
    create(world, "/app/one/below");
    REQUIRE(to_text(world.node(inner).data()) == "count=2,bytes=5");
    REQUIRE(counts(world) == "count=3,bytes=9");
}

TEST_CASE("a snapshot's quotas are found and counted anew") {
    NodeTree tree;
    tree.load_begin();
    REQUIRE(tree.load_node("", as_bytes(""), -1, {}));
    REQUIRE(tree.load_node("/app", as_bytes("12345"), -1, {}));
    REQUIRE(tree.load_node("/zookeeper", as_bytes(""), -1, {}));
    REQUIRE(tree.load_node("/zookeeper/quota", as_bytes(""), -1, {}));
    REQUIRE(tree.load_node("/zookeeper/quota/app", as_bytes(""), -1, {}));
    REQUIRE(tree.load_node("/zookeeper/quota/app/zookeeper_limits", as_bytes("count=5,bytes=-1"),
                           -1, {}));
    REQUIRE(tree.load_node(kCounts, as_bytes("count=77,bytes=77"), -1, {}));
    tree.load_finish(9);
    REQUIRE(to_text(tree.find(kCounts)->data()) == "count=1,bytes=5");
    REQUIRE(tree.quotas().subject_of("/app/x/y") == "/app");
    REQUIRE(tree.quotas().subject_of("/") == "");
    tree.invariants();
}

TEST_CASE("hard limits refuse with enforceQuota, before the version is looked at") {
    World world({.enforce_quota = true});
    build(world, "count=-1,bytes=-1;countHardLimit=4;byteHardLimit=15");
    REQUIRE(create(world, "/app/three") == ErrorCode::ok);
    REQUIRE(create(world, "/app/four") == ErrorCode::quota_exceeded);
    REQUIRE(world.last.breach.has_value());
    REQUIRE(world.last.breach->hard);
    REQUIRE(world.last.breach->subject == "/app");
    REQUIRE(set(world, "/app/three", "1234567") == ErrorCode::quota_exceeded);
    REQUIRE(world.set("/app/three", "1234567", 99) == ErrorCode::quota_exceeded);
    REQUIRE(world.set("/app/three", "1", 99) == ErrorCode::bad_version);
    world.commit();
    REQUIRE(set(world, "/app/three", "123456") == ErrorCode::ok);
    REQUIRE(counts(world) == "count=4,bytes=15");
    // What makes the tree smaller is never refused.
    REQUIRE(set(world, "/app/three", "") == ErrorCode::ok);
    REQUIRE(create(world, "/elsewhere") == ErrorCode::ok);
}

TEST_CASE("a multi that goes over a hard limit fails as a whole") {
    World world({.enforce_quota = true});
    build(world, "count=-1,bytes=-1;countHardLimit=3");
    REQUIRE(world.multi({{TxnType::create, World::create_body("/free")},
                         {TxnType::create, World::create_body("/app/three")}}) ==
            ErrorCode::quota_exceeded);
    world.commit();
    REQUIRE(world.tree.find("/free") == nullptr);
    REQUIRE(counts(world) == "count=3,bytes=9");
}

TEST_CASE("soft limits, and hard ones without enforceQuota, only count") {
    World soft({.enforce_quota = true});
    build(soft, "count=3,bytes=-1");
    REQUIRE(create(soft, "/app/three") == ErrorCode::ok);
    REQUIRE(soft.last.breach.has_value());
    REQUIRE_FALSE(soft.last.breach->hard);
    World lenient;
    build(lenient, "count=-1,bytes=-1;countHardLimit=3");
    REQUIRE(create(lenient, "/app/three") == ErrorCode::ok);
    REQUIRE_FALSE(lenient.last.breach.has_value());
    REQUIRE(counts(lenient) == "count=4,bytes=13");
}
