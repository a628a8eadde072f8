#include "coordinator/tree/sessions.h"

using namespace millrace;
using namespace millrace::coordinator::tree;

namespace {

constexpr std::int64_t kSession = 0x1000;

Sessions make_sessions() {
    return Sessions({.tick = 2s, .timeout_min_ms = 4'000, .timeout_max_ms = 40'000}, kSession);
}

Instant at(Duration time) {
    return {time};
}

}  // namespace

TEST_CASE("timeouts are brought into the limits of the server") {
    const Sessions sessions = make_sessions();
    REQUIRE(sessions.negotiate(1) == 4'000);
    REQUIRE(sessions.negotiate(-1) == 4'000);
    REQUIRE(sessions.negotiate(10'000) == 10'000);
    REQUIRE(sessions.negotiate(100'000) == 40'000);
}

TEST_CASE("ids rise and are never those of sessions that live") {
    Sessions sessions = make_sessions();
    sessions.add(kSession, 4'000, at(0s));
    sessions.add(kSession + 1, 4'000, at(0s));
    REQUIRE(sessions.next_id() == kSession + 2);
    REQUIRE(sessions.next_id() == kSession + 3);
}

TEST_CASE("the first id has the server in its top byte and rises with time") {
    const std::int64_t first = first_session_id(5, {1'700'000'000'000});
    REQUIRE(static_cast<std::uint64_t>(first) >> 56 == 5);
    REQUIRE(first_session_id(5, {1'700'000'000'001}) > first);
}

TEST_CASE("a session expires at the tick after its timeout, not before (5.4)") {
    Sessions sessions = make_sessions();
    sessions.add(kSession, 5'000, at(1s));
    REQUIRE(sessions.next_expiry() == at(8s));
    REQUIRE(sessions.expire(at(7'999ms)).empty());
    REQUIRE(sessions.expire(at(8s)) == std::vector<std::int64_t>{kSession});
    REQUIRE(sessions.expire(at(20s)).empty());
    REQUIRE(sessions.is_known(kSession));
    REQUIRE_FALSE(sessions.is_open(kSession));
    sessions.invariants();
}

TEST_CASE("hearing of a session starts its timeout again") {
    Sessions sessions = make_sessions();
    sessions.add(kSession, 4'000, at(0s));
    REQUIRE(sessions.touch(kSession, at(5s)));
    REQUIRE(sessions.expire(at(8s)).empty());
    REQUIRE(sessions.expire(at(10s)).size() == 1);
}

TEST_CASE("a closing session takes no requests and does not expire") {
    Sessions sessions = make_sessions();
    sessions.add(kSession, 4'000, at(0s));
    sessions.set_closing(kSession);
    REQUIRE_FALSE(sessions.touch(kSession, at(1s)));
    REQUIRE_FALSE(sessions.resume(kSession, 4'000, at(1s)));
    REQUIRE(sessions.expire(at(60s)).empty());
    REQUIRE_FALSE(sessions.next_expiry().has_value());
    sessions.remove(kSession);
    REQUIRE(sessions.size() == 0);
    sessions.invariants();
}

TEST_CASE("a session taken up again gets the timeout of its new connection") {
    Sessions sessions = make_sessions();
    sessions.add(kSession, 4'000, at(0s));
    REQUIRE(sessions.resume(kSession, 20'000, at(1s)));
    REQUIRE(sessions.timeout_ms(kSession) == 20'000);
    REQUIRE(sessions.expire(at(20s)).empty());
    REQUIRE_FALSE(sessions.resume(77, 4'000, at(1s)));
}
