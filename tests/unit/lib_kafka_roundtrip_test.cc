// Every message of lib/kafka in every version, with random values.
#include "lib/kafka/api_table.h"
#include "lib/kafka/samples.h"
#include "tests/support/codec_checks.h"

namespace millrace {
namespace {

TEST_CASE("kafka: every request, every response and the stored records have a sample") {
    REQUIRE(tests::lib_kafka_samples().size() > 2 * kafka::all_apis().size());
}

TEST_CASE("kafka: random values of every message survive a round trip") {
    REQUIRE(tests::first_without_round_trip(tests::lib_kafka_samples(), 1, 40) == "");
}

TEST_CASE("kafka: every truncation of every message is refused") {
    REQUIRE(tests::first_accepting_a_cut(tests::lib_kafka_samples(), 2, 4) == "");
}

TEST_CASE("kafka: a damaged byte never makes a value that cannot be encoded again") {
    REQUIRE(tests::first_unstable_after_damage(tests::lib_kafka_samples(), 3, 60) == "");
}

}  // namespace
}  // namespace millrace
