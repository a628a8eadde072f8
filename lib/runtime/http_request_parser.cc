#include "lib/runtime/http_request_parser.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "lib/base/check.h"

namespace millrace::runtime {
namespace {

constexpr std::size_t kMethodBytesMax = 32;
constexpr std::size_t kChunkLineMax = 1024;
constexpr std::size_t kTrailerBytesMax = 8 * 1024;
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') {
            c = static_cast<char>(c - 'A' + 'a');
        }
    }
    return lower;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
        text.remove_suffix(1);
    }
    return text;
}

// Digits of the base and nothing else, at most as many as surely fit.
std::optional<std::uint64_t> read_number(std::string_view text, int base) {
    std::uint64_t value = 0;
    const char* const end = text.data() + text.size();
    if (text.empty() || text.size() > 15 || text.front() == '-' ||
        std::from_chars(text.data(), end, value, base).ptr != end) {
        return std::nullopt;
    }
    return value;
}

bool lists(std::string_view value, std::string_view option) {
    while (!value.empty()) {
        const std::size_t comma = std::min(value.find(','), value.size());
        if (lower_case(trimmed(value.substr(0, comma))) == option) {
            return true;
        }
        value.remove_prefix(std::min(comma + 1, value.size()));
    }
    return false;
}

}  // namespace

bool HttpRequestParser::refuse(int status, std::string_view reason) {
    x_state = State::refused;
    x_status = status;
    x_reason = reason;
    return false;
}

std::size_t HttpRequestParser::feed(BytesView bytes) {
    const std::string_view text = as_text(bytes);
    std::size_t used = 0;
    if (x_state == State::head) {
        used = feed_head(text);
    }
    while (x_state == State::body) {
        const std::size_t step = feed_body(text.substr(used));
        used += step;
        if (step == 0 && x_state == State::body) {
            break;
        }
    }
    return used;
}

std::size_t HttpRequestParser::feed_head(std::string_view text) {
    // An empty line before a request is allowed (RFC 9112, 2.2).
    std::size_t skipped = 0;
    while (text.substr(skipped).starts_with(kLineEnd)) {
        skipped += kLineEnd.size();
    }
    text.remove_prefix(skipped);
    const std::size_t end = text.substr(0, kHeadBytesMax).find(kHeadEnd);
    if (end == std::string_view::npos) {
        if (text.size() >= kHeadBytesMax) {
            refuse(431, "the head of the request is too long");
        }
        return skipped;
    }
    read_head(text.substr(0, end + kLineEnd.size()));
    return skipped + end + kHeadEnd.size();
}

void HttpRequestParser::read_head(std::string_view head) {
    std::size_t line_end = head.find(kLineEnd);
    if (!read_request_line(head.substr(0, line_end))) {
        return;
    }
    head.remove_prefix(line_end + kLineEnd.size());
    while (!head.empty()) {
        line_end = head.find(kLineEnd);
        if (!read_header(head.substr(0, line_end))) {
            return;
        }
        head.remove_prefix(line_end + kLineEnd.size());
    }
    frame_body();
}

bool HttpRequestParser::read_request_line(std::string_view line) {
    const std::size_t first = line.find(' ');
    const std::size_t second = line.rfind(' ');
    if (first == std::string_view::npos || first == second) {
        return refuse(400, "malformed request line");
    }
    const std::string_view method = line.substr(0, first);
    const std::string_view version = line.substr(second + 1);
    if (method.size() > kMethodBytesMax || !is_http_token(method)) {
        return refuse(400, "malformed method");
    }
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        return version.starts_with("HTTP/") ? refuse(505, "only HTTP/1.1 is spoken here")
                                            : refuse(400, "malformed request line");
    }
    x_is_http_1_0 = version == "HTTP/1.0";
    x_keeps_alive = !x_is_http_1_0;
    x_request.method = method;
    return read_target(line.substr(first + 1, second - first - 1));
}

bool HttpRequestParser::read_target(std::string_view target) {
    if (target.size() > kTargetBytesMax) {
        return refuse(414, "the target is too long");
    }
    const bool plain = std::ranges::all_of(target, [](char c) { return c > ' ' && c < 0x7f; });
    if (!plain || !target.starts_with('/')) {
        return refuse(400, "malformed target");
    }
    const std::size_t question = std::min(target.find('?'), target.size());
    const auto path = percent_decode(target.substr(0, question));
    if (!path) {
        return refuse(400, "malformed percent sign in the path");
    }
    x_request.path = *path;
    std::string_view query = target.substr(std::min(question + 1, target.size()));
    while (!query.empty()) {
        const std::string_view part = query.substr(0, std::min(query.find('&'), query.size()));
        query.remove_prefix(std::min(part.size() + 1, query.size()));
        const std::size_t equals = std::min(part.find('='), part.size());
        const auto name = percent_decode(part.substr(0, equals), true);
        const auto value = percent_decode(part.substr(std::min(equals + 1, part.size())), true);
        if (!name || !value) {
            return refuse(400, "malformed percent sign in the query");
        }
        if (!part.empty()) {
            x_request.query[*name] = *value;
        }
    }
    return true;
}

