// The layers of a broker's settings.
#include <catch2/catch.hpp>

#include "broker/controller/broker_config.h"

using namespace millrace;
using namespace millrace::broker::controller;

namespace {

using Strings = std::vector<std::string>;

const std::vector<ConfigKey> kKeys{
    {.name = "broker.id", .type = KeyType::int32, .default_value = "-1"},
    {.name = "log.retention.ms", .type = KeyType::int64, .min = -1},
    {.name = "log.retention.hours", .type = KeyType::int32, .default_value = "168"},
    {.name = "listeners", .type = KeyType::list, .default_value = "PLAINTEXT://:9092"},
    {.name = "max.connections", .type = KeyType::int32, .default_value = "100", .min = 1},
    {.name = "num.io.threads",
     .type = KeyType::int32,
     .default_value = "8",
     .effect = KeyEffect::no_effect,
     .note = "there are none"},
};
const ConfigSchema kSchema{.keys = kKeys};

BrokerConfig configured(std::vector<Property> file) {
    const ConfigSource source{.name = "s", .entries = std::move(file)};
    return BrokerConfig(kSchema, *Config::build(kSchema, std::span(&source, 1)));
}

std::string shown(const BrokerConfig& config, std::string_view key) {
    std::string text;
    for (const LayeredValue& value : config.layers_of(key)) {
        text += std::to_string(static_cast<int>(value.layer)) + ":" + value.name + "=" +
                value.value + " ";
    }
    return text;
}

}  // namespace

TEST_CASE("a broker's own setting wins over that of all, which wins over the file") {
    BrokerConfig config = configured({{"max.connections", "10", 1}});
    const Config& in_force = config.in_force();
    REQUIRE(config.set_dynamic({{"max.connections", "20"}}, {{"max.connections", "30"}}).empty());
    REQUIRE(in_force.int32("max.connections") == 30);
    REQUIRE(shown(config, "max.connections") ==
            "2:max.connections=30 3:max.connections=20 4:max.connections=10 "
            "5:max.connections=100 ");
    REQUIRE(config.set_dynamic({{"max.connections", "20"}}, {}).empty());
    REQUIRE(in_force.int32("max.connections") == 20);
    REQUIRE(config.set_dynamic({}, {}).empty());
    REQUIRE(in_force.int32("max.connections") == 10);
    REQUIRE(config.set_values() == ConfigMap{{"max.connections", "10"}});
}

TEST_CASE("older spellings stand behind the key, and alone they are not its value") {
    BrokerConfig config = configured({{"log.retention.hours", "2", 1}});
    REQUIRE(shown(config, "log.retention.ms").empty());
    REQUIRE(shown(config, "log.retention.hours") ==
            "4:log.retention.hours=2 5:log.retention.hours=168 ");
    REQUIRE(config.set_dynamic({{"log.retention.ms", "7"}}, {}).empty());
    REQUIRE(shown(config, "log.retention.ms") ==
            "3:log.retention.ms=7 4:log.retention.hours=2 5:log.retention.hours=168 ");
}

TEST_CASE("what does not pass is left out and named, and the rest counts") {
    BrokerConfig config = configured({});
    const Strings remarks = config.set_dynamic(
        {{"broker.id", "7"}, {"listeners", "X://:1"}, {"log.retention.ms", "many"}},
        {{"listeners", "X://:1"}, {"max.connections", "5"}, {"num.io.threads", "9"}});
    REQUIRE(config.in_force().int32("max.connections") == 5);
    REQUIRE(config.in_force().int32("broker.id") == -1);
    REQUIRE_FALSE(config.in_force().has("log.retention.ms"));
    REQUIRE(config.in_force().text("listeners") == "PLAINTEXT://:9092");
    REQUIRE(remarks.size() == 5);
    REQUIRE(remarks[0].find("broker.id is left out: Cannot update these configs dynamically") !=
            std::string::npos);
    REQUIRE(remarks[4].find("num.io.threads has no effect: there are none") != std::string::npos);
}

TEST_CASE("clients are told in Kafka's words what cannot change at run time") {
    const auto told = [](const ConfigMap& settings, bool all_brokers) {
        const Status status = check_dynamic(kSchema, settings, all_brokers);
        return status ? std::string("ok") : status.error().message;
    };
    REQUIRE(told({{"broker.id", "1"}, {"log.retention.hours", "1"}}, false) ==
            "Cannot update these configs dynamically: Set(broker.id, log.retention.hours)");
    REQUIRE(told({{"listeners", "X://:1"}}, true) ==
            "Cannot update these configs at default cluster level, broker id must be specified: "
            "Set(listeners)");
    REQUIRE(told({{"listeners", "X://:1"}}, false).find("start it again") != std::string::npos);
    REQUIRE(told({{"max.connections", "0"}}, false).find("max.connections") != std::string::npos);
    REQUIRE(told({{"max.connections", "1"}, {"log.retention.ms", "-1"}}, true) == "ok");
    // For plug-ins: every broker takes keys that it does not know.
    REQUIRE(told({{"my.plugin", "x"}}, true) == "ok");
}
