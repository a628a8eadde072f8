#include "lib/zk/acl.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

#include "lib/base/bytes.h"
#include "lib/base/check.h"

namespace millrace::zk {
namespace {

constexpr std::array<std::pair<char, std::int32_t>, 5> kLetters = {{{'c', Permission::kCreate},
                                                                    {'d', Permission::kDelete},
                                                                    {'r', Permission::kRead},
                                                                    {'w', Permission::kWrite},
                                                                    {'a', Permission::kAdmin}}};

std::string to_base64(std::span<const unsigned char> bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock adds a NUL
    const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                       static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

Result<Acl> parse_entry(std::string_view text) {
    const std::size_t first = text.find(':');
    const std::size_t last = text.rfind(':');
    if (first == std::string_view::npos || first == last) {
        return fail(Errc::invalid_argument,
                    fmt::format("{} does not have the form scheme:id:perm", text));
    }
    Acl acl;
    acl.id.scheme = text.substr(0, first);
    acl.id.id = text.substr(first + 1, last - first - 1);
    acl.perms = TRY(parse_permissions(text.substr(last + 1)));
    return acl;
}

}  // namespace

Id world_anyone() {
    return {std::string(kWorldScheme), std::string(kAnyone)};
}

Result<std::string> digest_id(std::string_view user_password, std::string_view algorithm) {
    const EVP_MD* hash = EVP_get_digestbyname(std::string(algorithm).c_str());
    if (hash == nullptr) {
        return fail(Errc::unsupported, fmt::format("no hash is named {}", algorithm));
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    CHECK(EVP_Digest(user_password.data(), user_password.size(), digest.data(), &size, hash,
                     nullptr) == 1);
    const std::string_view user = user_password.substr(0, user_password.find(':'));
    return fmt::format("{}:{}", user, to_base64(std::span(digest).first(size)));
}

std::string permissions_text(std::int32_t permissions) {
    std::string text;
    for (const auto& [letter, bit] : kLetters) {
        if ((permissions & bit) != 0) {
            text.push_back(letter);
        }
    }
    return text;
}

Result<std::int32_t> parse_permissions(std::string_view letters) {
    std::int32_t permissions = 0;
    for (const char c : letters) {
        const auto* it = std::ranges::find(kLetters, c, &std::pair<char, std::int32_t>::first);
        if (it == kLetters.end()) {
            return fail(Errc::invalid_argument,
                        fmt::format("\"{}\" is not a permission; the letters are c d r w a", c));
        }
        permissions |= it->second;
    }
    return permissions;
}

Result<std::vector<Acl>> parse_acl(std::string_view text) {
    std::vector<Acl> entries;
    while (true) {
        const std::size_t comma = text.find(',');
        entries.push_back(TRY(parse_entry(text.substr(0, comma))));
        if (comma == std::string_view::npos) {
            return entries;
        }
        text.remove_prefix(comma + 1);
    }
}

}  // namespace millrace::zk
