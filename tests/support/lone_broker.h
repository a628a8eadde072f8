// A broker without its network and its coordinators: log directory, partitions, groups and metadata behind the API handlers, in a
// world that moves only when a test says so.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/api/api_dispatch.h"
#include "broker/api/group_service.h"
#include "broker/server/broker_keys.h"
#include "lib/base/check.h"
#include "tests/support/manual_loop.h"
#include "tests/support/memory_file_system.h"
#include "tests/support/silent_network.h"

namespace millrace::broker::testing {

using kafka::ErrorCode;

// The rest of a cluster, which agrees to everything and remembers nothing.
class AgreeableCluster final : public api::Cluster {
 public:
    explicit AgreeableCluster(runtime::Loop& loop) : x_loop(loop) {}

    bool is_controller() const override { return true; }
    void create_topics(std::vector<controller::TopicSpec> topics, api::CreateOptions,
                       api::TopicOutcomes then) override {
        std::vector<api::TopicOutcome> outcomes;
        for (const controller::TopicSpec& topic : topics) {
            outcomes.push_back({.topic = topic.name});
        }
        answer(std::move(outcomes), std::move(then));
    }
    void add_partitions(std::vector<controller::MorePartitions> topics, api::CreateOptions,
                        api::TopicOutcomes then) override {
        std::vector<api::TopicOutcome> outcomes;
        for (const controller::MorePartitions& topic : topics) {
            outcomes.push_back({.topic = topic.topic});
        }
        answer(std::move(outcomes), std::move(then));
    }
    void delete_topics(std::vector<std::string> topics, std::int32_t,
                       api::TopicOutcomes then) override {
        std::vector<api::TopicOutcome> outcomes;
        for (const std::string& topic : topics) {
            outcomes.push_back({.topic = topic, .error = ErrorCode::request_timed_out});
        }
        answer(std::move(outcomes), std::move(then));
    }
    const controller::ConfigMap& config_of(const std::string&) const override { return x_config; }
    void refresh_config(std::string, std::function<void()> then) override {
        x_loop.post(std::move(then));
    }
    void alter_config(std::string, api::ConfigChanges, bool,
                      std::function<void(ErrorCode, std::string)> then) override {
        x_loop.post([then = std::move(then)] { then(ErrorCode::none, ""); });
    }
    void new_producer_id(std::function<void(ErrorCode, std::int64_t)> then) override {
        x_loop.post([then = std::move(then), id = ++x_last_id] { then(ErrorCode::none, id); });
    }
    void controlled_shutdown(const kafka::ControlledShutdownRequest&,
                             std::function<void(kafka::ControlledShutdownResponse)> then) override {
        x_loop.post([then = std::move(then)] { then({}); });
    }
    void allocate_producer_ids(
        const kafka::AllocateProducerIdsRequest&,
        std::function<void(kafka::AllocateProducerIdsResponse)> then) override {
        x_loop.post([then = std::move(then)] { then({}); });
    }

 private:
    void answer(std::vector<api::TopicOutcome> outcomes, api::TopicOutcomes then) {
        x_loop.post([outcomes = std::move(outcomes), then = std::move(then)] { then(outcomes); });
    }

    runtime::Loop& x_loop;
    controller::ConfigMap x_config{{"cleanup.policy", "delete"}};
    std::int64_t x_last_id = 0;
};

// Keeps the frame it is given.
class KeptExchange final : public api::Exchange {
 public:
    void send(wire::Writer frame, std::vector<api::FilePiece>) override { answer = frame.take(); }
    void send_nothing() override {}
    void when_gone(std::function<void()> then) override { gone = std::move(then); }
    void refuse(const Error&) override {}

    std::function<void()> gone;

    std::optional<Bytes> answer;
};

inline constexpr std::int32_t kLoneBrokerId = 1;

struct LoneBroker {
    static constexpr const char* kLogs = "/logs";

