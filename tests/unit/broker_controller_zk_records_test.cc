// The JSON in ZooKeeper, against what a Java broker of Kafka 3.9.2 wrote (broker 1, topic "orders" with three partitions).
#include "broker/controller/zk_paths.h"
#include "broker/controller/zk_records.h"

using namespace millrace;
using namespace millrace::broker::controller;

TEST_CASE("a broker registration is read and written as Kafka 3.9 does") {
    const std::string captured =
        R"({"features":{},"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},)"
        R"("endpoints":["PLAINTEXT://127.0.0.1:24092"],"rack":"rack1","jmx_port":-1,"port":24092,)"
        R"("host":"127.0.0.1","version":5,"timestamp":"1795534831450"})";
    const auto record = decode_broker(as_bytes(captured));
    REQUIRE(record);
    REQUIRE(record->endpoints.size() == 1);
    REQUIRE(record->endpoints[0].port == 24092);
    REQUIRE(record->rack == "rack1");
    REQUIRE(to_text(encode(*record)) == captured);
}

TEST_CASE("a broker without a plain listener has no host and port on top") {
    BrokerRegistration record;
    record.endpoints = {{"SECURE", "::1", 9093, SecurityProtocol::sasl_ssl}};
    const std::string text = to_text(encode(record));
    REQUIRE(text.find(R"("port":-1,"host":null)") != std::string::npos);
    REQUIRE(text.find("SECURE://[::1]:9093") != std::string::npos);
    REQUIRE(decode_broker(as_bytes(text)).value() == record);
}

TEST_CASE("a broker registration without endpoints is refused") {
    REQUIRE_FALSE(decode_broker(as_bytes(R"({"version":5,"jmx_port":-1})")));
    REQUIRE_FALSE(decode_broker(as_bytes(R"({"version":5,"endpoints":["x"]})")));
    REQUIRE_FALSE(decode_broker(as_bytes("[]")));
    REQUIRE_FALSE(decode_broker(as_bytes("")));
}

TEST_CASE("the controller node is written as Kafka 3.9 does") {
    const std::string captured =
        R"({"version":2,"brokerid":1,"timestamp":"1795534831541","kraftControllerEpoch":-1})";
    const auto record = decode_controller(as_bytes(captured));
    REQUIRE(record);
    REQUIRE(record->broker_id == 1);
    REQUIRE(to_text(encode(*record)) == captured);
    REQUIRE(decode_controller(as_bytes(R"({"version":1,"brokerid":3,"timestamp":"1"})"))
                ->kraft_controller_epoch == -1);
}

TEST_CASE("a topic is written as Kafka 3.9 does") {
    const std::string captured =
        R"({"partitions":{"0":[1],"1":[1],"2":[1]},"topic_id":"CbYPrXjGRc6cjM5MdPgbEA",)"
        R"("adding_replicas":{},"removing_replicas":{},"version":3})";
    const auto record = decode_topic(as_bytes(captured));
    REQUIRE(record);
    REQUIRE(record->partitions.size() == 3);
    REQUIRE(to_text(encode(*record)) == captured);
}

TEST_CASE("a topic of an old tool has no id, a reassigned one has changes under way") {
    const auto old = decode_topic(as_bytes(R"({"version":1,"partitions":{"0":[2,1]}})"));
    REQUIRE(old);
    REQUIRE(old->id.is_zero());
    REQUIRE(old->partitions.at(0).replicas == std::vector<std::int32_t>{2, 1});
    const auto moving = decode_topic(as_bytes(
        R"({"version":3,"partitions":{"0":[2,1]},"adding_replicas":{"0":[2]},"removing_replicas":{"0":[1]}})"));
    REQUIRE(moving->partitions.at(0).adding == std::vector<std::int32_t>{2});
    REQUIRE(moving->partitions.at(0).removing == std::vector<std::int32_t>{1});
    REQUIRE_FALSE(decode_topic(as_bytes(R"({"version":1,"partitions":{"x":[2]}})")));
}

TEST_CASE("a partition state is written as Kafka 3.9 does") {
    const std::string captured =
        R"({"controller_epoch":1,"leader":1,"version":1,"leader_epoch":0,"isr":[1]})";
    auto state = decode_partition_state(as_bytes(captured), 7);
    REQUIRE(state);
    REQUIRE(state->partition_epoch == 7);
    REQUIRE(to_text(encode(*state)) == captured);
    state->recovery = LeaderRecoveryState::recovering;
    REQUIRE(to_text(encode(*state)).find(R"("leader_recovery_state":1)") != std::string::npos);
    REQUIRE_FALSE(decode_partition_state(as_bytes(R"({"leader":1})"), 0));
}

TEST_CASE("the small nodes are written as Kafka 3.9 does") {
    const std::string id = R"({"version":"1","id":"o5UawUvcR96ynQTt7o3_Eg"})";
    REQUIRE(decode_cluster_id(as_bytes(id)).value() == "o5UawUvcR96ynQTt7o3_Eg");
    REQUIRE(to_text(encode_cluster_id(*kafka::Uuid::parse("o5UawUvcR96ynQTt7o3_Eg"))) == id);

    const std::string config =
        R"({"version":1,"config":{"cleanup.policy":"compact","retention.ms":"1000","segment.bytes":"1048576"}})";
    REQUIRE(to_text(encode_config(*decode_config(as_bytes(config)))) == config);
    REQUIRE(decode_config({})->empty());

    const std::string change = R"({"version":2,"entity_path":"topics/orders"})";
    REQUIRE(to_text(encode_config_change(*decode_config_change(as_bytes(change)))) == change);
    REQUIRE(
        decode_config_change(as_bytes(R"({"version":1,"entity_type":"topics","entity_name":"t"})"))
            .value() == "topics/t");

    const std::string block = R"({"version":1,"broker":1,"block_start":"0","block_end":"999"})";
    REQUIRE(to_text(encode(*decode_producer_id_block(as_bytes(block)))) == block);

    const std::string feature = R"({"features":{},"version":2,"status":1})";
    REQUIRE(to_text(encode(*decode_feature(as_bytes(feature)))) == feature);

    REQUIRE(decode_controller_epoch(as_bytes("12")).value() == 12);
    REQUIRE_FALSE(decode_controller_epoch(as_bytes("12a")));
    REQUIRE(decode_log_dir_event(encode_log_dir_event(4)).value() == 4);
}

TEST_CASE("names in config paths are encoded as Kafka encodes them") {
    REQUIRE(paths::sanitize("a b*c/d") == "a%20b%2Ac%2Fd");
    REQUIRE(paths::unsanitize(paths::sanitize("a b*c/d+%")) == "a b*c/d+%");
    REQUIRE(paths::sanitize("plain-1_2.3") == "plain-1_2.3");
}
