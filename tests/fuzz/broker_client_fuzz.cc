// Bytes of the clients of a broker with its partitions, groups and metadata, in a world that moves only when the input says so.
// Steps, each behind a byte: bytes as they are, a frame, a request of a chosen API and version with a body of bytes or a random
// one, time passes, a client hangs up. Every answer must be one of the asked version. At the end the machine fails, and the
// partitions must open again.
#include "broker/api/group_service.h"
#include "broker/log/file_names.h"
#include "broker/server/broker_keys.h"
#include "broker/server/connection.h"
#include "lib/base/check.h"
#include "lib/base/log.h"
#include "lib/kafka/produce_fetch.h"
#include "lib/kafka/samples.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/manual_loop.h"
#include "tests/support/memory_file_system.h"
#include "tests/support/silent_network.h"
#include "tests/support/wire_network.h"

namespace millrace::broker::server {
namespace {

using kafka::ErrorCode;
using testing::Wire;

constexpr std::size_t kClients = 2;
constexpr std::size_t kStepsMax = 48;
constexpr std::int32_t kBrokerId = 1;
const std::string kLogs = "/logs";

// The rest of a cluster, which agrees to everything and remembers nothing.
class Cluster final : public api::Cluster {
 public:
    explicit Cluster(runtime::Loop& loop) : x_loop(loop) {}

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
    const std::map<std::string, std::string>& topic_config(std::string_view) const override {
        return x_config;
    }
    void refresh_topic_config(std::string, std::function<void()> then) override {
        x_loop.post(std::move(then));
    }
    void alter_topic_config(std::string, api::ConfigChanges, bool,
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
    std::map<std::string, std::string> x_config{{"cleanup.policy", "delete"}};
    std::int64_t x_last_id = 0;
};

const tests::CodecProbe& probe_of(std::string_view api, std::string_view what) {
    const auto& probes = tests::lib_kafka_samples();
    const auto found =
        std::ranges::find(probes, fmt::format("{}{}", api, what), &tests::CodecProbe::name);
    CHECK(found != probes.end(), "every API has samples");
    return *found;
}

Config config() {
    const ConfigSource source{
        .name = "",
        .entries = {{"broker.id", "1", 0}, {"log.dirs", kLogs, 0}, {"zookeeper.connect", "c:1", 0}},
        .origin = "fuzz"};
    auto built = Config::build(broker_schema(), std::span(&source, 1));
    CHECK(built.has_value());
    return std::move(*built);
}

struct Client {
    std::shared_ptr<Wire> wire;
    std::unique_ptr<Connection> connection;
    std::deque<kafka::RequestHeader> asked;  // in the order of their answers
    bool ended = false;
};

class World {
 public:
    World() {
        CHECK(x_files.make_directories(kLogs));
        open();
        x_replicas.emplace(std::vector{x_directory.get()}, kBrokerId, replica::Durability::synced);
        x_groups.emplace(x_loop, *x_replicas, group_config_of(x_config));
        x_services.emplace(api::Services{.loop = x_loop,
                                         .config = x_config,
                                         .config_keys = broker_schema().keys,
                                         .broker_id = kBrokerId,
                                         .cluster_id = "fuzz",
                                         .broker_epoch = [] { return std::int64_t{1}; },
                                         .replicas = *x_replicas,
                                         .metadata = x_metadata,
                                         .groups = *x_groups,
                                         .cluster = x_cluster,
                                         .on_metadata = [] {}});
        add_topics();
    }

    void play(fuzz::Input& input) {
        for (std::size_t i = 0; i < kStepsMax && !input.empty(); ++i) {
            step(input);
            settle();
        }
    }

    void check_restart() {
        x_clients = {};
        x_services.reset();
        x_groups.reset();
        x_replicas.reset();
        x_directory.reset();
        x_files.crash();
        open();
    }

 private:
    void open() {
        log::LogDirectoryOptions options;
        options.path = kLogs;
        options.config_of = [](const std::string&) { return log::LogConfig{}; };
        auto opened = log::LogDirectory::open(x_runtime, std::move(options));
        CHECK(opened.has_value(), "what a broker wrote can be read again");
        x_directory = std::move(*opened);
        x_directory->invariants();
    }

