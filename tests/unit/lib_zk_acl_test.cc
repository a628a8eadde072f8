#include "lib/zk/acl.h"

namespace millrace::zk {
namespace {

TEST_CASE("a digest id is the user and the base64 of the SHA-1 of user and password") {
    // The value that ZooKeeper's documentation gives for super:superpw-like pairs is made the same way; this one is from
    // `printf %s user:pass | openssl dgst -sha1 -binary | base64`.
    REQUIRE(*digest_id("user:pass") == "user:smGaoVKd/cQkjm7b88GyorAUz20=");
}

TEST_CASE("the user of a digest ends at the first colon") {
    REQUIRE(digest_id("u:p:q")->starts_with("u:"));
    REQUIRE(digest_id("u:p:q")->find(':', 2) == std::string::npos);
}

TEST_CASE("a digest may use another hash, under Java's name for it") {
    REQUIRE(digest_id("user:pass", "SHA-256")->size() == std::string("user:").size() + 44);
    REQUIRE(digest_id("user:pass", "SHA-0815").error().code == Errc::unsupported);
}

TEST_CASE("permissions are written in the order of zkCli and read in any") {
    REQUIRE(permissions_text(Permission::kAll) == "cdrwa");
    REQUIRE(permissions_text(Permission::kRead | Permission::kAdmin) == "ra");
    REQUIRE(*parse_permissions("awrdc") == Permission::kAll);
    REQUIRE(*parse_permissions("") == 0);
    REQUIRE(parse_permissions("rx").error().code == Errc::invalid_argument);
}

TEST_CASE("the text of an ACL may have colons in its id") {
    const auto acl = parse_acl("world:anyone:r,digest:user:hash=:cdrwa,ip:fe80::1:w");
    REQUIRE(acl.has_value());
    REQUIRE(*acl == std::vector<Acl>{{Permission::kRead, {"world", "anyone"}},
                                     {Permission::kAll, {"digest", "user:hash="}},
                                     {Permission::kWrite, {"ip", "fe80::1"}}});
}

TEST_CASE("the text of an ACL needs a scheme, an id and permissions") {
    REQUIRE(parse_acl("world:r").error().code == Errc::invalid_argument);
    REQUIRE(parse_acl("").error().code == Errc::invalid_argument);
    REQUIRE(parse_acl("world:anyone:r,").error().code == Errc::invalid_argument);
}

}  // namespace
}  // namespace millrace::zk
