#include "cli/topic_options.h"

#include <catch2/catch.hpp>

namespace millrace::cli {
namespace {

// The sentences are those of Kafka 3.9.2's TopicCommand.

Options parsed(std::vector<std::string> words) {
    words.insert(words.begin(), {"--bootstrap-server", "h:1"});
    const auto options = Options::parse(kTopicsUsage, words);
    REQUIRE(options);
    return *options;
}

std::string misuse(std::vector<std::string> words) {
    return topics_misuse(parsed(std::move(words))).value_or("");
}

TEST_CASE("exactly one action is given") {
    const std::string message =
        "Command must include exactly one action: --list, --describe, --create, --alter or --delete";
    REQUIRE(misuse({}) == message);
    REQUIRE(misuse({"--list", "--create"}) == message);
    REQUIRE(misuse({"--list"}).empty());
}

TEST_CASE("an action misses what it needs") {
    REQUIRE(misuse({"--create"}) == "Missing required argument \"[topic]\"");
    REQUIRE(misuse({"--delete"}) == "Missing required argument \"[topic]\"");
    REQUIRE(misuse({"--alter", "--topic", "a"}) == "Missing required argument \"[partitions]\"");
}

TEST_CASE("options that belong to other actions are refused") {
    REQUIRE(misuse({"--list", "--partitions", "3"}) ==
            "Option \"[partitions]\" can't be used with option \"[list]\"");
    REQUIRE(misuse({"--create", "--topic", "a", "--if-exists"}) ==
            "Option \"[if-exists]\" can't be used with option \"[create]\"");
    REQUIRE(misuse({"--describe", "--if-exists", "--topic", "a"}).empty());
    REQUIRE(misuse({"--describe", "--topics-with-overrides", "--unavailable-partitions"}) ==
            "Option \"[unavailable-partitions]\" can't be used with option "
            "\"[topics-with-overrides]\"");
}

TEST_CASE("an assignment is given instead of numbers when a topic is made") {
    REQUIRE(
        misuse({"--create", "--topic", "a", "--replica-assignment", "1", "--partitions", "1"}) ==
        "Option \"[replica-assignment]\" can't be used with option \"[partitions]\"");
    REQUIRE(misuse({"--alter", "--topic", "a", "--replica-assignment", "1", "--partitions", "1"})
                .empty());
}

TEST_CASE("an assignment lists the brokers of each partition") {
    REQUIRE(*parse_assignment("1:2,2:3") == std::vector<std::vector<std::int32_t>>{{1, 2}, {2, 3}});
    REQUIRE(parse_assignment("1:1").error().message ==
            "Partition replica lists may not contain duplicate entries: 1");
    REQUIRE(parse_assignment("1:x").error().message == "For input string: \"x\"");
    REQUIRE(parse_assignment("1,,2").error().message == "For input string: \"\"");
    REQUIRE(parse_assignment("1:2,1").error().message ==
            "Partition 1 has different replication factor: [1]");
}

TEST_CASE("numbers have the limits of Kafka") {
    const auto message = [](std::vector<std::string> words) {
        words.insert(words.begin(), "--create");
        const Options options = parsed(std::move(words));
        const auto replicas = replication_factor_of(options);
        const auto partitions = partitions_of(options);
        return !replicas ? replicas.error().message : !partitions ? partitions.error().message : "";
    };
    REQUIRE(message({"--partitions", "0"}) == "The partitions must be greater than 0");
    REQUIRE(message({"--partitions", "abc"}) == "Cannot parse argument 'abc' of option partitions");
    REQUIRE(message({"--replication-factor", "0"}) ==
            "The replication factor must be between 1 and 32767 inclusive");
    REQUIRE(message({"--replication-factor", "32767", "--partitions", "1"}).empty());
}

TEST_CASE("a setting has a name and a value") {
    REQUIRE(parse_setting("a=b=c")->second == "b=c");
    REQUIRE(parse_setting("a=")->second.empty());
    REQUIRE_FALSE(parse_setting("a"));
}

}  // namespace
}  // namespace millrace::cli