    // As the controller of a cluster of one announces them; the id is that of the captured Fetch request.
    void add_topics() {
        kafka::LeaderAndIsrRequest leaders;
        kafka::UpdateMetadataRequest metadata;
        leaders.controller_id = metadata.controller_id = kBrokerId;
        leaders.controller_epoch = metadata.controller_epoch = 1;
        auto& broker = metadata.live_brokers.emplace_back();
        broker.id = kBrokerId;
        broker.endpoints.push_back({9092, "broker", "PLAINTEXT", 0});
        for (const char* name : {"orders", "codec-lz4", "__consumer_offsets"}) {
            kafka::Uuid id = *kafka::Uuid::parse("lMt-darETGKkGf4HgNLXcg");
            id.bytes[15] ^= std::byte{name[0] == 'o' ? std::uint8_t{0} : std::uint8_t(name[0])};
            auto& led = leaders.topic_states.emplace_back();
            auto& known = metadata.topic_states.emplace_back();
            led.topic_name = known.topic_name = name;
            led.topic_id = known.topic_id = id;
            auto& state = led.partition_states.emplace_back();
            auto& view = known.partition_states.emplace_back();
            state.leader = view.leader = kBrokerId;
            state.replicas = state.isr = view.replicas = view.isr = {kBrokerId};
        }
        Client& client = x_clients[0];
        send(client, 4, 7, tests::encode_value(leaders, 7));
        send(client, 6, 8, tests::encode_value(metadata, 8));
        settle();
        CHECK(x_replicas->size() == 3 && x_metadata.topics().size() == 3);
    }

    void step(fuzz::Input& input) {
        const std::size_t what = input.choice(6);
        if (what == 4) {
            x_loop.advance(std::chrono::milliseconds(input.byte() * 50));
            return;
        }
        Client& client = x_clients[input.choice(kClients)];
        if (what == 0) {
            receive(client, input.piece());
        } else if (what == 1) {
            receive_frame(client, input.piece());
        } else if (what == 2 || what == 3) {
            const auto apis = api::served_apis();
            const kafka::ApiInfo& asked = apis[input.byte() % apis.size()];
            const auto versions =
                static_cast<std::size_t>(asked.max_version - asked.min_version) + 1;
            const auto version = static_cast<std::int16_t>(asked.min_version +
                                                           std::int16_t(input.byte() % versions));
            if (what == 2) {
                send(client, asked.key, version, input.piece());
            } else {
                Random random(input.byte());
                send(client, asked.key, version,
                     probe_of(asked.name, "Request").sample(random, version));
            }
        } else if (client.wire != nullptr && client.wire->handler != nullptr) {
            client.wire->handler->on_closed({});
        }
    }

    void connect(Client& client) {
        if (client.connection != nullptr && !client.ended) {
            return;
        }
        client.connection.reset();
        client.wire = std::make_shared<Wire>();
        client.asked.clear();
        client.ended = false;
        client.connection = std::make_unique<Connection>(
            *x_services, std::make_unique<testing::WireStream>(client.wire, x_loop, "127.0.0.1"),
            ConnectionOptions{.listener = "PLAINTEXT", .request_bytes_max = 1 << 16}, x_counters,
            [&client] { client.ended = true; });
    }

    static bool has_answer(const kafka::RequestFrame& frame) {
        wire::Reader body = frame.body;
        const bool is_produce = frame.header.key == kafka::ApiKey::produce;
        const auto produce = is_produce ? kafka::ProduceRequest::decode(body, frame.header.version)
                                        : Result<kafka::ProduceRequest>({.acks = 1});
        return !produce || produce->acks != 0;
    }

