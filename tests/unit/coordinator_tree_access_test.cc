#include "coordinator/tree/access.h"

using namespace millrace::coordinator::tree;

namespace {

const Identities kSomebody{{"ip", "10.1.2.3"}, {"digest", "user:hash"}};

bool permitted(const AclList& acl, const Identities& who = kSomebody) {
    return permits({}, acl, 1, who);
}

}  // namespace

TEST_CASE("an address matches a pattern by its leading bits") {
    REQUIRE(ip_matches("10.1.2.3", "10.0.0.0/8"));
    REQUIRE(ip_matches("10.1.2.3", "10.1.2.3"));
    REQUIRE(ip_matches("10.1.2.3", "0.0.0.0/0"));
    REQUIRE_FALSE(ip_matches("10.1.2.3", "10.1.2.4"));
    REQUIRE_FALSE(ip_matches("10.1.2.3", "10.1.2.3/33"));
    REQUIRE_FALSE(ip_matches("10.1.2.3", "10.1.2"));
    REQUIRE_FALSE(ip_matches("::1", "0.0.0.0/0"));
}

TEST_CASE("IPv6 addresses match by their bits, mapped IPv4 addresses as IPv4") {
    REQUIRE(ip_matches("::1", "::1"));
    REQUIRE(ip_matches("2001:db8::7", "2001:db8::/32"));
    REQUIRE(ip_matches("2001:db8:0:0:0:0:0:7", "2001:db8::7"));
    REQUIRE(ip_matches("::ffff:10.1.2.3", "10.0.0.0/8"));
    REQUIRE_FALSE(ip_matches("2001:db9::7", "2001:db8::/32"));
    REQUIRE_FALSE(ip_matches("::1", "::1/129"));
    for (const std::string_view bad :
         {"1:2", "::1::", ":::", "1:2:3:4:5:6:7:8:9", "12345::", "::g"}) {
        REQUIRE_FALSE(ip_matches("::1", bad));
    }
}

TEST_CASE("one entry with the permission and a matching identity is enough") {
    REQUIRE(permitted({{1, "world", "anyone"}}));
    REQUIRE_FALSE(permitted({{2, "world", "anyone"}}));
    REQUIRE(permitted({{2, "world", "anyone"}, {1, "digest", "user:hash"}}));
    REQUIRE_FALSE(permitted({{1, "digest", "user:other"}}));
    REQUIRE(permitted({{1, "ip", "10.0.0.0/8"}}));
    REQUIRE_FALSE(permitted({{1, "sasl", "user:hash"}}));
}

TEST_CASE("lists without entries permit everything, as in ZooKeeper") {
    REQUIRE(permitted({}));
}

TEST_CASE("a stored list has each entry once") {
    const AclEntry entry{31, "world", "anyone"};
    REQUIRE(effective_acl({entry, entry}, {}) == AclList{entry});
}

TEST_CASE("ids that their scheme refuses make a list invalid") {
    REQUIRE_FALSE(effective_acl({{31, "digest", "nocolon"}}, {}));
    REQUIRE_FALSE(effective_acl({{31, "digest", "two:colons:here"}}, {}));
    REQUIRE_FALSE(effective_acl({{31, "ip", "300.0.0.1"}}, {}));
    REQUIRE_FALSE(effective_acl({{31, "world", "someone"}}, {}));
    REQUIRE_FALSE(effective_acl({{31, "unknown", "x"}}, {}));
    REQUIRE(effective_acl({{31, "digest", "user:hash"}}, {}));
}

TEST_CASE("auth does not stand for an address") {
    REQUIRE_FALSE(effective_acl({{31, "auth", ""}}, {{"ip", "10.1.2.3"}}));
    REQUIRE(effective_acl({{31, "auth", ""}}, kSomebody) == AclList{{31, "digest", "user:hash"}});
}

TEST_CASE("access lists survive their encoded form") {
    const AclList acl{{31, "world", "anyone"}, {1, "digest", "a:b"}};
    REQUIRE(*decode_acl(encode_acl(acl)) == acl);
    millrace::Bytes cut = encode_acl(acl);
    cut.pop_back();
    REQUIRE_FALSE(decode_acl(cut).has_value());
}
