#include "tests/sim/servers.h"

#include <fmt/format.h>

#include "broker/server/broker_keys.h"
#include "broker/server/node.h"
#include "coordinator/server/node.h"
#include "lib/base/check.h"

namespace millrace::sim {

namespace {

class CoordinatorProgram : public Program {
 public:
    CoordinatorProgram(const runtime::Runtime& runtime, coordinator::server::ServerOptions options,
                       const std::function<void(std::string)>& ended)
        : x_runtime(runtime), x_node(runtime, std::move(options), [ended](const Error& error) {
              ended("failed: " + error.to_string());
          }) {}

    Status start() override {
        TRY(x_node.start());
        check();
        return {};
    }

 private:
    void check() {
        x_node.invariants();
        x_runtime.loop.run_after(250ms, [this] { check(); });
    }

    runtime::Runtime x_runtime;
    coordinator::server::Node x_node;
};

class BrokerProgram : public Program {
 public:
    BrokerProgram(const runtime::Runtime& runtime, const Config& config,
                  const std::function<void(std::string)>& ended)
        : x_node(runtime, config,
                 [ended](int exit_code) { ended(fmt::format("exit code {}", exit_code)); }) {}

    Status start() override { return x_node.start(); }

 private:
    broker::server::Node x_node;
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

Config draw_broker_config(Random& random, const std::string& host) {
    const auto text = [](std::int64_t value) { return std::to_string(value); };
    ConfigSource source{.name = "", .entries = {}, .origin = "simulation"};
    const auto set = [&](std::string key, std::string value) {
        source.entries.push_back({std::move(key), std::move(value), 0});
    };
    set("broker.id", "1");
    set("zookeeper.connect", "coordinator:2181/kafka");
    set("zookeeper.session.timeout.ms", "6000");
    set("listeners", "PLAINTEXT://:9092");
    set("advertised.listeners", fmt::format("PLAINTEXT://{}:{}", host, kKafkaPort));
    set("log.dirs", "/data/kafka");
    set("log.segment.bytes", text(std::array{2'000, 20'000, 1'000'000}[random.below(3)]));
    set("log.index.interval.bytes", text(std::array{0, 200, 4'096}[random.below(3)]));
    set("log.flush.offset.checkpoint.interval.ms",
        text(std::array{500, 5'000, 60'000}[random.below(3)]));
    set("replica.high.watermark.checkpoint.interval.ms",
        text(std::array{300, 5'000}[random.below(2)]));
    auto config = Config::build(broker::server::broker_schema(), std::span(&source, 1));
    CHECK(config.has_value(), "the settings of the simulated broker are allowed");
    return std::move(*config);
}

MakeProgram broker_program(const Config& config) {
    return [&config](const runtime::Runtime& runtime, std::function<void(std::string)> ended) {
        return std::make_unique<BrokerProgram>(runtime, config, ended);
    };
}

}  // namespace millrace::sim
