#include <catch2/catch.hpp>
#include <cstdlib>
#include <ctime>

#include "cli/output/progress.h"
#include "cli/output/record_printer.h"
#include "cli/output/stat_block.h"
#include "cli/output/topic_lines.h"
#include "lib/zk/acl.h"

namespace millrace::cli {
namespace {

// The forms below were printed by the tools of Kafka 3.9.2 and ZooKeeper 3.9.5.

void use_utc() {
    REQUIRE(::setenv("TZ", "UTC", 1) == 0);
    ::tzset();
}

TopicState sample_topic() {
    return {.name = "test",
            .id = *kafka::Uuid::parse("skcQhRWCTmW-afA5Dh1kew"),
            .partitions = {{.id = 0, .leader = 1, .replicas = {1, 2}, .isr = {1}},
                           {.id = 1, .leader = -1, .replicas = {2, 1}, .isr = {}}},
            .configs = {{"retention.ms", "1000"}, {"cleanup.policy", "compact"}}};
}

TEST_CASE("a topic is described in one line with tabs") {
    REQUIRE(
        topic_line(sample_topic()) ==
        "Topic: test\tTopicId: skcQhRWCTmW-afA5Dh1kew\tPartitionCount: 2\tReplicationFactor: 2\t"
        "Configs: cleanup.policy=compact,retention.ms=1000\n");
}

TEST_CASE("a topic without settings keeps the blank behind Configs") {
    TopicState topic = sample_topic();
    topic.configs.clear();
    REQUIRE(topic_line(topic).ends_with("Configs: \n"));
}

TEST_CASE("a partition is described in one line that begins with a tab") {
    REQUIRE(partition_line("test", sample_topic().partitions[0]) ==
            "\tTopic: test\tPartition: 0\tLeader: 1\tReplicas: 1,2\tIsr: 1\tElr: N/A\t"
            "LastKnownElr: N/A\n");
}

TEST_CASE("a partition without leader says none") {
    REQUIRE(partition_line("test", sample_topic().partitions[1]).find("Leader: none\t") !=
            std::string::npos);
}

TEST_CASE("dates read as Java prints them") {
    use_utc();
    REQUIRE(java_date(0) == "Thu Jan 01 00:00:00 UTC 1970");
    REQUIRE(java_date(1795536438999) == "Tue Nov 24 16:07:18 UTC 2026");
}

TEST_CASE("a stat is eleven lines, ids in hexadecimal digits") {
    use_utc();
    zk::Stat stat;
    stat.czxid = 0x3e;
    stat.mzxid = 0x48;
    stat.ctime = 1795536438000;
    stat.mtime = 1795536438999;
    stat.pzxid = 0x42;
    stat.cversion = 3;
    stat.version = 2;
    stat.ephemeral_owner = 0x1000a2b3c4d0001;
    stat.data_length = 2;
    stat.num_children = 4;
    REQUIRE(
        stat_block(stat) ==
        "cZxid = 0x3e\nctime = Tue Nov 24 16:07:18 UTC 2026\nmZxid = 0x48\n"
        "mtime = Tue Nov 24 16:07:18 UTC 2026\npZxid = 0x42\ncversion = 3\ndataVersion = 2\n"
        "aclVersion = 0\nephemeralOwner = 0x1000a2b3c4d0001\ndataLength = 2\nnumChildren = 4\n");
}

TEST_CASE("an ACL is two lines for each entry") {
    REQUIRE(acl_lines(*zk::parse_acl("world:anyone:cdrwa")) == "'world,'anyone\n: cdrwa\n");
}

TEST_CASE("the event of a watch is a block of its own") {
    REQUIRE(
        watched_event("SyncConnected", event_name(zk::EventType::node_data_changed), "/a", 71) ==
        "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:NodeDataChanged path:/a zxid: 71\n");
}

TEST_CASE("errors of the shell name the node") {
    REQUIRE(shell_error(zk::ErrorCode::no_node, "/x") == "Node does not exist: /x");
    REQUIRE(shell_error(zk::ErrorCode::node_exists, "/x") == "Node already exists: /x");
    REQUIRE(shell_error(zk::ErrorCode::not_empty, "/x") == "Node not empty: /x");
    REQUIRE(shell_error(zk::ErrorCode::bad_version, "/x") == "version No is not valid : /x");
    REQUIRE(shell_error(zk::ErrorCode::unimplemented, "/x") ==
            "KeeperErrorCode = Unimplemented for /x");
}

kafka::Record sample_record() {
    kafka::Record record;
    record.offset = 3;
    record.timestamp = 1795536451804;
    record.key = as_bytes("k1");
    record.value = as_bytes("v1");
    return record;
}

std::string printed(const RecordFormat& format, const kafka::Record& record) {
    std::string out;
    REQUIRE(append_record(out, format, 2, kafka::TimestampType::create_time, record));
    return out;
}

TEST_CASE("a record is its value and nothing else unless asked") {
    REQUIRE(printed({}, sample_record()) == "v1\n");
}

TEST_CASE("all columns stand in the order of the Java tool") {
    RecordFormat format;
    for (const auto* name :
         {"print.key", "print.headers", "print.offset", "print.partition", "print.timestamp"}) {
        REQUIRE(set_property(format, name, "true"));
    }
    REQUIRE(printed(format, sample_record()) ==
            "CreateTime:1795536451804\tPartition:2\tOffset:3\tNO_HEADERS\tk1\tv1\n");
}

TEST_CASE("headers are joined, absent bytes are the null literal") {
    RecordFormat format;
    REQUIRE(set_property(format, "print.headers", "true"));
    REQUIRE(set_property(format, "print.key", "true"));
    REQUIRE(set_property(format, "key.separator", "|"));
    REQUIRE(set_property(format, "null.literal", "-"));
    kafka::Record record = sample_record();
    record.key.reset();
    record.headers = {{.key = "a", .value = as_bytes("1")}, {.key = "b", .value = std::nullopt}};
    REQUIRE(printed(format, record) == "a:1,b:-|-|v1\n");
}

TEST_CASE("a record of which nothing is printed leaves no line") {
    RecordFormat format;
    format.value = false;
    REQUIRE(printed(format, sample_record()).empty());
}

TEST_CASE("keys and values are numbers when their deserializer says so") {
    const std::string package = "org.apache.kafka.common.serialization.";
    RecordFormat format;
    REQUIRE(set_property(format, "value.deserializer", package + "LongDeserializer"));
    kafka::Record record;
    constexpr std::array kMinusTwo{std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                                   std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                                   std::byte{0xff}, std::byte{0xfe}};
    record.value = BytesView(kMinusTwo);
    REQUIRE(printed(format, record) == "-2\n");
    record.value = as_bytes("v1");
    std::string out;
    REQUIRE_FALSE(append_record(out, format, 0, kafka::TimestampType::create_time, record));
    REQUIRE_FALSE(set_property(format, "key.deserializer", package + "FooDeserializer"));
    REQUIRE_FALSE(set_property(format, "key.deserializer", "LongDeserializer"));
}

TEST_CASE("a property that the formatter does not have is refused") {
    RecordFormat format;
    REQUIRE_FALSE(set_property(format, "print.keys", "true"));
}

TEST_CASE("progress tells each resource once and knows when all are ready") {
    ReadyProgress progress({"A one", "B two"});
    REQUIRE(progress.note("A one", false, "starting", 1s).empty());
    REQUIRE(progress.waiting_for() == "A one is not ready: starting");
    REQUIRE(progress.note("A one", true, "", 1500ms).find("A one") != std::string::npos);
    REQUIRE(progress.note("A one", true, "", 2s).empty());
    REQUIRE_FALSE(progress.complete());
    REQUIRE(progress.note("A one", false, "restarting", 2s).empty());
    REQUIRE(progress.note("C three", false, "not wanted", 2s).empty());
    REQUIRE(progress.note("B two", true, "", 3s).ends_with("ready after 3.0 s\n"));
    REQUIRE_FALSE(progress.complete());
    REQUIRE(progress.waiting_for() == "A one is not ready: restarting");
    REQUIRE(progress.note("A one", true, "", 4s).empty());
    REQUIRE(progress.complete());
}

}  // namespace
}  // namespace millrace::cli
