// What an idempotent producer sends when answers are lost and brokers forget it.
#include "cli/producer.h"

#include <catch2/catch.hpp>

#include "tests/support/fake_brokers.h"

using namespace millrace;
using namespace millrace::cli;
using kafka::ErrorCode;
using testing::FakeBrokers;

namespace {

// What one Produce request held.
struct Sent {
    std::int64_t producer_id = 0;
    std::int32_t sequence = 0;
    std::int32_t records = 0;

    bool operator==(const Sent&) const = default;
};

// One broker and a topic of one partition. The answers of Produce are those that the test has lined up, then success.
struct World {
    testing::ManualLoop loop;
    FakeBrokers brokers{loop};
    kafka::ClusterClient cluster{loop, brokers, {{"one", 9092}}, {}};
    std::int64_t last_id = 100;
    std::vector<Sent> sent;
    std::deque<std::optional<ErrorCode>> answers;  // nothing: the connection is lost instead
    bool gives_ids = true;
    std::string losses;
    std::unique_ptr<Producer> producer;

    explicit World(bool idempotent = true) {
        brokers.on<kafka::MetadataRequest>([](const auto& request, const FakeBrokers::Seen&) {
            kafka::MetadataResponse response;
            response.brokers.push_back({1, "one", 9092, std::nullopt});
            if (request.topics) {
                auto& topic = response.topics.emplace_back();
                topic.name = "t";
                topic.partitions.emplace_back().leader_id = 1;
            }
            return response;
        });
        brokers.on<kafka::InitProducerIdRequest>([this](const auto&, const FakeBrokers::Seen&) {
            kafka::InitProducerIdResponse response;
            response.producer_id = ++last_id;
            response.producer_epoch = 0;
            response.error_code = gives_ids
                                      ? std::int16_t{0}
                                      : kafka::to_wire(ErrorCode::cluster_authorization_failed);
            return response;
        });
        brokers.on<kafka::ProduceRequest>(
            [this](const auto& request, const FakeBrokers::Seen&) { return produce(request); });
        producer = std::make_unique<Producer>(
            loop, cluster,
            ProducerOptions{.topic = "t", .retries_most = 3, .idempotent = idempotent},
            Producer::Events{.on_progress = [] {},
                             .on_loss = [this](const std::string& why) { losses += why + "\n"; }});
        std::optional<Status> started;
        producer->start([&](Status status) { started = std::move(status); });
        loop.advance(1s);
        REQUIRE(started);
        REQUIRE(started->has_value());
    }

    std::optional<kafka::ProduceResponse> produce(const kafka::ProduceRequest& request) {
        const auto batch =
            *kafka::BatchView::parse(request.topics.at(0).partitions.at(0).records.bytes);
        REQUIRE(batch.checksum_holds());
        sent.push_back({batch.producer_id().value(), batch.base_sequence(), batch.record_count()});
        const std::optional<ErrorCode> code = answers.empty() ? ErrorCode::none : answers.front();
        if (!answers.empty()) {
            answers.pop_front();
        }
        if (!code) {
            loop.post([this] { brokers.hang_up(); });
            return std::nullopt;
        }
        kafka::ProduceResponse response;
        auto& topic = response.topics.emplace_back();
        topic.name = "t";
        topic.partitions.emplace_back().error_code = kafka::to_wire(*code);
        return response;
    }

    // As many messages as make one batch, and time for all that follows.
    void send(int messages = 1) {
        for (int i = 0; i < messages; ++i) {
            REQUIRE(producer->add({.value = as_bytes("v")}));
        }
        loop.advance(10s);
        REQUIRE(producer->idle());
    }
};

}  // namespace

TEST_CASE("batches of an idempotent producer are numbered on") {
    World world;
    world.send(2);
    world.send(3);
    REQUIRE(world.sent == std::vector<Sent>{{101, 0, 2}, {101, 2, 3}});
    REQUIRE(world.producer->lost() == 0);
}

TEST_CASE("a plain producer's batches have no numbers") {
    World world(false);
    world.send();
    REQUIRE(world.sent == std::vector<Sent>{{-1, -1, 1}});
}

TEST_CASE("a batch whose answer was lost goes again under its number") {
    World world;
    world.answers = {std::nullopt, ErrorCode::not_leader_or_follower};
    world.send();
    world.send();
    REQUIRE(world.sent == std::vector<Sent>{{101, 0, 1}, {101, 0, 1}, {101, 0, 1}, {101, 1, 1}});
    REQUIRE(world.producer->lost() == 0);
}

TEST_CASE("a batch that was written before counts as sent") {
    World world;
    world.answers = {ErrorCode::duplicate_sequence_number};
    world.send();
    REQUIRE(world.producer->lost() == 0);
}

TEST_CASE("a broker that forgot the producer gets the batch once more, under a new id") {
    World world;
    world.send();
    world.answers = {ErrorCode::out_of_order_sequence_number};
    world.send();
    world.send();
    REQUIRE(world.sent == std::vector<Sent>{{101, 0, 1}, {101, 1, 1}, {102, 0, 1}, {102, 1, 1}});
    REQUIRE(world.producer->lost() == 0);
    world.answers = {ErrorCode::unknown_producer_id, ErrorCode::out_of_order_sequence_number};
    world.send();
    REQUIRE(world.producer->lost() == 1);
}

TEST_CASE("after a batch that was given up the producer goes on under a new id") {
    World world;
    world.answers = {ErrorCode::message_too_large};
    world.send();
    world.send();
    REQUIRE(world.producer->lost() == 1);
    REQUIRE(world.losses.find("Error when sending 1 message to topic t partition 0") == 0);
    REQUIRE(world.sent == std::vector<Sent>{{101, 0, 1}, {102, 0, 1}});
}

TEST_CASE("without a new id what waits is lost, and the next message tries again") {
    World world;
    world.gives_ids = false;
    world.answers = {ErrorCode::message_too_large};
    world.send();
    world.gives_ids = true;
    world.answers = {ErrorCode::out_of_order_sequence_number};  // the old id's first number again
    world.send();
    REQUIRE(world.producer->lost() == 1);
    REQUIRE(world.sent.back().producer_id > 102);
}
