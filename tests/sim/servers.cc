#include "tests/sim/servers.h"

#include <fmt/format.h>

#include "broker/server/broker_keys.h"
#include "broker/server/node.h"
#include "coordinator/server/node.h"
#include "lib/base/check.h"
#include "tests/sim/broker_checks.h"

namespace millrace::sim {

namespace {

// Shorter than a controller's change of a partition takes, over a network with its delays.
constexpr Duration kBrokerCheckPeriod = 20ms;

class CoordinatorProgram : public Program {
 public:
    CoordinatorProgram(const runtime::Runtime& runtime, coordinator::server::ServerOptions options,
                       const std::function<void(std::string)>& ended)
        : x_runtime(runtime),
          x_ended(ended),
          x_node(runtime, std::move(options),
                 [ended](const Error& error) { ended("failed: " + error.to_string()); }) {}

    Status start() override {
        TRY(x_node.start());
        check();
        return {};
    }
    bool stop() override {
        x_node.stop([this] { x_ended("stopped"); });
        return true;
    }

 private:
    void check() {
        x_node.invariants();
        x_runtime.loop.run_after(250ms, [this] { check(); });
    }

    runtime::Runtime x_runtime;
    std::function<void(std::string)> x_ended;
    coordinator::server::Node x_node;
};

class BrokerProgram : public Program {
 public:
    BrokerProgram(const runtime::Runtime& runtime, Config config,
                  const std::function<void(std::string)>& ended)
        : x_loop(runtime.loop),
          x_config(std::move(config)),
          x_node(runtime, x_config,
                 [ended](int exit_code) { ended(fmt::format("exit code {}", exit_code)); }),
          x_checks(x_node) {}

    Status start() override {
        TRY(x_node.start());
        check();
        return {};
    }
    bool stop() override {
        x_node.stop();
        return true;
    }

 private:
    void check() {
        x_checks.look();
        x_loop.run_after(kBrokerCheckPeriod, [this] { check(); });
    }

    runtime::Loop& x_loop;
    Config x_config;
    broker::server::Node x_node;
    BrokerChecks x_checks;
};

}  // namespace

coordinator::server::ServerOptions draw_coordinator_options(Random& random) {
    coordinator::server::ServerOptions options;
    options.data_dir = "/data/zk";
    options.data_log_dir = "/data/zk";
    options.client = {"", kZkPort};
    options.tick = 1s;
    options.session_timeout_min_ms = 2'000;
    options.session_timeout_max_ms = 20'000;
    options.snap_count = std::array{10, 60, 400, 100'000}[random.below(4)];
    options.log_file_bytes_max = random.chance(0.5) ? 0 : 16 * 1024;
    options.purge_interval = random.chance(0.5) ? Duration{} : Duration{5s};
    return options;
}

MakeProgram coordinator_program(coordinator::server::ServerOptions options) {
    return [options](const runtime::Runtime& runtime, std::function<void(std::string)> ended) {
        return std::make_unique<CoordinatorProgram>(runtime, options, ended);
    };
}

ConfigSource draw_broker_settings(Random& random) {
    const auto text = [](std::int64_t value) { return std::to_string(value); };
    ConfigSource source{.name = "", .entries = {}, .origin = "simulation"};
    const auto set = [&](std::string key, std::string value) {
        source.entries.push_back({std::move(key), std::move(value), 0});
    };
    set("zookeeper.connect", fmt::format("coordinator:{}/kafka", kZkPort));
    set("zookeeper.session.timeout.ms", "6000");
    set("listeners", "PLAINTEXT://:9092");
    set("log.dirs", "/data/kafka");
    set("offsets.topic.num.partitions", "2");
    set("offsets.topic.replication.factor", "1");
    set("group.initial.rebalance.delay.ms", text(std::array{0, 500}[random.below(2)]));
    set("log.segment.bytes", text(std::array{2'000, 20'000, 1'000'000}[random.below(3)]));
    set("log.index.interval.bytes", text(std::array{0, 200, 4'096}[random.below(3)]));
    set("log.flush.offset.checkpoint.interval.ms",
        text(std::array{500, 5'000, 60'000}[random.below(3)]));
    set("replica.high.watermark.checkpoint.interval.ms",
        text(std::array{300, 5'000}[random.below(2)]));
    return source;
}

Config broker_config(const ConfigSource& settings, std::int32_t id, const std::string& host) {
    ConfigSource own = settings;
    own.entries.push_back({"broker.id", std::to_string(id), 0});
    own.entries.push_back(
        {"advertised.listeners", fmt::format("PLAINTEXT://{}:{}", host, kKafkaPort), 0});
    auto config = Config::build(broker::server::broker_schema(), std::span(&own, 1));
    CHECK(config.has_value(), "the settings of the simulated broker are allowed");
    return std::move(*config);
}

MakeProgram broker_program(Config config) {
    return [config = std::move(config)](const runtime::Runtime& runtime,
                                        const std::function<void(std::string)>& ended) {
        return std::make_unique<BrokerProgram>(runtime, config, ended);
    };
}

bool broker_may_end(const std::string& why) {
    constexpr std::string_view kNoCoordinators = "exit code 5";
    constexpr std::string_view kNoRegistration = "exit code 3";
    return why == kNoCoordinators || why == kNoRegistration;
}

}  // namespace millrace::sim