    // What the broker takes for a request is noted before it is shown to it.
    void receive(Client& client, BytesView bytes) {
        connect(client);
        Bytes all = client.wire->unread;
        all.insert(all.end(), bytes.begin(), bytes.end());
        for (BytesView rest = all; rest.size() >= kafka::kFrameLengthSize;) {
            wire::Reader reader(rest);
            const std::int32_t length = reader.int32();
            if (length < 0 || static_cast<std::size_t>(length) > reader.remaining()) {
                break;
            }
            const auto size = static_cast<std::size_t>(length);
            const auto frame =
                kafka::parse_request_frame(rest.subspan(kafka::kFrameLengthSize, size));
            if (frame && has_answer(*frame)) {
                client.asked.push_back(frame->header);
            }
            rest = rest.subspan(kafka::kFrameLengthSize + size);
        }
        client.wire->receive(bytes);
    }
    void receive_frame(Client& client, BytesView body) {
        wire::Writer frame;
        frame.int32(static_cast<std::int32_t>(body.size()));
        frame.bytes(body);
        receive(client, frame.view());
    }
    void send(Client& client, std::int16_t key, std::int16_t version, BytesView body) {
        wire::Writer frame = kafka::begin_request({.key = static_cast<kafka::ApiKey>(key),
                                                   .version = version,
                                                   .correlation_id = ++x_correlation,
                                                   .client_id = "fuzz"});
        frame.bytes(body);
        kafka::finish_frame(frame);
        const Bytes bytes = frame.take();
        receive(client, bytes);
    }

    void settle() {
        x_disk.run_until_idle();
        CHECK(!x_metadata.invariants(), "topics and their ids agree");
        CHECK(!x_groups->core().invariants(), "groups are consistent");
        for (const runtime::DirectoryEntry& entry : *x_files.list(kLogs)) {
            CHECK(!entry.is_directory || log::parse_partition_folder(entry.name) ||
                      log::is_deleted_folder(entry.name),
                  "every folder is that of a partition");
        }
        for (Client& client : x_clients) {
            if (client.wire != nullptr) {
                check_answers(client);
            }
        }
    }

    static void check_answers(Client& client) {
        BytesView rest = client.wire->sent;
        while (!rest.empty()) {
            wire::Reader reader(rest);
            const std::int32_t length = reader.int32();
            CHECK(reader.ok() && length >= 4 &&
                      static_cast<std::size_t>(length) <= reader.remaining(),
                  "answers are whole frames");
            const auto size = static_cast<std::size_t>(length);
            check_answer(client, rest.subspan(kafka::kFrameLengthSize, size));
            rest = rest.subspan(kafka::kFrameLengthSize + size);
        }
        client.wire->sent.clear();
    }

    static void check_answer(Client& client, BytesView frame) {
        wire::Reader reader(frame);
        const std::int32_t correlation = reader.int32();
        CHECK(!client.asked.empty() && client.asked.front().correlation_id == correlation,
              "answers come in the order of the requests");
        const kafka::RequestHeader header = client.asked.front();
        client.asked.pop_front();
        const kafka::ApiInfo* api = kafka::find_api(static_cast<std::int16_t>(header.key));
        CHECK(api != nullptr);
        const std::int16_t version = api->serves(header.version) ? header.version : std::int16_t{0};
        const auto answer = kafka::parse_response_frame(frame, header.key, version);
        CHECK(answer.has_value(), "the header is that of the version");
        wire::Reader body = answer->body;
        const BytesView bytes = body.bytes(body.remaining());
        const auto again = probe_of(api->name, "Response").recode(bytes, version);
        CHECK(again && again->size() == bytes.size(), "the body is that of the version");
    }

    const Config x_config = config();
    testing::ManualLoop x_loop;
    testing::ManualDiskPool x_disk{x_loop};
    testing::MemoryFileSystem x_files;
    testing::SilentNetwork x_network;
    runtime::Runtime x_runtime{x_loop, x_network, x_files, x_disk};
    Cluster x_cluster{x_loop};
    controller::MetadataCache x_metadata;
    TrafficCounters x_counters;
    std::int32_t x_correlation = 0;
    std::unique_ptr<log::LogDirectory> x_directory;
    std::optional<replica::ReplicaSet> x_replicas;
    std::optional<api::GroupService> x_groups;
    std::optional<api::Services> x_services;
    std::array<Client, kClients> x_clients;
};

}  // namespace
}  // namespace millrace::broker::server

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    millrace::configure_log(millrace::LogLevel::error, millrace::LogFormat::text);
    millrace::fuzz::Input input(data, size);
    millrace::broker::server::World world;
    world.play(input);
    world.check_restart();
    return 0;
}
