#include "coordinator/server/statistics.h"

using namespace millrace;
using namespace millrace::coordinator::server;

TEST_CASE("quantiles are exact below 16 ms and within a quarter above") {
    Distribution distribution;
    REQUIRE(distribution.quantile(0.99) == 0);
    for (int ms = 1; ms <= 10; ++ms) {
        distribution.add(std::chrono::milliseconds(ms));
    }
    REQUIRE(distribution.quantile(0.5) == 6);
    REQUIRE(distribution.quantile(0.999) == 10);
    for (const std::int64_t ms : {16, 17, 31, 32, 100, 1'000, 60'000, 3'600'000}) {
        Distribution one;
        one.add(std::chrono::milliseconds(ms));
        const std::int64_t shown = one.quantile(0.5);
        REQUIRE(shown <= ms);
        REQUIRE(shown * 5 > ms * 4 - 5);
    }
}

TEST_CASE("a latency that is out of all bounds still counts") {
    Distribution distribution;
    distribution.add(std::chrono::hours(24 * 365));
    distribution.add(-1ms);
    REQUIRE(distribution.quantile(0.0) == 0);
    REQUIRE(distribution.quantile(1.0) > 3'600'000);
}
