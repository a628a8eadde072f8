#include <catch2/catch.hpp>

#include "lib/kafka/cluster_client.h"
#include "tests/support/fake_brokers.h"

using namespace millrace;
using namespace millrace::kafka;
using millrace::testing::FakeBrokers;
using millrace::testing::ManualLoop;

namespace {

const runtime::Endpoint kOne{"one", 9092};
const runtime::Endpoint kTwo{"two", 9092};

// Two brokers, 1 and 2; topic "t" has one partition.
struct World {
    ManualLoop loop;
    FakeBrokers brokers{loop};
    std::int32_t controller = 1;
    std::int32_t leader = 1;
    std::unique_ptr<ClusterClient> client;
    std::string outcome;

    explicit World(std::vector<runtime::Endpoint> bootstrap = {kOne}) {
        brokers.on<MetadataRequest>(
            [this](const MetadataRequest& request, const FakeBrokers::Seen&) {
                MetadataResponse response;
                response.brokers.push_back({1, kOne.host, kOne.port, std::nullopt});
                response.brokers.push_back({2, kTwo.host, kTwo.port, std::nullopt});
                response.controller_id = controller;
                response.cluster_id = "c";
                for (const auto& wanted :
                     request.topics.value_or(std::vector<MetadataRequest::Topic>{})) {
                    auto& topic = response.topics.emplace_back();
                    topic.name = wanted.name;
                    if (topic.name != "t") {
                        topic.error_code = to_wire(ErrorCode::unknown_topic_or_partition);
                        continue;
                    }
                    auto& partition = topic.partitions.emplace_back();
                    partition.leader_id = leader;
                    partition.leader_epoch = 5;
                }
                return response;
            });
        client = std::make_unique<ClusterClient>(loop, brokers, std::move(bootstrap),
                                                 ClusterClientOptions{});
    }

    template <class Request>
    void call(Target target, Request request, ClusterClient::Plan<Request> plan = {}) {
        client->call<Request>(
            std::move(target), std::move(request),
            [this](const Result<ResponseOf<Request>>& response) {
                outcome = response ? "answered" : response.error().to_string();
            },
            std::move(plan));
    }
    // Which brokers saw the API, in order.
    std::string who_saw(ApiKey key) const {
        std::string hosts;
        for (const FakeBrokers::Seen& seen : brokers.seen()) {
            hosts += seen.header.key == key ? (hosts.empty() ? "" : " ") + seen.at.host : "";
        }
        return hosts;
    }
};

const LeaderOf kPartition{TopicPartition{"t", PartitionId(0)}};

ListOffsetsResponse offsets_answer(std::int32_t leader, const FakeBrokers::Seen& seen) {
    ListOffsetsResponse response;
    auto& partition = response.topics.emplace_back().partitions.emplace_back();
    const bool right = seen.at == (leader == 1 ? kOne : kTwo);
    partition.error_code = right ? std::int16_t{0} : to_wire(ErrorCode::not_leader_or_follower);
    return response;
}

ClusterClient::Plan<ListOffsetsRequest> first_partition_decides() {
    ClusterClient::Plan<ListOffsetsRequest> plan;
    plan.error_of = [](const ListOffsetsResponse& response) {
        return error_from_wire(response.topics.at(0).partitions.at(0).error_code);
    };
    return plan;
}

}  // namespace

TEST_CASE("a request for a leader goes to the leader that the metadata names") {
    World world;
    world.leader = 2;
    world.brokers.on<ListOffsetsRequest>(
        [&](const ListOffsetsRequest&, const FakeBrokers::Seen& seen) {
            return offsets_answer(world.leader, seen);
        });
    world.call(kPartition, ListOffsetsRequest{}, first_partition_decides());
    world.loop.run_until_idle();
    REQUIRE(world.outcome == "answered");
    REQUIRE(world.who_saw(ApiKey::list_offsets) == "two");
    REQUIRE(world.client->view().topic("t")->partitions.at(PartitionId(0)).leader_epoch ==
            LeaderEpoch(5));
}

TEST_CASE("a leader that has moved is found again") {
    World world;
    world.brokers.on<ListOffsetsRequest>(
        [&](const ListOffsetsRequest&, const FakeBrokers::Seen& seen) {
            return offsets_answer(world.leader, seen);
        });
    world.call(kPartition, ListOffsetsRequest{}, first_partition_decides());
    world.loop.run_until_idle();
    world.leader = 2;
    world.outcome.clear();
    world.call(kPartition, ListOffsetsRequest{}, first_partition_decides());
    world.loop.run_until_idle();
    REQUIRE(world.outcome.empty());
    world.loop.advance(1s);
    REQUIRE(world.outcome == "answered");
    REQUIRE(world.who_saw(ApiKey::list_offsets) == "one one two");
}

