// Texts of clients and users of ZooKeeper. The first byte chooses: a path, an access list, a connect string.
#include <fmt/format.h>

#include "lib/base/check.h"
#include "lib/zk/acl.h"
#include "lib/zk/connect_string.h"
#include "lib/zk/path.h"
#include "tests/fuzz/fuzz_input.h"

namespace millrace::zk {
namespace {

void check_path(std::string_view path) {
    if (!validate_path(path)) {
        CHECK(!path.ends_with('/') || !validate_path(path.substr(0, path.size() - 1), true) ||
              path.size() > 1);
        return;
    }
    // A valid path is also one for a sequential create, and it is put together again from its parts.
    CHECK(validate_path(path, true));
    if (path != "/") {
        CHECK(join_path(parent_of(path), name_of_node(path)) == path);
        CHECK(validate_path(parent_of(path)) && is_at_or_below(parent_of(path), path));
        CHECK(validate_path(sequential_path(path, 7)));
        CHECK(strip_chroot(path, add_chroot(path, "/a/b")) == "/a/b");
    }
    CHECK(strip_chroot("/c", add_chroot("/c", path)) == path);
}

void check_acl(std::string_view text) {
    const Result<std::vector<Acl>> list = parse_acl(text);
    if (!list) {
        return;
    }
    std::string again;
    for (const Acl& one : *list) {
        again += fmt::format("{}{}:{}:{}", again.empty() ? "" : ",", one.id.scheme, one.id.id,
                             permissions_text(one.perms));
    }
    const Result<std::vector<Acl>> copy = parse_acl(again);
    CHECK(copy && *copy == *list, "an access list changed on its way through text");
}

void check_servers(std::string_view text) {
    const Result<ConnectString> servers = ConnectString::parse(text);
    if (!servers) {
        return;
    }
    CHECK(!servers->servers.empty());
    CHECK(servers->chroot.empty() || validate_path(servers->chroot));
    std::string again;
    for (const runtime::Endpoint& one : servers->servers) {
        again += (again.empty() ? "" : ",") + one.to_string();
    }
    const Result<ConnectString> copy = ConnectString::parse(again + servers->chroot);
    CHECK(copy && copy->servers == servers->servers && copy->chroot == servers->chroot);
}

}  // namespace
}  // namespace millrace::zk

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    millrace::fuzz::Input input(data, size);
    switch (input.choice(3)) {
        case 0:
            millrace::zk::check_path(input.text());
            break;
        case 1:
            millrace::zk::check_acl(input.text());
            break;
        default:
            millrace::zk::check_servers(input.text());
    }
    return 0;
}
