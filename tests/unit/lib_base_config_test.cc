#include "lib/base/config.h"

namespace millrace {
namespace {

const std::array kKeys{
    ConfigKey{
        .name = "tickTime", .type = KeyType::int32, .default_value = "3000", .doc = "", .min = 1},
    ConfigKey{.name = "dataDir", .type = KeyType::text, .default_value = {}, .doc = ""},
    ConfigKey{.name = "mode",
              .type = KeyType::text,
              .default_value = "a",
              .doc = "",
              .allowed = {"a", "b"}},
    ConfigKey{.name = "tls",
              .type = KeyType::boolean,
              .default_value = "false",
              .doc = "",
              .effect = KeyEffect::refused,
              .note = "TLS comes later"},
    ConfigKey{.name = "threads",
              .type = KeyType::int32,
              .default_value = "3",
              .doc = "",
              .effect = KeyEffect::no_effect,
              .note = "there is one loop"},
};

Result<Config> build(std::string_view text, std::string_view overrides = "") {
    const std::array sources{ConfigSource{"zoo.cfg", *parse_properties(text), ""},
                             ConfigSource{"", *parse_properties(overrides), "--override"}};
    return Config::build({.keys = kKeys}, sources);
}

}  // namespace

TEST_CASE("values come from the last layer that names them, and say from where") {
    auto config = build("tickTime=2000\ndataDir=/d", "tickTime=5");
    REQUIRE(config.has_value());
    REQUIRE(config->int32("tickTime") == 5);
    REQUIRE(config->values().at("tickTime").origin == "--override");
    REQUIRE(config->values().at("dataDir").origin == "zoo.cfg:2");
    REQUIRE(config->values().at("mode").origin == "default");
}

TEST_CASE("a bad value names file, line, key, fault and what is allowed") {
    REQUIRE(build("\ntickTime=fast").error().message ==
            "zoo.cfg:2: tickTime: 'fast' is not an integer of 32 bits; allowed: 1 or more");
    REQUIRE(build("tickTime=0").error().message ==
            "zoo.cfg:1: tickTime: 0 is out of range; allowed: 1 or more");
    REQUIRE(build("mode=c").error().message == "zoo.cfg:1: mode: 'c' is not known; allowed: a, b");
}

TEST_CASE("all faults are reported at once") {
    REQUIRE(build("tickTime=x\nmode=c").error().message.find('\n') != std::string::npos);
}

TEST_CASE("a refused key is an error unless it repeats the default") {
    REQUIRE(build("tls=true").error().message == "zoo.cfg:1: tls: TLS comes later");
    REQUIRE(build("tls=false").has_value());
}

TEST_CASE("a key without effect is a warning") {
    auto config = build("threads=8");
    REQUIRE(config->warnings() ==
            std::vector<std::string>{"zoo.cfg:1: threads has no effect: there is one loop"});
}

TEST_CASE("an unknown key is a warning with the nearest known name") {
    REQUIRE(build("ticktime=1")->warnings() ==
            std::vector<std::string>{"zoo.cfg:1: ticktime: unknown key; did you mean tickTime?"});
    REQUIRE(build("completelyElse=1")->warnings() ==
            std::vector<std::string>{"zoo.cfg:1: completelyElse: unknown key"});
}

TEST_CASE("printing hides passwords and shows origins") {
    auto config = build("ssl.keystore.password=x\ndataDir=/d");
    REQUIRE(config->to_string().find("ssl.keystore.password=[hidden]  # zoo.cfg:1") !=
            std::string::npos);
    REQUIRE(config->to_string().find("dataDir=/d  # zoo.cfg:2") != std::string::npos);
}

}  // namespace millrace