bool HttpRequestParser::read_header(std::string_view line) {
    if (++x_headers > kHeadersMax) {
        return refuse(431, "too many headers");
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_http_token(line.substr(0, colon))) {
        return refuse(400, "malformed header");
    }
    const std::string name = lower_case(line.substr(0, colon));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (!is_header_value(value)) {
        return refuse(400, "control character in a header");
    }
    const auto [found, fresh] = x_request.headers.try_emplace(name, value);
    if (!fresh) {
        if (name == "content-length" || name == "transfer-encoding" || name == "host") {
            return refuse(400, "a header that must be alone is there twice");
        }
        found->second += ", ";
        found->second += value;
    }
    return true;
}

void HttpRequestParser::frame_body() {
    const HttpHeaders& headers = x_request.headers;
    const auto length = headers.find("content-length");
    const auto encoding = headers.find("transfer-encoding");
    if (const auto connection = headers.find("connection"); connection != headers.end()) {
        x_keeps_alive = x_is_http_1_0 ? lists(connection->second, "keep-alive")
                                      : !lists(connection->second, "close");
    }
    if (!x_is_http_1_0 && !headers.contains("host")) {
        refuse(400, "the Host header is missing");
        return;
    }
    const auto expect = headers.find("expect");
    x_expects_continue = expect != headers.end() && lower_case(expect->second) == "100-continue";
    x_state = State::body;
    if (encoding != headers.end()) {
        if (length != headers.end() || x_is_http_1_0) {
            refuse(400, "the length of the body is ambiguous");
        } else if (lower_case(encoding->second) != "chunked") {
            refuse(501, "the only transfer encoding known here is chunked");
        }
        x_step = BodyStep::chunk_size;
        return;
    }
    x_step = BodyStep::by_length;
    x_left = 0;
    if (length != headers.end()) {
        const auto bytes = read_number(length->second, 10);
        if (!bytes) {
            refuse(400, "malformed Content-Length");
            return;
        }
        x_left = *bytes;
    }
    if (x_left > x_body_bytes_max) {
        refuse(413, "the body is too large");
    } else if (x_left == 0) {
        x_state = State::complete;
    }
}

std::size_t HttpRequestParser::feed_body(std::string_view text) {
    if (x_step == BodyStep::by_length || x_step == BodyStep::chunk_bytes) {
        return feed_bytes(text);
    }
    const auto line = line_of(text);
    if (!line) {
        return 0;
    }
    if (x_step == BodyStep::chunk_size) {
        read_chunk_size(*line);
    } else if (x_step == BodyStep::chunk_end) {
        x_step = BodyStep::chunk_size;
        if (!line->empty()) {
            refuse(400, "a chunk is longer than announced");
        }
    } else if (line->empty()) {
        x_state = State::complete;
    } else {
        // Trailers are read over: nothing here makes use of them.
        x_trailer_bytes += line->size();
        if (x_trailer_bytes > kTrailerBytesMax) {
            refuse(431, "the trailer is too long");
        }
    }
    return line->size() + kLineEnd.size();
}

std::optional<std::string_view> HttpRequestParser::line_of(std::string_view text) {
    const std::size_t end = text.substr(0, kChunkLineMax).find(kLineEnd);
    if (end != std::string_view::npos) {
        return text.substr(0, end);
    }
    if (text.size() >= kChunkLineMax) {
        refuse(400, "a line of the chunked body is too long");
    }
    return std::nullopt;
}

void HttpRequestParser::read_chunk_size(std::string_view line) {
    const std::size_t extension = std::min(line.find(';'), line.size());
    const auto size = read_number(trimmed(line.substr(0, extension)), 16);
    if (!size) {
        refuse(400, "malformed chunk size");
    } else if (*size > x_body_bytes_max - x_request.body.size()) {
        refuse(413, "the body is too large");
    } else if (*size == 0) {
        x_step = BodyStep::trailer;
    } else {
        x_left = *size;
        x_step = BodyStep::chunk_bytes;
    }
}

std::size_t HttpRequestParser::feed_bytes(std::string_view text) {
    const std::size_t count = std::min<std::uint64_t>(text.size(), x_left);
    x_request.body.append(text.substr(0, count));
    x_left -= count;
    if (x_left == 0) {
        if (x_step == BodyStep::by_length) {
            x_state = State::complete;
        } else {
            x_step = BodyStep::chunk_end;
        }
    }
    return count;
}

HttpRequest HttpRequestParser::take() {
    CHECK(x_state == State::complete);
    x_state = State::head;
    x_headers = 0;
    x_trailer_bytes = 0;
    x_expects_continue = false;
    return std::exchange(x_request, {});
}

bool HttpRequestParser::take_expects_continue() {
    return std::exchange(x_expects_continue, false);
}

}  // namespace millrace::runtime
