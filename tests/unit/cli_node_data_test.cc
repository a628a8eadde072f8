#include "cli/output/node_data.h"

#include <catch2/catch.hpp>

namespace millrace::cli {
namespace {

TEST_CASE("base64 of RFC 4648, section 10") {
    const std::pair<std::string_view, std::string_view> sample =
        GENERATE(std::pair<std::string_view, std::string_view>{"", ""}, std::pair{"f", "Zg=="},
                 std::pair{"fo", "Zm8="}, std::pair{"foo", "Zm9v"}, std::pair{"foob", "Zm9vYg=="},
                 std::pair{"fooba", "Zm9vYmE="}, std::pair{"foobar", "Zm9vYmFy"});
    REQUIRE(base64(as_bytes(sample.first)) == sample.second);
    REQUIRE(as_text(*from_base64(sample.second)) == sample.first);
}

TEST_CASE("what is not base64 is refused") {
    const auto text = GENERATE("Zg", "Zg=", "Z===", "Zm9*", "=m9v");
    REQUIRE_FALSE(from_base64(text));
}

TEST_CASE("bytes in rows of sixteen, as get -x of ZooKeeper 3.9.5 prints them") {
    REQUIRE(hex_dump(as_bytes("hello\n")) ==
            "         +-------------------------------------------------+\n"
            "         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |\n"
            "+--------+-------------------------------------------------+----------------+\n"
            "|00000000| 68 65 6c 6c 6f 0a                               |hello.          |\n"
            "+--------+-------------------------------------------------+----------------+");
    REQUIRE(hex_dump({}).empty());
    REQUIRE(hex_dump(as_bytes("0123456789abcdef!")).find("|00000010| 21 ") != std::string::npos);
}

}  // namespace
}  // namespace millrace::cli
