#include <fmt/format.h>

#include <charconv>

#include "lib/runtime/network.h"

namespace millrace::runtime {

std::string Endpoint::to_string() const {
    if (host.find(':') != std::string::npos) {
        return fmt::format("[{}]:{}", host, port);
    }
    return fmt::format("{}:{}", host, port);
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
    const auto wrong = [text] {
        return fail(Errc::invalid_argument,
                    fmt::format("'{}' is not an address; write host:port or [IPv6]:port", text));
    };
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return wrong();
    }
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) {
        host = host.substr(1, host.size() - 2);
    }
    const bool has_colon = host.find(':') != std::string_view::npos;
    const bool has_odd = host.find_first_of("[] \t\r\n/") != std::string_view::npos;
    if (has_odd || has_colon != bracketed || (bracketed && host.empty())) {
        return wrong();
    }
    std::uint16_t port = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, port);
    if (digits.empty() || error != std::errc() || stop != end) {
        return wrong();
    }
    return Endpoint{std::string(host), port};
}

}  // namespace millrace::runtime
