#include "lib/zk/connect_string.h"

#include <fmt/format.h>

#include "lib/zk/path.h"

namespace millrace::zk {
namespace {

constexpr std::uint16_t kDefaultPort = 2181;

std::string_view trimmed(std::string_view text) {
    const std::size_t from = text.find_first_not_of(" \t");
    if (from == std::string_view::npos) {
        return {};
    }
    return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

// A colon outside brackets that is the only one separates the port; several belong to a bare IPv6 address.
bool has_port(std::string_view server) {
    const std::size_t bracket = server.rfind(']');
    if (bracket != std::string_view::npos) {
        return bracket + 1 < server.size();
    }
    return std::ranges::count(server, ':') == 1;
}

Result<runtime::Endpoint> parse_server(std::string_view server) {
    if (has_port(server)) {
        return runtime::Endpoint::parse(server);
    }
    const bool is_bare_ipv6 =
        !server.starts_with('[') && server.find(':') != std::string_view::npos;
    const std::string host = is_bare_ipv6 ? fmt::format("[{}]", server) : std::string(server);
    return runtime::Endpoint::parse(fmt::format("{}:{}", host, kDefaultPort));
}

}  // namespace

Result<ConnectString> ConnectString::parse(std::string_view text) {
    ConnectString result;
    const std::size_t slash = text.find('/');
    if (slash != std::string_view::npos) {
        const std::string_view chroot = trimmed(text.substr(slash));
        text = text.substr(0, slash);
        if (chroot != "/") {
            TRY(validate_path(chroot));
            result.chroot = chroot;
        }
    }
    while (!text.empty()) {
        const std::size_t comma = text.find(',');
        const std::string_view server = trimmed(text.substr(0, comma));
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
        if (server.empty()) {
            continue;
        }
        runtime::Endpoint endpoint = TRY(parse_server(server));
        if (endpoint.host.empty()) {
            return fail(Errc::invalid_argument,
                        fmt::format("'{}' in a connect string names no host", server));
        }
        result.servers.push_back(std::move(endpoint));
    }
    if (result.servers.empty()) {
        return fail(Errc::invalid_argument, "a connect string without a server");
    }
    return result;
}

}  // namespace millrace::zk
