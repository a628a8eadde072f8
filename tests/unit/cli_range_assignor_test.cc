#include "cli/range_assignor.h"

#include <catch2/catch.hpp>

namespace millrace::cli {
namespace {

using Subscriptions = std::map<std::string, std::vector<std::string>>;

TEST_CASE("partitions are cut into stretches, the first members get one more") {
    const auto assigned = assign_ranges({{"b", {"t"}}, {"a", {"t"}}, {"c", {"t"}}}, {{"t", 7}});
    REQUIRE(assigned.at("a").at("t") == std::vector<std::int32_t>{0, 1, 2});
    REQUIRE(assigned.at("b").at("t") == std::vector<std::int32_t>{3, 4});
    REQUIRE(assigned.at("c").at("t") == std::vector<std::int32_t>{5, 6});
}

TEST_CASE("each topic is cut by itself, among those that subscribed to it") {
    const auto assigned = assign_ranges({{"a", {"t", "u"}}, {"b", {"u"}}}, {{"t", 3}, {"u", 2}});
    REQUIRE(assigned.at("a") == Assignment{{"t", {0, 1, 2}}, {"u", {0}}});
    REQUIRE(assigned.at("b") == Assignment{{"u", {1}}});
}

TEST_CASE("a member for whom nothing is left has an empty entry") {
    const auto assigned = assign_ranges({{"a", {"t"}}, {"b", {"t"}}}, {{"t", 1}});
    REQUIRE(assigned.at("a") == Assignment{{"t", {0}}});
    REQUIRE(assigned.at("b").empty());
}

TEST_CASE("a topic that nobody knows is left out") {
    const auto assigned = assign_ranges({{"a", {"t", "gone"}}}, {{"t", 1}});
    REQUIRE(assigned.at("a") == Assignment{{"t", {0}}});
}

TEST_CASE("every partition goes to exactly one member") {
    const auto count = GENERATE(range(1, 40));
    Subscriptions subscriptions;
    for (int member = 0; member < 7; ++member) {
        subscriptions["m" + std::to_string(member)] = {"t"};
    }
    std::vector<int> owners(static_cast<std::size_t>(count));
    for (const auto& [member, assignment] : assign_ranges(subscriptions, {{"t", count}})) {
        if (const auto topic = assignment.find("t"); topic != assignment.end()) {
            for (const std::int32_t partition : topic->second) {
                ++owners.at(static_cast<std::size_t>(partition));
            }
        }
    }
    REQUIRE(owners == std::vector<int>(owners.size(), 1));
}

}  // namespace
}  // namespace millrace::cli
