// Every message of lib/zk in every version, with random values.
#include "lib/zk/samples.h"
#include "tests/support/codec_checks.h"

namespace millrace {
namespace {

TEST_CASE("zk: every record has a sample") {
    REQUIRE(tests::lib_zk_samples().size() > 60);
}

TEST_CASE("zk: random values of every message survive a round trip") {
    REQUIRE(tests::first_without_round_trip(tests::lib_zk_samples(), 1, 40) == "");
}

TEST_CASE("zk: every truncation of every message is refused") {
    REQUIRE(tests::first_accepting_a_cut(tests::lib_zk_samples(), 2, 4) == "");
}

TEST_CASE("zk: a damaged byte never makes a value that cannot be encoded again") {
    REQUIRE(tests::first_unstable_after_damage(tests::lib_zk_samples(), 3, 60) == "");
}

}  // namespace
}  // namespace millrace
