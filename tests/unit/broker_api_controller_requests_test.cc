// Whose requests a broker takes for those of its controller.
#include <catch2/catch.hpp>

#include "tests/support/lone_broker.h"

using namespace millrace;
using namespace millrace::broker;
using broker::testing::kLoneBrokerId;
using broker::testing::LoneBroker;
using kafka::ErrorCode;

namespace {

constexpr std::int64_t kEpoch = 5;  // of the broker

std::int16_t code(ErrorCode error) {
    return kafka::to_wire(error);
}

kafka::LeaderAndIsrRequest leader_of(const std::string& topic, std::int32_t controller_epoch,
                                     std::int32_t leader_epoch) {
    kafka::LeaderAndIsrRequest request;
    request.controller_epoch = controller_epoch;
    request.broker_epoch = kEpoch;
    auto& states = request.topic_states.emplace_back();
    states.topic_name = topic;
    states.topic_id.bytes[0] = std::byte{1};
    auto& state = states.partition_states.emplace_back();
    state.controller_epoch = controller_epoch;
    state.leader = kLoneBrokerId;
    state.leader_epoch = state.partition_epoch = leader_epoch;
    state.isr = state.replicas = {kLoneBrokerId};
    return request;
}

kafka::StopReplicaRequest stop_of(const std::string& topic, std::int32_t controller_epoch) {
    kafka::StopReplicaRequest request;
    request.controller_epoch = controller_epoch;
    request.broker_epoch = kEpoch;
    auto& states = request.topic_states.emplace_back();
    states.topic_name = topic;
    auto& state = states.partition_states.emplace_back();
    state.leader_epoch = 9;
    state.delete_partition = true;
    return request;
}

kafka::UpdateMetadataRequest metadata_of(std::int32_t controller, std::int32_t controller_epoch) {
    kafka::UpdateMetadataRequest request;
    request.controller_id = controller;
    request.controller_epoch = controller_epoch;
    request.broker_epoch = kEpoch;
    return request;
}

}  // namespace

TEST_CASE("requests of an earlier controller change nothing") {
    LoneBroker broker;
    REQUIRE(broker.ask(leader_of("t", 2, 1), 7)->error_code == 0);
    REQUIRE(broker.ask(metadata_of(1, 2), 8)->error_code == 0);
    const std::int16_t stale = code(ErrorCode::stale_controller_epoch);
    REQUIRE(broker.ask(leader_of("t", 1, 9), 7)->error_code == stale);
    REQUIRE(broker.ask(leader_of("u", 1, 9), 7)->error_code == stale);
    REQUIRE(broker.ask(stop_of("t", 1), 4)->error_code == stale);
    REQUIRE(broker.ask(metadata_of(7, 1), 8)->error_code == stale);
    REQUIRE(broker.replicas->find("t", 0)->leadership().leader_epoch == 1);
    REQUIRE(broker.replicas->find("u", 0) == nullptr);
    REQUIRE(broker.metadata.controller_id() == 1);
    REQUIRE(broker.services->controller_epoch == 2);
    // The next controller is heard.
    REQUIRE(broker.ask(stop_of("t", 3), 4)->error_code == 0);
    REQUIRE(broker.replicas->find("t", 0) == nullptr);
}

TEST_CASE("requests meant for an earlier life of the broker change nothing") {
    LoneBroker broker;
    auto request = leader_of("t", 2, 1);
    request.broker_epoch = kEpoch - 1;
    REQUIRE(broker.ask(request, 7)->error_code == code(ErrorCode::stale_broker_epoch));
    REQUIRE(broker.replicas->size() == 0);
    // A controller that does not know the epoch yet, and one that knows more than the broker itself, are heard.
    request.broker_epoch = -1;
    REQUIRE(broker.ask(request, 7)->error_code == 0);
    request.broker_epoch = kEpoch + 1;
    REQUIRE(broker.ask(request, 7)->error_code == 0);
}

TEST_CASE("an older leader epoch of a partition is refused, the others of the request are taken") {
    LoneBroker broker;
    REQUIRE(broker.ask(leader_of("t", 2, 4), 7)->error_code == 0);
    auto both = leader_of("t", 2, 3);
    both.topic_states.push_back(leader_of("u", 2, 0).topic_states.front());
    both.topic_states.back().topic_id.bytes[0] = std::byte{2};
    const auto answer = broker.ask(both, 7);
    REQUIRE(answer->error_code == 0);
    REQUIRE(answer->topics.at(0).partition_errors.at(0).error_code ==
            code(ErrorCode::stale_controller_epoch));
    REQUIRE(answer->topics.at(1).partition_errors.at(0).error_code == 0);
    REQUIRE(broker.replicas->find("t", 0)->leadership().leader_epoch == 4);
    REQUIRE(broker.replicas->find("u", 0)->leads());
}

TEST_CASE("a partition with another topic's id, or with no name of a topic, is refused") {
    LoneBroker broker;
    REQUIRE(broker.ask(leader_of("t", 2, 1), 7)->error_code == 0);
    auto other = leader_of("t", 2, 2);
    other.topic_states.front().topic_id.bytes[0] = std::byte{9};
    REQUIRE(broker.ask(other, 7)->topics.at(0).partition_errors.at(0).error_code ==
            code(ErrorCode::inconsistent_topic_id));
    REQUIRE(
        broker.ask(leader_of("../t", 2, 1), 7)->topics.at(0).partition_errors.at(0).error_code ==
        code(ErrorCode::invalid_topic_exception));
    REQUIRE(broker.replicas->size() == 1);
}
