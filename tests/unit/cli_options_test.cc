#include "cli/options.h"

#include <catch2/catch.hpp>

namespace millrace::cli {
namespace {

constexpr std::array kOptions{
    Option{"topic", "name", "The topic."},
    Option{"partitions", "number", "How many."},
    Option{"partition-file", "file", "Another that begins alike."},
    Option{"config", "name=value", "A setting.", true},
    Option{"list", "", "A flag."},
    Option{"bootstrap-server", "host:port", "Where."},
    Option{.name = "codec", .value = "name", .doc = "How.", .implied = "gzip"},
    Option{.name = "zookeeper", .value = "host", .doc = "", .refusal = "comes later"},
};
constexpr Usage kUsage{.program = "tool",
                       .summary = "Does things.",
                       .options = kOptions,
                       .operands = "",
                       .examples = "  tool --list\n"};

Result<Options> parse(std::vector<std::string> words, std::string_view operands = "") {
    Usage usage = kUsage;
    usage.operands = operands;
    return Options::parse(usage, words);
}

std::string message(std::vector<std::string> words) {
    const auto options = parse(std::move(words));
    REQUIRE_FALSE(options);
    return options.error().message;
}

TEST_CASE("a value stands behind the option or behind an equals sign") {
    REQUIRE(parse({"--topic", "a"})->text("topic") == "a");
    REQUIRE(parse({"--topic=a=b"})->text("topic") == "a=b");
    REQUIRE(parse({"--topic="})->text("topic") == "");
}

TEST_CASE("one dash does as well as two") {
    REQUIRE(parse({"-list"})->has("list"));
    REQUIRE(parse({"-topic", "a"})->text("topic") == "a");
}

TEST_CASE("dashes that an editor has made long count as what was typed") {
    const auto word = GENERATE("\xe2\x80\x93list", "\xe2\x80\x94list", "\xe2\x80\x93-list",
                               "\xe2\x88\x92list", "\xef\xbc\x8d\xef\xbc\x8dlist");
    REQUIRE(parse({word})->has("list"));
}

TEST_CASE("a unique beginning of a name is the name") {
    REQUIRE(parse({"--boot", "h:1"})->text("bootstrap-server") == "h:1");
}

TEST_CASE("a beginning of several names is refused with those names") {
    REQUIRE(message({"--part", "1"}) ==
            "part is not a recognized option; it may mean --partitions or --partition-file");
}

TEST_CASE("an unknown option is told with the nearest known one") {
    REQUIRE(message({"--topik", "a"}) == "topik is not a recognized option; did you mean --topic?");
    REQUIRE(message({"--xyz"}) == "xyz is not a recognized option");
}

TEST_CASE("what is not known is unsupported, what is wrong is invalid") {
    REQUIRE(parse({"--xyz"}).error().code == Errc::unsupported);
    REQUIRE(parse({"--zookeeper", "h"}).error().code == Errc::unsupported);
    REQUIRE(parse({"stray"}).error().code == Errc::unsupported);
    REQUIRE(parse({"--topic"}).error().code == Errc::invalid_argument);
}

TEST_CASE("a value may be left out where something is implied") {
    REQUIRE(parse({"--codec"})->text("codec") == "gzip");
    REQUIRE(parse({"--codec", "--list"})->text("codec") == "gzip");
    REQUIRE(parse({"--codec", "zstd"})->text("codec") == "zstd");
}

TEST_CASE("full-width punctuation of addresses becomes ASCII") {
    REQUIRE(half_width("a\xef\xbc\x9a"
                       "1\xef\xbc\x8c"
                       "b:2") == "a:1,b:2");
    REQUIRE(half_width("plain:9092/x") == "plain:9092/x");
}

TEST_CASE("an option of the Java tool that is not offered says why") {
    REQUIRE(message({"--zookeeper", "h"}) == "--zookeeper: comes later");
}

TEST_CASE("a missing value is not taken from the next option") {
    REQUIRE(message({"--topic", "--list"}) == "Option topic requires an argument");
    REQUIRE(message({"--topic"}) == "Option topic requires an argument");
}

TEST_CASE("a value may begin with a dash when it is no option") {
    REQUIRE(parse({"--topic", "-1"})->text("topic") == "-1");
}

TEST_CASE("an option that is not repeatable may stand once") {
    REQUIRE(message({"--topic", "a", "--topic", "b"}) ==
            "Found multiple arguments for option topic, but you asked for only one");
    REQUIRE(parse({"--config", "a=1", "--config=b=2"})->all("config") ==
            std::vector<std::string>{"a=1", "b=2"});
}

TEST_CASE("a flag takes no value") {
    REQUIRE(message({"--list=yes"}) == "--list takes no value");
}

TEST_CASE("a word that is no option is refused unless operands are taken") {
    REQUIRE(message({"topics"}) == "unexpected argument 'topics'");
    const auto options = parse({"a", "--list", "--", "--topic"}, "[file ...]");
    REQUIRE(options->operands() == std::vector<std::string>{"a", "--topic"});
    REQUIRE(options->has("list"));
}

TEST_CASE("a number is read whole and within its range") {
    const auto number = [](std::string text) {
        return parse({"--partitions", std::move(text)})->number("partitions", 1, 100);
    };
    REQUIRE(number("7").value() == 7);
    REQUIRE(number("abc").error().message == "Cannot parse argument 'abc' of option partitions");
    REQUIRE_FALSE(number("7x"));
    REQUIRE(number("0").error().message == "--partitions is 0, allowed are 1 to 100");
    REQUIRE_FALSE(parse({})->number("partitions", 1, 100)->has_value());
}

TEST_CASE("help names every option that is offered, and the examples") {
    const std::string help = help_text(kUsage);
    REQUIRE(help.find("--bootstrap-server <host:port>") != std::string::npos);
    REQUIRE(help.find("--help") != std::string::npos);
    REQUIRE(help.find("zookeeper") == std::string::npos);
    REQUIRE(help.ends_with("Examples:\n  tool --list\n"));
}

}  // namespace
}  // namespace millrace::cli
