#include "cli/line_format.h"

#include <catch2/catch.hpp>

namespace millrace::cli {
namespace {

// What Kafka 3.9.2's LineMessageReader makes of the same lines.

LineFormat with_key_and_headers() {
    LineFormat format;
    format.parse_key = true;
    format.parse_headers = true;
    return format;
}

std::string text(const std::optional<BytesView>& bytes) {
    return bytes ? std::string(as_text(*bytes)) : "(null)";
}

std::string shown(const LineFormat& format, std::string_view line) {
    const auto message = message_of(format, line, 3);
    if (!message) {
        return message.error().message;
    }
    std::string out;
    for (const kafka::RecordHeader& header : message->headers) {
        out += std::string(header.key) + "=" + text(header.value) + " ";
    }
    return out + text(message->key) + " " + text(message->value);
}

TEST_CASE("a line is a value unless told otherwise") {
    REQUIRE(shown({}, "a\tb") == "(null) a\tb");
    REQUIRE(shown({}, "") == "(null) ");
}

TEST_CASE("headers and a key stand before the value") {
    const LineFormat format = with_key_and_headers();
    REQUIRE(shown(format, "h1:v1,h2:v2\tk\tv") == "h1=v1 h2=v2 k v");
    REQUIRE(shown(format, "h:\t\t") == "h=  ");
}

TEST_CASE("a missing separator is an error with the number of the line") {
    const LineFormat format = with_key_and_headers();
    REQUIRE(shown(format, "abc") == "No headers delimiter found on line number 3: 'abc'");
    REQUIRE(shown(format, "h:v\tabc") == "No key separator found on line number 3: 'abc'");
    REQUIRE(shown(format, "h\tk\tv") ==
            "No header key separator found in pair 'h' on line number 3");
    REQUIRE(shown(format, "\tk\tv") == "No header key separator found in pair '' on line number 3");
}

TEST_CASE("errors can be ignored: what is left is the value") {
    LineFormat format = with_key_and_headers();
    format.ignore_error = true;
    REQUIRE(shown(format, "abc") == "(null) abc");
    REQUIRE(shown(format, "h\tk\tv") == "h=(null) k v");
}

TEST_CASE("a part of exactly the marker is null") {
    LineFormat format = with_key_and_headers();
    format.null_marker = "NULL";
    REQUIRE(shown(format, "NULL\tNULL\tNULL") == "(null) (null)");
    REQUIRE(shown(format, "h:NULL\tk\tv") == "h=(null) k v");
}

TEST_CASE("separators are properties, and must be told apart") {
    LineFormat format;
    REQUIRE(set_property(format, "parse.headers", "true"));
    REQUIRE(set_property(format, "headers.delimiter", "|"));
    REQUIRE(set_property(format, "headers.separator", ";"));
    REQUIRE(set_property(format, "headers.key.separator", "="));
    REQUIRE(check(format));
    REQUIRE(shown(format, "a=1;b=2|v") == "a=1 b=2 (null) v");
    REQUIRE(set_property(format, "headers.separator", "|"));
    REQUIRE_FALSE(check(format));
    REQUIRE(set_property(format, "key.separator", ""));
    REQUIRE_FALSE(check(format));
    REQUIRE(set_property(format, "no.such", "x").error().code == Errc::unsupported);
}

}  // namespace
}  // namespace millrace::cli
