#include "lib/base/properties.h"

namespace millrace {
namespace {

std::string one_value(std::string_view text) {
    auto entries = parse_properties(text);
    REQUIRE(entries.has_value());
    REQUIRE(entries->size() == 1);
    return entries->front().key + "|" + entries->front().value;
}

}  // namespace

TEST_CASE("properties take =, : and blanks as separators") {
    REQUIRE(one_value("server.1=a:2888:3888") == "server.1|a:2888:3888");
    REQUIRE(one_value("server.1 192.168.1.6:2888:3888") == "server.1|192.168.1.6:2888:3888");
    REQUIRE(one_value("server.1 : a") == "server.1|a");
    REQUIRE(one_value("  key \t=  value ") == "key|value ");
    REQUIRE(one_value("lonely") == "lonely|");
}

TEST_CASE("properties join continued lines and drop the blanks that follow") {
    REQUIRE(one_value("a=1,\\\n   2,\\\r\n   3") == "a|1,2,3");
    REQUIRE(one_value("a=ends in backslash\\\\") == "a|ends in backslash\\");
    REQUIRE(one_value("a=one\\\\\\\n \\\\\\\ntwo") == "a|one\\\\two");
}

TEST_CASE("properties skip comments and blank lines and count lines") {
    auto entries = parse_properties("# one\n\n! two\n a = 1\nb=2\n");
    REQUIRE(entries.has_value());
    REQUIRE(entries->size() == 2);
    REQUIRE((*entries)[0].line == 4);
    REQUIRE((*entries)[1].line == 5);
}

TEST_CASE("properties undo escapes") {
    REQUIRE(one_value("a\\ b\\=c=\\u00e9\\t") == "a b=c|\xc3\xa9\t");
    REQUIRE_FALSE(parse_properties("a=\\u12x4").has_value());
    REQUIRE(one_value("a=\\ud83d\\ude00.") == "a|\xf0\x9f\x98\x80.");
    REQUIRE(one_value("a=\\ud83dx\\ude00\\ud83d\\u0041") == "a|?x??A");
}

TEST_CASE("the last of two equal keys wins") {
    REQUIRE(one_value("a=1\na=2") == "a|2");
}

TEST_CASE("a file above the limit is refused") {
    const std::string huge(kPropertiesBytesMax + 1, 'a');
    REQUIRE(parse_properties(huge).error().code == Errc::too_large);
}

}  // namespace millrace
