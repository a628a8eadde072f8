// PathUtils.validatePath of ZooKeeper 3.9, and the arithmetic of paths.
#include "lib/zk/path.h"

namespace millrace::zk {
namespace {

TEST_CASE("paths that ZooKeeper accepts are valid") {
    const std::string_view path = GENERATE(values<std::string_view>(
        {"/", "/a", "/a/b", "/.a", "/a.", "/...", "/a/..b", "/a b", "/\xc3\xa9", "/\xe4\xb8\xad",
         "/zookeeper/quota", "/ef\xef\xbf\xaf", "/\xef\xa4\x80"}));
    INFO(path);
    REQUIRE(validate_path(path).has_value());
}

TEST_CASE("paths that ZooKeeper refuses are invalid") {
    using namespace std::string_view_literals;
    const std::string_view path = GENERATE(
        values<std::string_view>({"",
                                  "a",
                                  "a/b",
                                  "/a/",
                                  "//",
                                  "//a",
                                  "/a//b",
                                  "/.",
                                  "/..",
                                  "/a/.",
                                  "/a/..",
                                  "/./a",
                                  "/a/../b",
                                  "/a\0b"sv,
                                  "/a\x01",
                                  "/a\x1f",
                                  "/a\x7f",
                                  "/\xc2\x80",
                                  "/\xc2\x9f",
                                  "/\xee\x80\x80",      // U+E000
                                  "/\xef\xa3\xbf",      // U+F8FF
                                  "/\xef\xbf\xb0",      // U+FFF0
                                  "/\xf0\x9f\x98\x80",  // above U+FFFF: a surrogate pair in Java
                                  "/\xed\xa0\x80",      // a lone surrogate
                                  "/\xff",
                                  "/\xc3",
                                  "/\xc0\xaf",
                                  "/\x80"}));
    INFO(path);
    REQUIRE_FALSE(validate_path(path).has_value());
}

TEST_CASE("a sequential path may end where its number will stand") {
    REQUIRE(validate_path("/a/", true).has_value());
    REQUIRE(validate_path("/a/.", true).has_value());
    REQUIRE(validate_path("/a/..", true).has_value());
    REQUIRE_FALSE(validate_path("/a//", true).has_value());
    REQUIRE_FALSE(validate_path("/./", true).has_value());
    REQUIRE_FALSE(validate_path("a", true).has_value());
}

TEST_CASE("the message of an invalid path names the reason and the place") {
    REQUIRE(validate_path("/a//b").error().message ==
            "invalid path \"/a//b\": empty name at byte 3");
    REQUIRE(validate_path("/a/").error().message ==
            "invalid path \"/a/\": trailing slash at byte 3");
}

TEST_CASE("parent and name take a path apart, and join puts it together") {
    REQUIRE(parent_of("/a/b") == "/a");
    REQUIRE(parent_of("/a") == "/");
    REQUIRE(parent_of("/").empty());
    REQUIRE(name_of_node("/a/b") == "b");
    REQUIRE(name_of_node("/").empty());
    REQUIRE(join_path("/a", "b") == "/a/b");
    REQUIRE(join_path("/", "b") == "/b");
}

TEST_CASE("below ends at a whole name") {
    REQUIRE(is_at_or_below("/a", "/a"));
    REQUIRE(is_at_or_below("/a", "/a/b"));
    REQUIRE(is_at_or_below("/", "/x"));
    REQUIRE_FALSE(is_at_or_below("/a", "/ab"));
    REQUIRE_FALSE(is_at_or_below("/a/b", "/a"));
}

TEST_CASE("a sequence number has ten digits, with the sign among them") {
    REQUIRE(sequential_path("/lock-", 7) == "/lock-0000000007");
    REQUIRE(sequential_path("/q/", INT32_MAX) == "/q/2147483647");
    REQUIRE(sequential_path("/q/", -1) == "/q/-000000001");
}

TEST_CASE("a chroot is put in front and taken off again") {
    REQUIRE(add_chroot("", "/a") == "/a");
    REQUIRE(add_chroot("/kafka", "/a") == "/kafka/a");
    REQUIRE(add_chroot("/kafka", "/") == "/kafka");
    REQUIRE(add_chroot("", "/") == "/");
    REQUIRE(strip_chroot("/kafka", "/kafka/a") == "/a");
    REQUIRE(strip_chroot("/kafka", "/kafka") == "/");
    REQUIRE(strip_chroot("/kafka", "/kafkas/a") == "/kafkas/a");
    REQUIRE(strip_chroot("", "/a") == "/a");
}

}  // namespace
}  // namespace millrace::zk
