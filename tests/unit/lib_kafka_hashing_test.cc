#include <catch2/catch.hpp>
#include <map>

#include "lib/kafka/hashing.h"

using namespace millrace;
using namespace millrace::kafka;

TEST_CASE("murmur2 gives the values that the Java producer's partitioner relies on") {
    const std::map<std::string, std::int32_t> known = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (const auto& [text, hash] : known) {
        REQUIRE(murmur2(as_bytes(text)) == hash);
    }
}

TEST_CASE("a key's partition is the hash without its sign bit, modulo the partitions") {
    REQUIRE(partition_for_key(as_bytes("21"), 10) == (-973932308 & 0x7fffffff) % 10);
    REQUIRE(partition_for_key(as_bytes("anything"), 1) == 0);
}

TEST_CASE("the string hash is Java's, over UTF-16 code units") {
    REQUIRE(java_string_hash("") == 0);
    REQUIRE(java_string_hash("hello") == 99162322);
    REQUIRE(java_string_hash("readers") == 1080410128);
    REQUIRE(java_string_hash("\xc3\xa9") == 233);
    REQUIRE(java_string_hash("\xf0\x9f\x98\x80") == 1772899);  // outside the first plane: two units
}

TEST_CASE("bytes that are not UTF-8 hash as replacement characters") {
    REQUIRE(java_string_hash("\xff") == 0xfffd);
    REQUIRE(java_string_hash("\xc3") == 0xfffd);
    REQUIRE(java_string_hash("\xe2\x28\xa1") == (0xfffd * 31 + 0x28) * 31 + 0xfffd);
}

// Seen on a Java 3.9 broker: where it stored the groups and the transaction of the golden files.
TEST_CASE("groups and transactional ids go to the partitions where a Java broker puts them") {
    REQUIRE(partition_for_id("readers", 50) == 28);
    REQUIRE(partition_for_id("kreaders", 50) == 1);
    REQUIRE(partition_for_id("transfer", 50) == 17);
}

TEST_CASE("the hash without an absolute value goes to partition 0") {
    // The shortest well-known string with the smallest int as its hash.
    REQUIRE(java_string_hash("polygenelubricants") == std::numeric_limits<std::int32_t>::min());
    REQUIRE(partition_for_id("polygenelubricants", 50) == 0);
}