    LoneBroker() {
        CHECK(files.make_directories(kLogs));
        open();
    }

    // What is open is of no use afterwards; whoever holds on to the services lets go before.
    void crash() {
        services.reset();
        groups.reset();
        replicas.reset();
        directory.reset();
        files.crash();
        open();
    }

    // Shows the request to the broker and lets it do all it can without time passing.
    template <class Request>
    std::shared_ptr<KeptExchange> begin(const Request& request, std::int16_t version);
    // The answer to it; nothing when there is none yet.
    template <class Request>
    std::optional<kafka::ResponseOf<Request>> ask(const Request& request, std::int16_t version);

    const controller::BrokerConfig config{server::broker_schema(), lone_config()};
    millrace::testing::ManualLoop loop;
    millrace::testing::ManualDiskPool disk{loop};
    millrace::testing::MemoryFileSystem files;
    millrace::testing::SilentNetwork network;
    runtime::Runtime runtime{loop, network, files, disk};
    AgreeableCluster cluster{loop};
    controller::MetadataCache metadata;
    std::unique_ptr<log::LogDirectory> directory;
    std::optional<replica::ReplicaSet> replicas;
    std::optional<api::GroupService> groups;
    std::optional<api::Services> services;

 private:
    static Config lone_config() {
        const ConfigSource source{.name = "",
                                  .entries = {{"broker.id", "1", 0},
                                              {"log.dirs", kLogs, 0},
                                              {"zookeeper.connect", "c:1", 0}},
                                  .origin = "test"};
        auto built = Config::build(server::broker_schema(), std::span(&source, 1));
        CHECK(built.has_value());
        return std::move(*built);
    }

    void open() {
        log::LogDirectoryOptions options;
        options.path = kLogs;
        options.config_of = [](const std::string&) { return log::LogConfig{}; };
        auto opened = log::LogDirectory::open(runtime, std::move(options));
        CHECK(opened.has_value(), "what a broker wrote can be read again");
        directory = std::move(*opened);
        directory->invariants();
        replicas.emplace(std::vector{directory.get()}, kLoneBrokerId, replica::Durability::synced);
        groups.emplace(loop, *replicas, server::group_config_of(config.in_force()));
        services.emplace(api::Services{.loop = loop,
                                       .config = config,
                                       .broker_id = kLoneBrokerId,
                                       .cluster_id = "lone",
                                       .broker_epoch = [] { return std::int64_t{5}; },
                                       .replicas = *replicas,
                                       .metadata = metadata,
                                       .groups = *groups,
                                       .cluster = cluster,
                                       .on_metadata = [] {}});
    }
};

template <class Request>
std::shared_ptr<KeptExchange> LoneBroker::begin(const Request& request, std::int16_t version) {
    wire::Writer body;
    request.encode(body, version);
    auto exchange = std::make_shared<KeptExchange>();
    exchange->header.key = static_cast<kafka::ApiKey>(Request::kApiKey);
    exchange->header.version = version;
    exchange->listener = "PLAINTEXT";
    const Bytes bytes = body.take();
    api::dispatch(*services, exchange, wire::Reader(bytes));
    disk.run_until_idle();
    return exchange;
}

template <class Request>
std::optional<kafka::ResponseOf<Request>> LoneBroker::ask(const Request& request,
                                                          std::int16_t version) {
    const std::shared_ptr<KeptExchange> exchange = begin(request, version);
    if (!exchange->answer) {
        return std::nullopt;
    }
    const BytesView frame = BytesView(*exchange->answer).subspan(kafka::kFrameLengthSize);
    auto parsed = kafka::parse_response_frame(frame, exchange->header.key, version);
    CHECK(parsed.has_value());
    auto response = kafka::ResponseOf<Request>::decode(parsed->body, version);
    CHECK(response.has_value());
    return std::move(*response);
}

}  // namespace millrace::broker::testing
