// Access control lists: permissions, the identities that need no server, digests, and the text form of the tools.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/zk/zookeeper.h"

namespace millrace::zk {

// Bits of Acl::perms. create and delete are asked of the parent.
struct Permission {
    static constexpr std::int32_t kRead = 1;
    static constexpr std::int32_t kWrite = 2;
    static constexpr std::int32_t kCreate = 4;
    static constexpr std::int32_t kDelete = 8;
    static constexpr std::int32_t kAdmin = 16;
    static constexpr std::int32_t kAll = 31;
};

inline constexpr std::string_view kWorldScheme = "world";  // the one id is "anyone"
inline constexpr std::string_view kAnyone = "anyone";
inline constexpr std::string_view kAuthScheme =
    "auth";  // stands for the identities of the connection
inline constexpr std::string_view kDigestScheme = "digest";  // user:base64(hash of user:password)
inline constexpr std::string_view kSuperScheme = "super";    // passes every check
inline constexpr std::string_view kIpScheme = "ip";
inline constexpr std::string_view kX509Scheme = "x509";
inline constexpr std::string_view kSaslScheme = "sasl";

Id world_anyone();

// "user:password" -> "user:base64(sha1(user:password))", the id of the digest scheme. The user ends at the first colon.
// algorithm: a hash as OpenSSL or Java names it, "SHA1", "SHA-256" (DigestAuthenticationProvider.digestAlg).
// Errors: unsupported (no such hash).
Result<std::string> digest_id(std::string_view user_password, std::string_view algorithm = "SHA1");

// Letters in the order of zkCli: c d r w a.
std::string permissions_text(std::int32_t permissions);
// Letters in any order. Errors: invalid_argument, for any other letter.
Result<std::int32_t> parse_permissions(std::string_view letters);

// "scheme:id:letters", several with commas between, as zkCli's setAcl takes them; an id may have colons.
// Errors: invalid_argument.
Result<std::vector<Acl>> parse_acl(std::string_view text);

}  // namespace millrace::zk
