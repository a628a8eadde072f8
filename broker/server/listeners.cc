#include "broker/server/listeners.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace millrace::broker::server {
namespace {

struct NamedEndpoint {
    std::string name;
    runtime::Endpoint endpoint;
};

// The fault of a key, or of the key that needs it, with the place where it is set.
std::unexpected<Error> refuse(const Config& config, std::string_view key, std::string_view value,
                              std::string_view why) {
    const auto found = config.values().find(key);
    const std::string_view origin =
        found == config.values().end() ? "default" : std::string_view(found->second.origin);
    return fail(Errc::invalid_argument, fmt::format("{}: {}: '{}': {}", origin, key, value, why));
}

// "NAME://host:port"
Result<NamedEndpoint> parse_listener(const Config& config, std::string_view key,
                                     const std::string& text) {
    const std::size_t mark = text.find("://");
    if (mark == std::string::npos || mark == 0) {
        return refuse(config, key, text, "allowed: NAME://host:port");
    }
    auto endpoint = runtime::Endpoint::parse(text.substr(mark + 3));
    if (!endpoint) {
        return refuse(config, key, text, endpoint.error().message);
    }
    std::string name = text.substr(0, mark);
    std::ranges::transform(name, name.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    });
    return NamedEndpoint{std::move(name), std::move(*endpoint)};
}

Result<std::vector<NamedEndpoint>> parse_list(const Config& config, std::string_view key) {
    std::vector<NamedEndpoint> listeners;
    for (const std::string& text : config.list(key)) {
        NamedEndpoint listener = TRY(parse_listener(config, key, text));
        if (std::ranges::find(listeners, listener.name, &NamedEndpoint::name) != listeners.end()) {
            return refuse(config, key, text, "each listener needs a name of its own");
        }
        listeners.push_back(std::move(listener));
    }
    return listeners;
}

Status check_protocol(const Config& config, const std::string& name) {
    for (const std::string& entry : config.list("listener.security.protocol.map")) {
        const std::size_t colon = entry.find(':');
        if (colon == std::string::npos || entry.substr(0, colon) != name) {
            continue;
        }
        if (entry.substr(colon + 1) == "PLAINTEXT") {
            return {};
        }
        return refuse(config, "listeners", name,
                      fmt::format("it has the protocol {}; allowed: PLAINTEXT, the only one served "
                                  "by this release",
                                  entry.substr(colon + 1)));
    }
    return refuse(config, "listeners", name,
                  "the listener is missing in listener.security.protocol.map");
}

}  // namespace

Result<Listeners> read_listeners(const Config& config, const std::string& host_name) {
    const std::vector<NamedEndpoint> bound = TRY(parse_list(config, "listeners"));
    if (bound.empty()) {
        return refuse(config, "listeners", "", "at least one is needed");
    }
    std::vector<NamedEndpoint> advertised;
    if (config.has("advertised.listeners")) {
        advertised = TRY(parse_list(config, "advertised.listeners"));
    }
    Listeners result;
    for (const NamedEndpoint& listener : bound) {
        TRY(check_protocol(config, listener.name));
        const auto told = std::ranges::find(advertised, listener.name, &NamedEndpoint::name);
        runtime::Endpoint shown = told == advertised.end() ? listener.endpoint : told->endpoint;
        if (shown.host.empty() || shown.host == "0.0.0.0" || shown.host == "::") {
            if (told != advertised.end()) {
                return refuse(config, "advertised.listeners", shown.to_string(),
                              "clients cannot connect to it");
            }
            shown.host = host_name;
        }
        result.all.push_back({listener.name, listener.endpoint, std::move(shown)});
    }
    for (const NamedEndpoint& listener : advertised) {
        if (std::ranges::find(bound, listener.name, &NamedEndpoint::name) == bound.end()) {
            return refuse(config, "advertised.listeners", listener.name,
                          "there is no such listener");
        }
    }
    result.inter_broker = config.has("inter.broker.listener.name")
                              ? config.text("inter.broker.listener.name")
                              : result.all.front().name;
    if (std::ranges::find(result.all, result.inter_broker, &ListenerAddress::name) ==
        result.all.end()) {
        return refuse(config, "inter.broker.listener.name", result.inter_broker,
                      "there is no such listener");
    }
    return result;
}

std::vector<controller::Endpoint> registered_endpoints(const Listeners& listeners) {
    std::vector<controller::Endpoint> endpoints;
    for (const ListenerAddress& listener : listeners.all) {
        endpoints.push_back({.listener = listener.name,
                             .host = listener.advertised.host,
                             .port = listener.advertised.port,
                             .protocol = controller::SecurityProtocol::plaintext});
    }
    return endpoints;
}

}  // namespace millrace::broker::server
