// "host:port,host:port/chroot", as every ZooKeeper client takes it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/runtime/network.h"

namespace millrace::zk {

struct ConnectString {
    std::vector<runtime::Endpoint> servers;  // never empty; port 2181 where none is given
    std::string chroot;                      // "" or "/a/b", without a slash at the end

    // Errors: invalid_argument (no server, a port that is none, a chroot that is no path).
    static Result<ConnectString> parse(std::string_view text);
};

}  // namespace millrace::zk
