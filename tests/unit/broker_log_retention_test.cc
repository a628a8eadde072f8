#include "broker/log/retention.h"

#include <vector>

using namespace millrace::broker::log;

namespace {

// Three segments of 100 bytes and 10 offsets; their newest records are of times 1000, 2000 and 3000.
std::vector<SegmentFacts> segments() {
    return {{0, 10, 100, 1000, 0}, {10, 20, 100, 2000, 0}, {20, 30, 100, 3000, 0}};
}

LogConfig limits(std::int64_t ms, std::int64_t bytes) {
    LogConfig config;
    config.retention_ms = ms;
    config.retention_bytes = bytes;
    return config;
}

}  // namespace

TEST_CASE("Segments whose newest record is too old go") {
    REQUIRE(plan_retention(segments(), limits(500, -1), {0, 30, 2400}).drop == 1);
    REQUIRE(plan_retention(segments(), limits(500, -1), {0, 30, 2600}).drop == 2);
    REQUIRE(plan_retention(segments(), limits(500, -1), {0, 30, 1500}).drop == 0);
}

TEST_CASE("An expired active segment goes too") {
    REQUIRE(plan_retention(segments(), limits(500, -1), {0, 30, 9000}).drop == 3);
}

TEST_CASE("An empty active segment stays") {
    auto facts = segments();
    facts.push_back({30, 30, 0, -1, 0});
    REQUIRE(plan_retention(facts, limits(500, -1), {0, 30, 9000}).drop == 3);
}

TEST_CASE("Segments go while the rest is still above retention.bytes") {
    REQUIRE(plan_retention(segments(), limits(-1, 150), {0, 30, 0}).drop == 1);
    REQUIRE(plan_retention(segments(), limits(-1, 200), {0, 30, 0}).drop == 1);
    REQUIRE(plan_retention(segments(), limits(-1, 201), {0, 30, 0}).drop == 0);
}

TEST_CASE("Nothing above the high watermark goes") {
    REQUIRE(plan_retention(segments(), limits(1, -1), {0, 19, 9000}).drop == 1);
}

TEST_CASE("Segments below the log start offset go without other reasons") {
    REQUIRE(plan_retention(segments(), limits(-1, -1), {20, 30, 0}).drop == 2);
}

TEST_CASE("A compacted log loses only what lies below its start") {
    LogConfig config = limits(1, 0);
    config.cleanup_delete = false;
    config.cleanup_compact = true;
    REQUIRE(plan_retention(segments(), config, {0, 30, 9000}).drop == 0);
    REQUIRE(plan_retention(segments(), config, {10, 30, 9000}).drop == 1);
}

TEST_CASE("Without timestamps the time of the file counts") {
    std::vector<SegmentFacts> facts{{0, 10, 100, -1, 1000}, {10, 20, 100, -1, 5000}};
    REQUIRE(plan_retention(facts, limits(500, -1), {0, 20, 2000}).drop == 1);
}
