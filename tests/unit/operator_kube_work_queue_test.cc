#include "operator/kube/work_queue.h"

using millrace::Instant;
using namespace millrace::kube_operator::kube;
using millrace::operator""ms;
using millrace::operator""s;

TEST_CASE("A key that is added twice is handed out once") {
    WorkQueue queue;
    queue.add("a");
    queue.add("a");
    REQUIRE(queue.take(Instant{}) == "a");
    REQUIRE_FALSE(queue.take(Instant{}).has_value());
    queue.invariants();
}

TEST_CASE("Keys come in the order of adding") {
    WorkQueue queue;
    queue.add("b");
    queue.add("a");
    REQUIRE(queue.take(Instant{}) == "b");
    REQUIRE(queue.take(Instant{}) == "a");
}

TEST_CASE(
    "A key that is added while it is worked on comes again afterwards, not at the same time") {
    WorkQueue queue;
    queue.add("a");
    REQUIRE(queue.take(Instant{}) == "a");
    queue.add("a");
    REQUIRE_FALSE(queue.take(Instant{}).has_value());
    queue.done("a");
    REQUIRE(queue.take(Instant{}) == "a");
    queue.invariants();
}

TEST_CASE("Failures in a row double the pause up to the longest one") {
    WorkQueue queue({100ms, 1s});
    Instant now{};
    const std::vector<millrace::Duration> pauses = {100ms, 200ms, 400ms, 800ms, 1s, 1s};
    queue.add("a");
    for (millrace::Duration pause : pauses) {
        REQUIRE(queue.take(now) == "a");
        queue.failed("a", now);
        REQUIRE(queue.next_due() == now + pause);
        REQUIRE_FALSE(queue.take(now + pause - 1ms).has_value());
        now = now + pause;
    }
    REQUIRE(queue.failures("a") == pauses.size());
}

TEST_CASE("A success forgets the failures") {
    WorkQueue queue({100ms, 1s});
    queue.add("a");
    REQUIRE(queue.take(Instant{}) == "a");
    queue.failed("a", Instant{});
    REQUIRE(queue.take(Instant{1s}) == "a");
    queue.done("a");
    REQUIRE(queue.failures("a") == 0);
}

TEST_CASE("A change overtakes the back-off") {
    WorkQueue queue;
    queue.add("a");
    REQUIRE(queue.take(Instant{}) == "a");
    queue.failed("a", Instant{});
    queue.add("a");
    REQUIRE(queue.take(Instant{}) == "a");
    REQUIRE_FALSE(queue.next_due().has_value());
    queue.invariants();
}

TEST_CASE("Of two times for one key the earlier one counts") {
    WorkQueue queue;
    queue.add_at("a", Instant{5s});
    queue.add_at("a", Instant{2s});
    queue.add_at("a", Instant{9s});
    REQUIRE(queue.next_due() == Instant{2s});
    REQUIRE(queue.take(Instant{2s}) == "a");
}

TEST_CASE("A time that was set while the key is worked on is kept") {
    WorkQueue queue;
    queue.add("a");
    REQUIRE(queue.take(Instant{}) == "a");
    queue.add_at("a", Instant{3s});
    queue.done("a");
    REQUIRE_FALSE(queue.take(Instant{2s}).has_value());
    REQUIRE(queue.take(Instant{3s}) == "a");
}