TEST_CASE("a request for the controller follows it") {
    World world;
    world.brokers.on<CreateTopicsRequest>([&](const CreateTopicsRequest&,
                                              const FakeBrokers::Seen& seen) {
        CreateTopicsResponse response;
        auto& topic = response.topics.emplace_back();
        topic.error_code = seen.at == kTwo ? std::int16_t{0} : to_wire(ErrorCode::not_controller);
        if (seen.at == kOne) {
            world.controller = 2;
        }
        return response;
    });
    ClusterClient::Plan<CreateTopicsRequest> plan;
    plan.error_of = [](const CreateTopicsResponse& response) {
        return error_from_wire(response.topics.at(0).error_code);
    };
    world.call(TheController{}, CreateTopicsRequest{}, std::move(plan));
    world.loop.advance(1s);
    REQUIRE(world.outcome == "answered");
    REQUIRE(world.who_saw(ApiKey::create_topics) == "one two");
}

TEST_CASE("a coordinator is looked up, remembered, and looked up again when it has moved") {
    World world;
    std::int32_t coordinator = 2;
    world.brokers.on<FindCoordinatorRequest>(
        [&](const FindCoordinatorRequest& request, const FakeBrokers::Seen&) {
            REQUIRE(request.key == "g");
            FindCoordinatorResponse response;
            response.node_id = coordinator;
            response.host = coordinator == 1 ? kOne.host : kTwo.host;
            response.port = 9092;
            return response;
        });
    world.brokers.on<HeartbeatRequest>([&](const HeartbeatRequest&, const FakeBrokers::Seen& seen) {
        HeartbeatResponse response;
        const bool right = seen.at == (coordinator == 1 ? kOne : kTwo);
        response.error_code = right ? std::int16_t{0} : to_wire(ErrorCode::not_coordinator);
        return response;
    });
    const CoordinatorOf group{CoordinatorType::group, "g"};
    for (int i = 0; i < 2; ++i) {
        world.call(group, HeartbeatRequest{});
        world.loop.run_until_idle();
    }
    REQUIRE(world.brokers.count(ApiKey::find_coordinator) == 1);
    coordinator = 1;
    world.call(group, HeartbeatRequest{});
    world.loop.advance(1s);
    REQUIRE(world.outcome == "answered");
    REQUIRE(world.who_saw(ApiKey::heartbeat) == "two two two one");
    REQUIRE(world.brokers.count(ApiKey::find_coordinator) == 2);
}

TEST_CASE("a bootstrap address that refuses is passed over") {
    World world({kOne, kTwo});
    world.brokers.refuse(GENERATE(kOne, kTwo));
    Status status = fail(Errc::busy, "not called");
    world.client->refresh(std::nullopt, [&](const Status& done) { status = done; });
    world.loop.advance(2s);
    REQUIRE(status.has_value());
    REQUIRE(world.client->view().brokers().size() == 2);
    REQUIRE(world.client->view().cluster_id() == "c");
}

TEST_CASE("a call ends at its deadline with the last reason") {
    World world;
    world.brokers.refuse(kOne);
    world.call(AnyBroker{}, ListGroupsRequest{});
    world.loop.advance(59s);
    REQUIRE(world.outcome.empty());
    const std::size_t tries = world.brokers.connections_made();
    REQUIRE(tries > 30);  // about one a second
    REQUIRE(tries < 200);
    world.loop.advance(2s);
    REQUIRE(world.outcome == "gave up after 60000 ms: connection refused (timed_out)");
}

TEST_CASE("a partition that does not exist is named in the failure") {
    World world;
    world.call(LeaderOf{{"none", PartitionId(0)}}, ListOffsetsRequest{});
    world.loop.advance(61s);
    REQUIRE(world.outcome ==
            "gave up after 60000 ms: no leader for none-0: UNKNOWN_TOPIC_OR_PARTITION (timed_out)");
}

TEST_CASE("an answer with a final error is delivered at once") {
    World world;
    world.brokers.on<ListGroupsRequest>([](const ListGroupsRequest&, const FakeBrokers::Seen&) {
        ListGroupsResponse response;
        response.error_code = to_wire(ErrorCode::cluster_authorization_failed);
        return response;
    });
    world.call(AnyBroker{}, ListGroupsRequest{});
    world.loop.run_until_idle();
    REQUIRE(world.outcome == "answered");
    REQUIRE(world.brokers.count(ApiKey::list_groups) == 1);
}

TEST_CASE("no callback runs after the client is gone") {
    World world;
    world.call(kPartition, ListOffsetsRequest{});
    world.client.reset();
    world.loop.advance(100s);
    REQUIRE(world.outcome.empty());
}
